"""The strategies that choose pictures for review: numbers in, choices with their scores out. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from models.golden import box_iou
from models.runtime import Verdict

Strategy = Literal["uncertainty", "class_rarity", "disagreement", "diversity", "random_audit"]
ALL_STRATEGIES: Final[list[Strategy]] = ["uncertainty", "class_rarity", "disagreement", "diversity", "random_audit"]

_GRADE: Final = {"pass": 0, "uncertain": 1, "fail": 2}
_SAME_IOU: Final = 0.5  # the overlap from which two boxes are one finding, as in the usual average precision


@dataclass(frozen=True, slots=True)
class Pick:
    """One chosen picture.

    Attributes:
        index: Its place in what was offered.
        score: How much it is wanted, above 0 up to 1.
    """

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Quota:
    """What one strategy may do.

    Attributes:
        places: Pictures of one window, those that it put there earlier included.
        weight: What its scores are multiplied by, 0-1.
    """

    places: int
    weight: float


def quotas_of(strategies: Sequence[Strategy], weights: Sequence[float], budget: int) -> dict[Strategy, Quota]:
    """The share of each ranking strategy in the budget, by largest remainder; the audit sample has its own.

    Args:
        strategies: As named; the first of equals gets the odd place.
        weights: One for each but `random_audit`, in the same order; empty for equal ones.
        budget: Places in all.

    Raises:
        ValueError: A name twice, or weights that do not fit.
    """
    if len(set(strategies)) != len(strategies):
        raise ValueError("a strategy is named twice")
    ranking = [name for name in strategies if name != "random_audit"]
    given = list(weights) or [1.0] * len(ranking)
    if len(given) != len(ranking):
        raise ValueError(f"weights needs {len(ranking)} numbers, for {', '.join(ranking) or 'nothing'}")
    if not all(np.isfinite(weight) and weight > 0 for weight in given):
        raise ValueError("weights are above 0; leave a strategy out to switch it off")
    shares = [budget * weight / sum(given) for weight in given]
    places = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda at: places[at] - shares[at])
    for at in by_remainder[: budget - sum(places)]:
        places[at] += 1
    return {name: Quota(place, weight / max(given)) for name, place, weight in zip(ranking, places, given, strict=True)}


def highest(scores: Sequence[float], places: int, *, least: float = 0.0) -> list[Pick]:
    """The highest scores, those of `least` and below left out; the earlier of equals first."""
    order = sorted((at for at, score in enumerate(scores) if score > least), key=lambda at: -scores[at])
    return [Pick(at, scores[at]) for at in order[:places]]


def rarest_first(classes: Sequence[Collection[str]], labelled: Mapping[str, int], places: int) -> list[Pick]:
    """Pictures of the classes that fewest labels speak of, one after another.

    Each chosen picture counts for its classes as if it were labelled already, so that the choice evens out and does
    not take one class alone. The score is that of its rarest class: 1 for the rarest of all, half for one with twice
    as many.

    Args:
        classes: Of each picture on offer; one without any is never chosen.
        labelled: Labels so far, by class; one that is missing has none.
        places: At most so many.
    """
    counts = {name: labelled.get(name, 0) for found in classes for name in found}
    left = [at for at, found in enumerate(classes) if found]
    rarest = min(counts.values(), default=0)
    picks: list[Pick] = []
    while left and len(picks) < places:
        best = min(left, key=lambda at: min(counts[name] for name in classes[at]))
        fewest = min(counts[name] for name in classes[best])
        picks.append(Pick(best, (1 + rarest) / (1 + fewest)))
        left.remove(best)
        for name in classes[best]:
            counts[name] += 1
    return picks


def farthest_first(vectors: npt.NDArray[np.float32], centres: npt.NDArray[np.float32], places: int) -> list[Pick]:
    """Pictures that lie farthest from all that are known or chosen: the greedy k-center.

    The first of all, where nothing is known, is the one nearest to the middle. The score is the distance at which a
    picture was chosen, in proportion to that of the first; a copy of what is there (distance 0) is never chosen.

    Args:
        vectors: float32 (N, d), what is on offer.
        centres: float32 (M, d), what is known; M may be 0.
        places: At most so many.

    Source:
        Gonzalez (1985), Clustering to minimize the maximum intercluster distance; for active learning Sener and
        Savarese (2018), A core-set approach.
    """
    if not len(vectors) or places < 1:
        return []
    picks: list[Pick] = []
    if len(centres):
        nearest = np.min([np.linalg.norm(vectors - centre, axis=1) for centre in centres], axis=0)
    else:
        first = int(np.argmin(np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)))
        picks.append(Pick(first, 1.0))
        nearest = np.linalg.norm(vectors - vectors[first], axis=1)
    scale = float(nearest.max())
    while len(picks) < places:
        at = int(np.argmax(nearest))
        if nearest[at] <= 0.0:
            break
        picks.append(Pick(at, float(nearest[at]) / scale))
        nearest = np.minimum(nearest, np.linalg.norm(vectors - vectors[at], axis=1))
    return picks


def disagreement_of(first: Verdict, second: Verdict) -> float:
    """How differently two versions judge one picture, 0-1: half for the decision, half for what they found.

    The decision counts 1 between pass and fail and 1/2 where one of them is uncertain; the findings count the share
    that has no partner of the same class with an overlap of 0.5 on the other side.
    """
    decisions = abs(_GRADE[first.decision] - _GRADE[second.decision]) / 2
    found = len(first.detections) + len(second.detections)
    left = list(second.detections)
    for mine in first.detections:
        partner = next(
            (
                theirs
                for theirs in left
                if theirs.class_name == mine.class_name and box_iou(mine.box_xyxy, theirs.box_xyxy) >= _SAME_IOU
            ),
            None,
        )
        if partner is not None:
            left.remove(partner)
    matched = len(second.detections) - len(left)
    findings = 1.0 - 2.0 * matched / found if found else 0.0
    return (decisions + findings) / 2
