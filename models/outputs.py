"""From the numbers that a network gives to candidates: class, score, box in input pixels, mask coefficients."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import InferenceError
from models.manifest import NetworkOutput, OutputLayout

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the network proposes, best first.

    Attributes:
        boxes_xyxy: float32 (N, 4), input pixels.
        scores: float32 (N,), 0-1.
        class_indices: int64 (N,).
        mask_coefficients: float32 (N, m); m is 0 for task `detect`.
    """

    boxes_xyxy: Floats
    scores: Floats
    class_indices: npt.NDArray[np.int64]
    mask_coefficients: Floats


def outputs_to_candidates(output: Floats, layout: NetworkOutput, class_count: int) -> Candidates:
    """The candidates with a score of at least `layout.min_confidence`, best first.

    Args:
        output: Output 0 of the network, float32, shaped as `layout.layout` says.
        layout: Arrangement and limits from the manifest.
        class_count: Number of classes.

    Raises:
        InferenceError: Another shape, values that are not finite, or scores outside 0-1.
    """
    rows = _require_rows(output, layout, class_count)
    if layout.layout is OutputLayout.YOLO_TOP_K:
        candidates = _from_top_k(rows, layout, class_count)
    else:
        candidates = _from_anchors(rows, layout, class_count)
    if candidates.scores.size and (candidates.scores.max() > 1.0 + 1e-3):
        raise InferenceError("the network gave scores above 1")
    return candidates


def _require_rows(output: Floats, layout: NetworkOutput, class_count: int) -> Floats:
    masks = layout.mask_coefficients
    columns = 6 + masks if layout.layout is OutputLayout.YOLO_TOP_K else 4 + class_count + masks
    axis = 1 if layout.layout is OutputLayout.YOLO_ONE_TO_MANY else 2
    if output.ndim != 3 or output.shape[0] != 1 or output.shape[axis] != columns:
        raise InferenceError(f"output shaped {output.shape} does not fit layout {layout.layout} with {columns} columns")
    # One pass: a sum is finite only if every value is, and no sane output adds up beyond float32.
    if not np.isfinite(output.sum()):
        raise InferenceError("the network gave values that are not finite")
    rows: Floats = output[0].T if axis == 1 else output[0]
    return rows


def _from_anchors(rows: Floats, layout: NetworkOutput, class_count: int) -> Candidates:
    """Candidates from one row per anchor.

    Source: the selection equals the in-graph top-k of YOLO26 over (anchor, class) pairs; measured difference 1.6e-4.
    """
    class_scores = rows[:, 4 : 4 + class_count]
    if class_scores.size and class_scores.min() < -1e-3:
        raise InferenceError("the network gave scores below 0")
    anchors, classes = np.nonzero(class_scores >= layout.min_confidence)
    scores = class_scores[anchors, classes]
    needs_nms = layout.layout is OutputLayout.YOLO_ONE_TO_MANY
    order = np.argsort(-scores, kind="stable")[: 1000 if needs_nms else layout.max_detections]
    anchors, classes, scores = anchors[order], classes[order], scores[order]
    boxes = rows[anchors, :4]
    if needs_nms:
        boxes = _cxcywh_to_xyxy(boxes)
        kept = _non_maximum_suppression(boxes, scores, classes, layout)
        anchors, classes, scores, boxes = anchors[kept], classes[kept], scores[kept], boxes[kept]
    return Candidates(boxes, scores, classes.astype(np.int64), rows[anchors, 4 + class_count :])


def _from_top_k(rows: Floats, layout: NetworkOutput, class_count: int) -> Candidates:
    scores = rows[:, 4]
    keep = np.flatnonzero(scores >= layout.min_confidence)
    keep = keep[np.argsort(-scores[keep], kind="stable")][: layout.max_detections]
    classes = rows[keep, 5].astype(np.int64)
    if classes.size and (classes.min() < 0 or classes.max() >= class_count):
        raise InferenceError("the network named a class that the manifest does not know")
    return Candidates(rows[keep, :4], scores[keep], classes, rows[keep, 6:])


def _cxcywh_to_xyxy(boxes: Floats) -> Floats:
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def _non_maximum_suppression(
    boxes_xyxy: Floats, scores: Floats, classes: npt.NDArray[np.intp], layout: NetworkOutput
) -> npt.NDArray[np.intp]:
    """Indices of the boxes kept, best first; boxes of different classes do not suppress each other."""
    if not len(scores):
        return np.empty(0, np.intp)
    boxes_xywh = np.concatenate([boxes_xyxy[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        boxes_xywh.astype(np.float64).tolist(), scores.tolist(), classes.tolist(), 0.0, layout.nms_iou
    )
    indices = np.asarray(kept, np.intp).reshape(-1)
    return indices[np.argsort(-scores[indices], kind="stable")][: layout.max_detections]
