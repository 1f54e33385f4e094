"""One score for a whole part, over all classes: how far its worst proposal lies above where its class begins."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from flows.tasks.coco import Annotation
from models.detections import Detection
from models.golden import box_iou

LOWEST = 0.05
"""No threshold lies below this score, so that no lower score can matter."""
_TOUCHES_IOU = 0.1


def logit(score: float) -> float:
    """Return log-odds of a score; on this scale a step from 0.98 to 0.99 is as long as one from 0.02 to 0.01."""
    kept = min(max(score, 1e-6), 1.0 - 1e-6)
    return math.log(kept / (1.0 - kept))


def sigmoid(log_odds: float) -> float:
    """Return the score of log-odds."""
    return 1.0 / (1.0 + math.exp(-log_odds))


def part_log_odds(detections: Iterable[Detection], counted_from: Mapping[str, float]) -> float:
    """Return how far the part's worst proposal lies above the score that its class is counted from, in log-odds.

    A part is judged by all classes at once, and the classes' scores are not alike: 0.3 may be noise for one of them
    and a sure thing for the next. Taken from where each class begins, they can be compared.

    Args:
        detections: All proposals.
        counted_from: That score, for each class.
    """
    lowest = max((logit(score) for score in counted_from.values()), default=0.0)
    nothing = logit(LOWEST) - lowest
    heights = (logit(max(d.confidence, LOWEST)) - logit(counted_from[d.class_name]) for d in detections)
    return max(heights, default=nothing)


def is_on(detection: Detection, annotation: Annotation) -> bool:
    """Return whether a proposal, of whatever class, lies on an annotated defect: overlaps it, or is a piece of it."""
    x0, y0, x1, y1 = annotation.box_xyxy
    left, top, right, bottom = detection.box_xyxy
    x, y = (left + right) / 2.0, (top + bottom) / 2.0
    is_piece = x0 <= x <= x1 and y0 <= y <= y1
    return is_piece or box_iou(detection.box_xyxy, annotation.box_xyxy) >= _TOUCHES_IOU


def auroc(good: Sequence[float], defective: Sequence[float]) -> float | None:
    """Return how often a defective part scores above a good one, ties counting half; None without parts of both kinds.

    Source:
        Hanley and McNeil (1982), Radiology 143: the area under the ROC curve is the Mann-Whitney statistic.
    """
    if not good or not defective:
        return None
    ranks = rankdata(np.concatenate([np.asarray(defective), np.asarray(good)]))
    above = float(ranks[: len(defective)].sum()) - len(defective) * (len(defective) + 1) / 2.0
    return above / (len(defective) * len(good))
