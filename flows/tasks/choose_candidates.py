"""From the candidates of a window to those that go into the review queue, each with its reasons."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from flows.tasks.look_at_pictures import Seen
from flows.tasks.strategies import Pick, Quota, Strategy, farthest_first, highest, rarest_first
from serving.curation.schemas import CandidateOut, lot_of
from serving.review.schemas import Reason

# Half-way to a threshold: what is less open than this is not open at all, however few pictures there are.
_LEAST_UNCERTAINTY: Final = 0.25


@dataclass(slots=True)
class Choosing:
    """One window.

    Attributes:
        candidates: Every candidate, one per content, those in the queue included.
        seen: What was seen in the pictures that were looked at, by inspection id.
        labelled: Labels so far, by class.
        reasons: What is chosen, by inspection id.
    """

    candidates: Sequence[CandidateOut]
    seen: Mapping[str, Seen]
    labelled: Mapping[str, int]
    reasons: dict[str, list[Reason]] = field(default_factory=dict)

    def follow(self, quotas: Mapping[Strategy, Quota]) -> dict[str, list[Reason]]:
        """What each strategy chooses of the candidates that are not in the queue, by inspection id.

        A place that a strategy took in an earlier run on the same window is taken: run again, nothing is added.
        Diversity comes last, so that it looks for what the others leave out.
        """
        taken = Counter(name for each in self.candidates if each.in_queue for name in each.in_queue.strategies)
        ways: dict[Strategy, Callable[[int], list[tuple[CandidateOut, float]]]] = {
            "uncertainty": self._uncertain,
            "class_rarity": self._rare,
            "disagreement": self._disputed,
            "diversity": self._diverse,
        }
        for name, choose in ways.items():
            quota = quotas.get(name)
            if quota is None:
                continue
            for each, score in choose(max(0, quota.places - taken[name])):
                reason = Reason(strategy=name, score=round(score * quota.weight, 4))
                self.reasons.setdefault(each.inspection_id, []).append(reason)
        return self.reasons

    @property
    def _fresh(self) -> list[CandidateOut]:
        return [each for each in self.candidates if each.in_queue is None]

    def _uncertain(self, places: int) -> list[tuple[CandidateOut, float]]:
        fresh = self._fresh
        return _named(fresh, highest([each.uncertainty for each in fresh], places, least=_LEAST_UNCERTAINTY))

    def _rare(self, places: int) -> list[tuple[CandidateOut, float]]:
        fresh = self._fresh
        return _named(fresh, rarest_first([each.classes for each in fresh], self.labelled, places))

    def _disputed(self, places: int) -> list[tuple[CandidateOut, float]]:
        fresh = [each for each in self._fresh if each.inspection_id in self.seen]
        scores = [self.seen[each.inspection_id].disagreement or 0.0 for each in fresh]
        return _named(fresh, highest(scores, places))

    def _diverse(self, places: int) -> list[tuple[CandidateOut, float]]:
        offered, known = [], []
        for each in self.candidates:
            vector = self.seen[each.inspection_id].vector if each.inspection_id in self.seen else None
            if vector is None:
                continue
            if each.in_queue is not None or each.inspection_id in self.reasons:
                known.append(vector)
            else:
                offered.append((each, vector))
        picks = farthest_first(_stacked([v for _, v in offered]), _stacked(known), places)
        return _named([each for each, _ in offered], picks)


def one_per_content(candidates: Sequence[CandidateOut]) -> list[CandidateOut]:
    """The candidates without those whose picture is the same, to the byte, as that of an earlier one."""
    kept: dict[str, CandidateOut] = {}
    for each in candidates:
        kept.setdefault(each.image_sha256, each)
    return list(kept.values())


def by_lot(candidates: Sequence[CandidateOut], seed: int, most: int) -> list[CandidateOut]:
    """At most so many of them, by lot: the same ones when asked again, and other lots than those of the audit."""
    return sorted(candidates, key=lambda each: lot_of(seed, f"look/{each.inspection_id}"))[:most]


def _named(offered: Sequence[CandidateOut], picks: Sequence[Pick]) -> list[tuple[CandidateOut, float]]:
    return [(offered[pick.index], pick.score) for pick in picks]


def _stacked(vectors: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    return np.stack(vectors) if vectors else np.empty((0, 0), np.float32)
