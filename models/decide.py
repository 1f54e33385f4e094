"""The decision on a part from its detections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from models.detections import Detection, Polygon
from models.recipe import Recipe, Thresholds

Decision = Literal["pass", "fail", "uncertain"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision with what it rests on.

    Attributes:
        decision: `fail` if any counted detection reaches its class's reject score, else `uncertain` if any is counted,
            else `pass`.
        confidence: Highest score among the counted detections; of a pass, 1 minus the highest score that was too low
            to count.
        detections: The counted detections, highest score first.
    """

    decision: Decision
    confidence: float
    detections: tuple[Detection, ...]


def decide(candidates: Sequence[Detection], thresholds: Mapping[str, Thresholds], recipe: Recipe) -> Judgement:
    """The judgement of a part.

    Args:
        candidates: Everything that the network proposed, also below the thresholds.
        thresholds: For every class; see `thresholds_in_force`.
        recipe: The station's rules.

    Raises:
        KeyError: A candidate's class has no thresholds.
    """
    relevant = [d for d in candidates if _is_relevant(d, recipe)]
    relevant.sort(key=lambda d: -d.confidence)
    counted = tuple(d for d in relevant if d.confidence >= thresholds[d.class_name].accept_below)
    if any(d.confidence >= thresholds[d.class_name].reject_above for d in counted):
        return Judgement("fail", counted[0].confidence, counted)
    if counted:
        return Judgement("uncertain", counted[0].confidence, counted)
    highest = relevant[0].confidence if relevant else 0.0
    return Judgement("pass", 1.0 - highest, ())


def thresholds_in_force(bundle: Mapping[str, Thresholds], recipe: Recipe) -> dict[str, Thresholds]:
    """Thresholds per class of the bundle, the station's own ones put over them."""
    return {name: recipe.thresholds.get(name, limits) for name, limits in bundle.items()}


def _is_relevant(detection: Detection, recipe: Recipe) -> bool:
    extent, name = detection.extent, detection.class_name
    if extent.area_px < recipe.min_area_px.get(name, 0.0):
        return False
    # A limit in mm² is only applied where the area is known in mm²; without calibration nothing is left out.
    if extent.area_mm2 is not None and extent.area_mm2 < recipe.min_area_mm2.get(name, 0.0):
        return False
    return recipe.region_of_interest is None or _touches(detection, recipe.region_of_interest)


def _touches(detection: Detection, region: Polygon) -> bool:
    """Whether any of a detection lies in the region: a defect across its border counts, so that none slips out."""
    x0, y0, x1, y1 = detection.box_xyxy
    left, top = int(np.floor(x0)), int(np.floor(y0))
    width, height = max(1, int(np.ceil(x1)) - left), max(1, int(np.ceil(y1)) - top)
    origin = np.array([left, top])
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [np.round(np.array(region) - origin).astype(np.int32)], 1)
    if not detection.mask_polygon:
        return bool(inside.any())
    outline = np.zeros_like(inside)
    cv2.fillPoly(outline, [np.round(np.array(r) - origin).astype(np.int32) for r in detection.mask_polygon], 1)
    return bool((inside & outline).any())
