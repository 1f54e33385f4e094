"""Maps of a surface network as regions: where a defect is, of which class, and how sure the network is of the part.

The score of the part rules. A part is as bad as the network says of it as a whole, and its clearest region bears that
score, so that a decision on regions is one on the part: a high score can never end as a pass because no region was
large or clear enough. Where none is, the spot where the map rises highest is shown.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import InferenceError
from models.letterbox import Placement
from models.manifest import NetworkOutput, SurfaceRegions
from models.masks import MaskOutline, outline_of_field

Floats = npt.NDArray[np.float32]
_CLEAREST: Final = 16
"""A region is as clear as the mean of so many of its cells, the highest ones: a single cell may be noise."""
_SPOT_SHARE: Final = 0.5
"""Where nothing reaches the threshold, the spot is where the map has this share of its highest value."""
_ROUNDING: Final = 1e-3
_LOWEST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Region:
    """One region of the map.

    Attributes:
        class_index: Its class.
        score: 0-1; of the clearest region that of the part.
        cells: Left, top, right, bottom in cells of the map, right and bottom outside.
        field: float32 (rows, columns), the map within `cells` and one cell around, with nothing of other regions.
        origin_xy: Column and row of `field` in the map.
        above: The value from which a cell belongs to the region.
    """

    class_index: int
    score: float
    cells: tuple[int, int, int, int]
    field: Floats
    origin_xy: tuple[int, int]
    above: float


@dataclass(frozen=True, slots=True)
class SurfaceMap:
    """The checked outputs of a surface network.

    Attributes:
        classes: float32 (nc, rows, columns), probabilities; nothing outside of the picture.
        stride: Pixels of the input per cell.
        part_score: 0-1.
    """

    classes: Floats
    stride: int
    part_score: float


def read_map(
    outputs: tuple[Floats, ...], class_count: int, input_hw: tuple[int, int], placement: Placement
) -> SurfaceMap:
    """The map and the part's score, checked.

    Raises:
        InferenceError: Another shape, values that are not finite, or outside 0-1.
    """
    if len(outputs) < 2:
        raise InferenceError(f"the network has {len(outputs)} outputs, 2 are needed")
    maps, part = outputs[0], outputs[1]
    stride = input_hw[0] // maps.shape[2] if maps.ndim == 4 and maps.shape[2] else 0
    expected = (1, class_count, *(side // stride for side in input_hw)) if stride else ()
    if maps.shape != expected or part.size != 1:
        raise InferenceError(f"outputs shaped {maps.shape} and {part.shape} are no map of {class_count} classes")
    score = float(part.reshape(-1)[0])
    # One pass: a sum is finite only if every value is.
    if not np.isfinite(maps.sum()) or not np.isfinite(score):
        raise InferenceError("the network gave values that are not finite")
    # 8 bits round: a sum of probabilities may lie a hair above 1.
    if min(float(maps.min()), score) < -_ROUNDING or max(float(maps.max()), score) > 1.0 + _ROUNDING:
        raise InferenceError("the network gave probabilities outside 0-1")
    inside = np.zeros_like(maps[0])
    height, width = (side * placement.scale for side in placement.shape_hw)
    rows = slice(placement.top_px // stride, int(np.ceil((placement.top_px + height) / stride)))
    columns = slice(placement.left_px // stride, int(np.ceil((placement.left_px + width) / stride)))
    inside[:, rows, columns] = np.clip(maps[0][:, rows, columns], 0.0, 1.0)
    return SurfaceMap(inside, stride, min(1.0, max(0.0, score)))


def regions_of(found: SurfaceMap, layout: NetworkOutput) -> list[Region]:
    """The regions of a map, clearest first; none only where the part's score is below the layout's lowest."""
    rules = layout.surface or SurfaceRegions()
    if found.part_score < layout.min_confidence:
        return []
    defect = found.classes.sum(axis=0)
    above = rules.pixel_from
    least = rules.min_area_px / found.stride**2
    numbered = _numbered(defect >= above, rules.join_gap_px / found.stride)
    kept = [n for n in range(1, int(numbered.max()) + 1) if np.count_nonzero(numbered == n) >= least]
    if not kept:
        above = max(float(defect.max()) * _SPOT_SHARE, _LOWEST)
        numbered = _numbered(defect >= above, 0.0)
        peak = np.unravel_index(int(defect.argmax()), defect.shape)
        kept = [int(numbered[peak])] if numbered[peak] else []
        if not kept:  # a map of nothing but zeros says not where: the whole picture is the region
            return [_everywhere(found)]
    clearness = [_clearness(defect[numbered == n]) for n in kept]
    order = sorted(range(len(kept)), key=lambda k: -clearness[k])[: layout.max_detections]
    scale = found.part_score / max(clearness[order[0]], _LOWEST)
    regions = [_region(found, defect, numbered == kept[k], min(1.0, clearness[k] * scale), above) for k in order]
    return [region for region in regions if region.score >= layout.min_confidence]


def box_of_region(region: Region, stride: int, placement: Placement) -> tuple[float, float, float, float]:
    """The box around a region's cells, left, top, right, bottom in picture pixels."""
    return _to_picture(region.cells, stride, placement)


def outline_of_region(region: Region, stride: int, placement: Placement) -> MaskOutline:
    """The outline of a region in picture pixels, found between the cells of the map."""
    left, top, right, bottom = region.cells
    window = _to_picture((left - 1, top - 1, right + 1, bottom + 1), stride, placement)
    return outline_of_field(region.field, region.origin_xy, 1.0 / stride, window, placement, above=region.above)


def _to_picture(
    cells: tuple[int, int, int, int], stride: int, placement: Placement
) -> tuple[float, float, float, float]:
    left, top, right, bottom = placement.boxes_to_picture(np.array([cells], np.float32) * np.float32(stride))[0]
    return float(left), float(top), float(right), float(bottom)


def _numbered(mask: npt.NDArray[np.bool_], gap: float) -> npt.NDArray[np.int32]:
    """The number of the region that each cell belongs to, 0 for none; pieces within the gap have one number."""
    reach = round(gap / 2)
    joined = mask.astype(np.uint8)
    if reach > 0:
        joined = cv2.dilate(joined, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)).astype(np.uint8)
    _, numbers = cv2.connectedComponents(joined, connectivity=8)
    return np.where(mask, numbers, 0).astype(np.int32)


def _clearness(values: Floats) -> float:
    count = min(_CLEAREST, values.size)
    return float(np.partition(values, -count)[-count:].mean())


def _region(found: SurfaceMap, defect: Floats, own: npt.NDArray[np.bool_], score: float, above: float) -> Region:
    rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    y0, x0 = max(0, top - 1), max(0, left - 1)
    window = np.s_[y0 : bottom + 1, x0 : right + 1]
    # A cell around the region keeps its value below the threshold, so that the edge lies where the map crosses it.
    field = np.where(own[window], defect[window], np.minimum(defect[window], above * 0.999)).astype(np.float32)
    class_index = int(found.classes[:, own].sum(axis=1).argmax())
    return Region(class_index, score, (left, top, right, bottom), field, (x0, y0), above)


def _everywhere(found: SurfaceMap) -> Region:
    _, rows, columns = found.classes.shape
    field = np.ones((rows, columns), np.float32)
    return Region(0, found.part_score, (0, 0, columns, rows), field, (0, 0), 0.5)
