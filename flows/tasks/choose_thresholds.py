"""Thresholds per class from validation parts: where noise ends and where defects begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flows.tasks.coco import Annotation
from flows.tasks.evaluate import Inspected
from models.detections import Detection
from models.golden import box_iou
from models.recipe import Thresholds

_FOUND_IOU = 0.1
"""A defect counts as found where a box of its class touches it by this much: a part is rejected for it either way."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may go wrong on validation parts.

    Attributes:
        overkill: Share of good parts that may fail, over all classes.
        uncertain: Share of good parts that may be uncertain, over all classes.
        missed: Share of the defects of a class taken for hopeless: not those decide where its defects begin.
        left_open: Share of the defects of a class that may be left uncertain for the sake of fewer false alarms.
        lowest: No threshold lies below this score.
    """

    overkill: float = 0.004
    uncertain: float = 0.02
    missed: float = 0.004
    left_open: float = 0.03
    lowest: float = 0.05


def choose_thresholds(
    inspected: Sequence[Inspected], class_names: Sequence[str], budget: Budget
) -> dict[str, Thresholds]:
    """Return the thresholds of each class.

    Let `noise` be the score that good parts reach no more often than the budget allows, and `signal` the score that all
    but a hopeless few of the defects reach. Where `noise` < `signal` the threshold lies between them. Accepting begins
    nearer to the noise, since an escape costs more than a second look. Rejecting begins midway to a signal that leaves
    some defects uncertain, since a threshold just above the noise of today is below that of tomorrow. Where the two
    overlap the budget decides: an escape then cannot be bought off without more false alarms.

    Args:
        inspected: Validation parts, good and defective, with all proposals.
        class_names: All classes.
        budget: What may go wrong.
    """
    good = [part for part in inspected if part.picture.is_good]
    thresholds = {}
    for class_name in class_names:
        false_scores = np.array([_highest(part.detections, class_name) for part in good] or [0.0])
        true_scores = _true_scores(inspected, class_name)
        noise = _exceeded_by(false_scores, budget.uncertain / len(class_names))
        accept = _between(noise, _reached_by(true_scores, budget.missed), 0.25)
        noise = _exceeded_by(false_scores, budget.overkill / len(class_names))
        reject = _between(noise, _reached_by(true_scores, budget.left_open), 0.5)
        accept = min(max(accept, budget.lowest), 0.99)
        thresholds[class_name] = Thresholds(round(accept, 3), round(min(max(reject, accept, 0.1), 0.99), 3))
    return thresholds


def _between(noise: float, signal: float, part: float) -> float:
    """Return the score at `part` of the way from noise to signal, just above the noise where these overlap."""
    return noise + part * (signal - noise) if noise < signal else noise + 0.01


def _reached_by(scores: np.ndarray, share: float) -> float:
    """Return the largest of the scores that all but `share` of them reach."""
    return float(np.quantile(scores, share, method="lower"))


def _highest(detections: Sequence[Detection], class_name: str) -> float:
    return max((found.confidence for found in detections if found.class_name == class_name), default=0.0)


def _exceeded_by(scores: np.ndarray, share: float) -> float:
    """Return the smallest of the scores that at most `share` of them exceed."""
    return float(np.quantile(scores, 1.0 - share, method="higher"))


def _true_scores(inspected: Sequence[Inspected], class_name: str) -> np.ndarray:
    """Return the best score on each annotated defect of a class, 0 where it was not found; [0] where there is none."""
    scores = [
        _score_of(annotation, part.detections)
        for part in inspected
        for annotation in part.picture.annotations
        if annotation.class_name == class_name
    ]
    return np.array(scores or [0.0])


def _score_of(annotation: Annotation, detections: Sequence[Detection]) -> float:
    touching = (
        found.confidence
        for found in detections
        if found.class_name == annotation.class_name and box_iou(found.box_xyxy, annotation.box_xyxy) >= _FOUND_IOU
    )
    return max(touching, default=0.0)
