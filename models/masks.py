"""Masks of a segmenting YOLO as polygons in picture pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.detections import Polygon
from models.letterbox import Placement

Floats = npt.NDArray[np.float32]
# A mask is known to a quarter of an input pixel at best; enlarging it beyond this side adds vertices, no knowledge.
_MAX_SIDE_PX = 640


@dataclass(frozen=True, slots=True)
class MaskOutline:
    """The outline of one mask.

    Attributes:
        rings: Outer rings in picture pixels, largest first; empty where the network drew no mask.
        area_px: Mask area in picture pixels.
        length_px: Longer side of the smallest rotated rectangle around the mask, picture pixels.
        width_px: Shorter side of it.
        box_xyxy: The upright box around the mask in picture pixels; None where there is no mask.
    """

    rings: tuple[Polygon, ...]
    area_px: float
    length_px: float
    width_px: float
    box_xyxy: tuple[float, float, float, float] | None = None


def outline_of_mask(
    coefficients: Floats,
    prototypes: Floats,
    box_xyxy: Floats,
    placement: Placement,
    input_hw: tuple[int, int],
) -> MaskOutline:
    """The outline of one detection's mask, cut to its box.

    Args:
        coefficients: float32 (m,).
        prototypes: float32 (m, prototype height, prototype width).
        box_xyxy: float32 (4,), picture pixels.
        placement: Where the picture lies in the input.
        input_hw: Size of the input.

    Source: YOLACT (Bolya et al. 2019, section 3): mask = sigmoid(prototypes x coefficients), cut to the box; the
    logits are enlarged, not the binary mask, so that the edge is found between prototype pixels.
    """
    x0, y0, x1, y1 = (float(v) for v in box_xyxy)
    window, origin_xy = _prototype_window(prototypes, (x0, y0, x1, y1), placement, input_hw)
    logits = (coefficients @ window.reshape(coefficients.size, -1)).reshape(window.shape[1:])
    per_input_px = prototypes.shape[2] / input_hw[1]
    return outline_of_field(logits, origin_xy, per_input_px, (x0, y0, x1, y1), placement, above=0.0)


def outline_of_field(
    field: Floats,
    origin_xy: tuple[int, int],
    cells_per_input_px: float,
    box_xyxy: tuple[float, float, float, float],
    placement: Placement,
    *,
    above: float,
) -> MaskOutline:
    """The outline of where a coarse field lies above a value, cut to a box and found between its cells.

    Args:
        field: float32 (rows, columns), a window of a map that covers the network's input.
        origin_xy: Column and row of the window in the map.
        cells_per_input_px: Cells of the map per pixel of the input.
        box_xyxy: Where to look, picture pixels.
        placement: Where the picture lies in the input.
        above: The value.
    """
    x0, y0, x1, y1 = box_xyxy
    width_px, height_px = max(x1 - x0, 1e-3), max(y1 - y0, 1e-3)
    shrink = min(1.0, _MAX_SIDE_PX / max(width_px, height_px))
    columns, rows = max(1, round(width_px * shrink)), max(1, round(height_px * shrink))
    step_x, step_y = width_px / columns, height_px / rows
    # Centre of picture pixel -> position in the window; OpenCV counts from pixel centres, hence the halves.
    cells_per_px = placement.scale * cells_per_input_px
    first_x = (x0 + step_x / 2) * cells_per_px + placement.left_px * cells_per_input_px - 0.5 - origin_xy[0]
    first_y = (y0 + step_y / 2) * cells_per_px + placement.top_px * cells_per_input_px - 0.5 - origin_xy[1]
    to_window = np.array([[step_x * cells_per_px, 0.0, first_x], [0.0, step_y * cells_per_px, first_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(field, to_window, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return _trace((fine > above).astype(np.uint8), (x0, y0), (step_x, step_y))


def _prototype_window(
    prototypes: Floats, box_xyxy: tuple[float, float, float, float], placement: Placement, input_hw: tuple[int, int]
) -> tuple[Floats, tuple[int, int]]:
    """The prototypes around a box with two pixels to spare, and the window's origin in prototype pixels."""
    per_input_px = prototypes.shape[2] / input_hw[1]
    left, top = placement.left_px, placement.top_px
    x0, x1 = ((box_xyxy[i] * placement.scale + left) * per_input_px for i in (0, 2))
    y0, y1 = ((box_xyxy[i] * placement.scale + top) * per_input_px for i in (1, 3))
    column, row = max(0, int(x0) - 2), max(0, int(y0) - 2)
    window = prototypes[:, row : max(row + 1, int(y1) + 3), column : max(column + 1, int(x1) + 3)]
    return window, (column, row)


def _trace(mask: npt.NDArray[np.uint8], origin_xy: tuple[float, float], step_xy: tuple[float, float]) -> MaskOutline:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return MaskOutline((), 0.0, 0.0, 0.0)
    contours = sorted(contours, key=cv2.contourArea, reverse=True)
    step, origin = np.array(step_xy), np.array(origin_xy)
    rings = []
    for contour in contours:
        simple = cv2.approxPolyDP(contour, 0.7, closed=True)[:, 0]
        if len(simple) >= 3:
            rings.append(tuple(map(tuple, np.round((simple + 0.5) * step + origin, 2).tolist())))
    area = float(np.count_nonzero(mask)) * step_xy[0] * step_xy[1]
    points = np.concatenate(contours)[:, 0]
    _, sides, _ = cv2.minAreaRect((points * step).astype(np.float32))
    # The rectangle runs through pixel centres; half a pixel is missing at each end.
    length, width = max(sides) + max(step_xy), min(sides) + min(step_xy)
    (left, top), (right, bottom) = points.min(axis=0) * step, (points.max(axis=0) + 1) * step
    x, y = origin_xy
    box = (x + float(left), y + float(top), x + float(right), y + float(bottom))
    return MaskOutline(tuple(rings), area, float(length), float(width), box)
