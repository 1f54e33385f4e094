"""A simulated part is the same every time, and its masks are exactly what was painted."""

import cv2
import numpy as np
import pytest

from models.simulation import DEFECT_CLASSES, SimulatedPart, render_part
from models.simulation.part import MIN_SIDE_PX, VISIBLE_LEVELS

SEED = 7


def _parts_with(class_name: str, count: int = 6) -> list[SimulatedPart]:
    return [render_part(SEED, index, defects=(class_name,)) for index in range(count)]


def test_bytes_are_identical_when_seed_and_index_are() -> None:
    first = render_part(SEED, 3, defects=("scratch", "stain"))
    second = render_part(SEED, 3, defects=("scratch", "stain"))
    assert first.pixels_rgb.tobytes() == second.pixels_rgb.tobytes()
    assert [d.mask_polygon.tobytes() for d in first.defects] == [d.mask_polygon.tobytes() for d in second.defects]


def test_picture_differs_when_seed_or_index_does() -> None:
    pictures = [render_part(SEED, 0), render_part(SEED, 1), render_part(SEED + 1, 0)]
    assert len({part.pixels_rgb.tobytes() for part in pictures}) == 3


def test_picture_is_rgb_of_the_camera_s_size_when_rendered() -> None:
    part = render_part(SEED)
    assert part.pixels_rgb.shape == (480, 640, 3)
    assert part.pixels_rgb.dtype == np.uint8
    assert part.mm_per_px == pytest.approx(0.2)


def test_nothing_is_wrong_when_no_defect_is_asked_for() -> None:
    assert render_part(SEED, 5).defects == ()


@pytest.mark.parametrize("class_name", DEFECT_CLASSES)
def test_pixels_change_inside_the_mask_alone_when_a_defect_is_painted(class_name: str) -> None:
    for index, part in enumerate(_parts_with(class_name)):
        (defect,) = part.defects
        clean = render_part(SEED, index).pixels_rgb
        changed = (part.pixels_rgb != clean).any(axis=2)
        assert not (changed & ~defect.mask).any()
        # A dent has a neutral middle and a missing hole may equal the belt somewhere; the rest of the mask must differ.
        assert changed[defect.mask].mean() > (0.5 if class_name == "dent" else 0.9)


@pytest.mark.parametrize("class_name", DEFECT_CLASSES)
def test_a_person_can_see_it_when_a_defect_is_painted(class_name: str) -> None:
    for index, part in enumerate(_parts_with(class_name)):
        (defect,) = part.defects
        clean = render_part(SEED, index).pixels_rgb.astype(np.int16)
        levels = np.sort(np.abs(part.pixels_rgb.astype(np.int16) - clean).max(axis=2)[defect.mask])
        # White is the end of the scale: a bright scratch on bright metal loses some of its contrast there.
        assert levels[len(levels) // 2 :].mean() > VISIBLE_LEVELS * 0.8


@pytest.mark.parametrize("class_name", DEFECT_CLASSES)
def test_box_and_polygon_follow_the_mask_when_a_defect_is_painted(class_name: str) -> None:
    for part in _parts_with(class_name):
        (defect,) = part.defects
        assert defect.class_name == class_name
        rows, columns = np.nonzero(defect.mask)
        assert defect.box_xyxy == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        width, height = defect.box_xyxy[2] - defect.box_xyxy[0], defect.box_xyxy[3] - defect.box_xyxy[1]
        assert min(width, height) >= MIN_SIDE_PX
        filled = np.zeros(defect.mask.shape, np.uint8)
        cv2.fillPoly(filled, [np.floor(defect.mask_polygon).astype(np.int32)], 1)
        assert not (defect.mask & (filled == 0)).any()


def test_defects_do_not_touch_when_a_part_has_several() -> None:
    for index in range(10):
        defects = render_part(SEED, index, defects=("stain", "crack", "dent")).defects
        together = np.sum([defect.mask for defect in defects], axis=0)
        assert together.max() == 1


def test_holes_are_missing_when_asked_for_more_than_once() -> None:
    part = render_part(SEED, 2, defects=("missing_hole", "missing_hole"))
    assert [defect.class_name for defect in part.defects] == ["missing_hole", "missing_hole"]
    assert part.defects[0].box_xyxy != part.defects[1].box_xyxy


def test_an_unknown_class_is_refused_when_asked_for() -> None:
    with pytest.raises(ValueError, match="rust"):
        render_part(SEED, defects=("rust",))
