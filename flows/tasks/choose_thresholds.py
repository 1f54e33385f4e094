"""Thresholds per class from validation parts, such that the verdict on a whole part keeps to what is allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flows.tasks.evaluate import Inspected
from flows.tasks.part_score import LOWEST, is_on, logit, part_log_odds, sigmoid
from models.detections import Detection
from models.recipe import Thresholds

Scores = npt.NDArray[np.float64]
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Budget:
    """What may go wrong, on parts and over all classes together.

    Attributes:
        escape: Share of defective parts that may pass.
        overkill: Share of good parts that may fail.
        uncertain: Share of good parts that may fail or be left to a person. It outranks `escape`: a network that
            separates badly would otherwise send every part to a person.
        overkill_cost: What one good part thrown away costs, in looks of a person at one uncertain part.
        defect_rate: Share of defective parts on the line; among pictures for training it is far higher.
        left_open: Share of defective parts that may be left uncertain for the sake of fewer false alarms.
    """

    escape: float = 0.02
    overkill: float = 0.01
    uncertain: float = 0.1
    overkill_cost: float = 10.0
    defect_rate: float = 0.02
    left_open: float = 0.03

    def __post_init__(self) -> None:
        """Refuse what is no share.

        Raises:
            ValueError: A share lies outside 0..1, or the cost is negative.
        """
        for name in ("escape", "overkill", "uncertain", "defect_rate", "left_open"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie in 0..1, not {getattr(self, name)}")
        if self.overkill_cost < 0.0:
            raise ValueError(f"overkill_cost must not be negative, got {self.overkill_cost}")


def choose_thresholds(
    inspected: Sequence[Inspected], class_names: Sequence[str], budget: Budget, *, is_one_score: bool = False
) -> dict[str, Thresholds]:
    """Return the thresholds of each class.

    First each class gets a reference, midway between what good parts show of it and what its defects show. Scores taken
    from there are comparable, and the highest of them is the part's one score (`part_log_odds`). On that scale two cuts
    are made for all classes at once, since a part is good only if it is good by every class:

    - Accepting ends where no more defective parts would pass than `escape` allows, as long as no more good parts than
      `uncertain` allows are held back. The cut lies a quarter of the way from the good parts below it to the defective
      ones above, since an escape costs more than a second look.
    - Rejecting begins where `overkill_cost` times the good parts that fail, and the parts left to a person, cost least
      at the line's `defect_rate`, and never where more good parts than `overkill` allows would fail. It lies midway in
      the gap: a threshold just above the noise of today is below that of tomorrow.

    A defective part counts as found by proposals that lie on its defects alone. One elsewhere fails the part as well,
    but by luck.

    Args:
        inspected: Validation parts, good and defective, with all proposals.
        class_names: All classes.
        budget: What may go wrong.
        is_one_score: Whether the network gives one score to the part as a whole, whichever classes it sees (task
            `surface`). All classes have one reference then: one for each would be chosen from a few parts each.
    """
    alike = [tuple(class_names)] if is_one_score else [(name,) for name in class_names]
    references = _references(inspected, alike, budget)
    lowest = part_log_odds((), references)
    good = np.sort([_height(p.detections, references, lowest) for p in inspected if p.picture.is_good])
    defective = np.sort([_height(_on_defects(p), references, lowest) for p in inspected if not p.picture.is_good])
    accept = _accept_cut(good, defective, budget, lowest)
    reject = _reject_cut(good, defective, accept, budget)
    return {name: _limits(references[name], accept, reject) for name in class_names}


def _limits(reference: float, accept: float, reject: float) -> Thresholds:
    below = min(max(sigmoid(logit(reference) + accept), LOWEST), 0.99)
    above = min(max(sigmoid(logit(reference) + reject), below, 2.0 * LOWEST), 0.99)
    return Thresholds(round(below, _DIGITS), round(above, _DIGITS))


def _height(detections: Sequence[Detection], references: Mapping[str, float], lowest: float) -> float:
    return max(part_log_odds(detections, references), lowest)


def _on_defects(part: Inspected) -> tuple[Detection, ...]:
    return tuple(d for d in part.detections if any(is_on(d, a) for a in part.picture.annotations))


def _references(inspected: Sequence[Inspected], alike: Sequence[tuple[str, ...]], budget: Budget) -> dict[str, float]:
    """Return for each class a score midway between its noise and its signal; just above the noise where they overlap.

    Noise is what good parts reach no more often than the class's part of the budget, signal what all but a hopeless few
    of its defects reach. Classes that are alike have one score.
    """
    references: dict[str, float] = {}
    for names in alike:
        false = [_highest(p.detections, names) for p in inspected if p.picture.is_good] or [0.0]
        noise = float(np.quantile(false, 1.0 - budget.uncertain / len(alike), method="higher"))
        signal = float(np.quantile(_true_scores(inspected, names) or [0.0], budget.escape, method="lower"))
        low, high = (logit(max(score, LOWEST)) for score in (noise, signal))
        reference = sigmoid(low + (high - low) / 2.0) if low < high else min(sigmoid(low) + 0.01, 0.98)
        references |= dict.fromkeys(names, reference)
    return references


def _highest(detections: Sequence[Detection], names: tuple[str, ...]) -> float:
    return max((d.confidence for d in detections if d.class_name in names), default=0.0)


def _true_scores(inspected: Sequence[Inspected], names: tuple[str, ...]) -> list[float]:
    """Return the best score on each annotated defect of some classes, 0 where it was not found."""
    return [
        _highest([d for d in part.detections if is_on(d, annotation)], names)
        for part in inspected
        for annotation in part.picture.annotations
        if annotation.class_name in names
    ]


def _accept_cut(good: Scores, defective: Scores, budget: Budget, lowest: float) -> float:
    """Return the height from which on a part does not pass."""
    held_back = math.floor(budget.uncertain * len(good))
    noise = float(good[-1 - held_back]) if held_back < len(good) else lowest
    missed = math.floor(budget.escape * len(defective))
    signal = float(defective[missed]) if missed < len(defective) else math.inf
    if signal > noise:
        # Both are kept. What the good parts right below the defective ones show is the noise then.
        below = good[good < signal]
        noise = max(noise, float(below[-1])) if len(below) else noise
    else:
        above = defective[defective > noise]
        signal = float(above[0]) if len(above) else math.inf
    return _between(noise, signal, 0.25)


def _reject_cut(good: Scores, defective: Scores, accept: float, budget: Budget) -> float:
    """Return the height from which on a part fails."""
    failing = math.floor(budget.overkill * len(good))
    floors = [accept, *(float(height) for height in good if height >= accept)]
    kept = [floor for floor in floors if np.sum(good > floor) <= failing] or floors[-1:]
    costs = [_cost(good, defective, accept, floor, budget) for floor in kept]
    noise = kept[int(np.argmin(costs))]
    above = defective[defective > noise]
    if not len(above):
        return _between(noise, math.inf, 0.5)
    open_ones = float(np.quantile(defective, budget.left_open, method="lower"))
    next_good = good[good > noise]
    signal = max(float(above[0]), open_ones)
    return _between(noise, min(signal, float(next_good[0])) if len(next_good) else signal, 0.5)


def _cost(good: Scores, defective: Scores, accept: float, noise: float, budget: Budget) -> float:
    """Return what a thousandth of the line's parts costs in second looks if parts above `noise` fail."""
    fails = _share(good > noise)
    looks_good = _share((good >= accept) & (good <= noise))
    looks_defective = _share((defective >= accept) & (defective <= noise))
    among_good = budget.overkill_cost * fails + looks_good
    return (1.0 - budget.defect_rate) * among_good + budget.defect_rate * looks_defective


def _share(which: npt.NDArray[np.bool_]) -> float:
    return float(which.mean()) if len(which) else 0.0


def _between(noise: float, signal: float, part: float) -> float:
    """Return the height at `part` of the way; a little above the noise where no signal is seen."""
    return noise + part * (signal - noise) if math.isfinite(signal) else noise + 0.1
