"""A map becomes regions whose scores decide as the part's score does, and what is no map is refused."""

import numpy as np
import pytest

from models.decide import decide
from models.detections import Detection, Extent
from models.errors import InferenceError
from models.letterbox import Placement, place
from models.manifest import NetworkOutput, OutputLayout, SurfaceRegions
from models.recipe import Recipe, Thresholds
from models.surface import box_of_region, outline_of_region, read_map, regions_of

INPUT_HW = (64, 64)
WHOLE = place((64, 64), INPUT_HW)
RULES = SurfaceRegions(pixel_from=0.5, min_area_px=12.0, join_gap_px=6.0)
LAYOUT = NetworkOutput(layout=OutputLayout.SURFACE_MAP, surface=RULES, min_confidence=0.01)


def _outputs(*spots: tuple[int, slice, slice, float], part: float = 0.9) -> tuple[np.ndarray, ...]:
    """Outputs of two classes at stride 2 with spots of (class, rows, columns, probability)."""
    maps = np.zeros((1, 2, 32, 32), np.float32)
    for class_index, rows, columns, value in spots:
        maps[0, class_index, rows, columns] = value
    return maps, np.array([[part]], np.float32)


def test_class_box_area_and_outline_are_those_of_the_spot_when_found() -> None:
    found = read_map(_outputs((1, slice(8, 16), slice(4, 10), 0.98)), 2, INPUT_HW, WHOLE)
    (region,) = regions_of(found, LAYOUT)
    assert region.class_index == 1
    assert region.score == pytest.approx(0.9)
    assert box_of_region(region, found.stride, WHOLE) == (8.0, 16.0, 20.0, 32.0)
    outline = outline_of_region(region, found.stride, WHOLE)
    assert outline.area_px == pytest.approx(12 * 16, rel=0.1)
    assert outline.box_xyxy == pytest.approx((8.0, 16.0, 20.0, 32.0), abs=1.0)
    (ring,) = outline.rings
    assert len(ring) >= 4


def test_boxes_are_in_picture_pixels_when_the_picture_was_letterboxed() -> None:
    placement = place((128, 64), INPUT_HW)  # half size, sixteen grey columns on either side
    found = read_map(_outputs((0, slice(8, 16), slice(10, 14), 0.9)), 2, INPUT_HW, placement)
    (region,) = regions_of(found, LAYOUT)
    assert box_of_region(region, found.stride, placement) == (8.0, 32.0, 24.0, 64.0)


def test_what_the_map_says_of_the_grey_border_counts_nothing_when_letterboxed() -> None:
    placement = place((128, 64), INPUT_HW)
    outputs = _outputs((0, slice(8, 16), slice(0, 4), 0.99), (1, slice(20, 24), slice(12, 16), 0.8))
    (region,) = regions_of(read_map(outputs, 2, INPUT_HW, placement), LAYOUT)
    assert region.class_index == 1


def test_pieces_of_a_crack_are_one_region_when_the_gap_is_small() -> None:
    pieces = (0, slice(10, 12), slice(4, 10), 0.9), (0, slice(10, 12), slice(12, 18), 0.9)
    (region,) = regions_of(read_map(_outputs(*pieces), 2, INPUT_HW, WHOLE), LAYOUT)
    assert region.cells == (4, 10, 18, 12)
    apart = LAYOUT.model_copy(update={"surface": RULES.model_copy(update={"join_gap_px": 0.0})})
    assert len(regions_of(read_map(_outputs(*pieces), 2, INPUT_HW, WHOLE), apart)) == 2


def test_clearest_region_bears_the_score_of_the_part_when_there_are_several() -> None:
    spots = (0, slice(2, 8), slice(2, 8), 0.6), (1, slice(20, 28), slice(20, 28), 0.9)
    regions = regions_of(read_map(_outputs(*spots, part=0.75), 2, INPUT_HW, WHOLE), LAYOUT)
    assert [r.class_index for r in regions] == [1, 0]
    assert [r.score for r in regions] == pytest.approx([0.75, 0.5])


@pytest.mark.parametrize(
    "spots",
    [
        (),  # nothing at all
        ((0, slice(5, 6), slice(5, 6), 0.9),),  # clear, but too small to count
        ((1, slice(8, 20), slice(8, 20), 0.3),),  # large, but nowhere clear
    ],
)
def test_part_cannot_pass_when_its_score_is_high_and_no_region_qualifies(
    spots: tuple[tuple[int, slice, slice, float], ...],
) -> None:
    found = read_map(_outputs(*spots, part=0.8), 2, INPUT_HW, WHOLE)
    (region,) = regions_of(found, LAYOUT)
    detection = Detection("ab"[region.class_index], region.score, box_of_region(region, 2, WHOLE), Extent(1, 1, 1))
    limits = Thresholds(0.3, 0.6)
    assert decide([detection], {"a": limits, "b": limits}, Recipe()).decision == "fail"


def test_part_passes_when_its_score_is_low_whatever_the_map_shows() -> None:
    spot = (0, slice(2, 12), slice(2, 12), 0.99)
    (region,) = regions_of(read_map(_outputs(spot, part=0.05), 2, INPUT_HW, WHOLE), LAYOUT)
    assert region.score == pytest.approx(0.05)
    assert regions_of(read_map(_outputs(spot, part=0.005), 2, INPUT_HW, WHOLE), LAYOUT) == []


def test_no_more_regions_than_allowed_when_the_map_is_all_noise() -> None:
    maps, part = _outputs()
    maps[0, 0, ::4, ::4] = 0.9
    layout = LAYOUT.model_copy(update={"max_detections": 5, "surface": SurfaceRegions(min_area_px=1, join_gap_px=0)})
    assert len(regions_of(read_map((maps, part), 2, INPUT_HW, WHOLE), layout)) == 5


def _spoilt(value: float, *, part: bool = False) -> tuple[np.ndarray, ...]:
    maps, score = _outputs()
    (score if part else maps).flat[0] = value
    return maps, score


@pytest.mark.parametrize(
    "outputs",
    [
        _outputs()[:1],
        (np.zeros((1, 3, 32, 32), np.float32), np.zeros((1, 1), np.float32)),
        (np.zeros((1, 2, 32, 16), np.float32), np.zeros((1, 1), np.float32)),
        (np.zeros((1, 2, 32, 32), np.float32), np.zeros((1, 2), np.float32)),
        (np.zeros((1, 64), np.float32), np.zeros((1, 1), np.float32)),
        _spoilt(np.nan),
        _spoilt(np.inf),
        _spoilt(np.nan, part=True),
        _spoilt(1.5),
        _spoilt(-0.5, part=True),
    ],
)
def test_refused_when_the_outputs_are_no_map(outputs: tuple[np.ndarray, ...]) -> None:
    placement: Placement = WHOLE
    with pytest.raises(InferenceError):
        read_map(outputs, 2, INPUT_HW, placement)
