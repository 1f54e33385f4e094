"""A simulated surface is the same every time, its masks mark what can be seen, and it is made in no time."""

import numpy as np
import pytest

from models.simulation.surfaces import SURFACE_CLASSES, surface_picture


def test_bytes_and_masks_are_identical_when_the_seed_is() -> None:
    first, second = surface_picture((7, 3)), surface_picture((7, 3))
    assert first.pixels_rgb.tobytes() == second.pixels_rgb.tobytes()
    assert [d.class_name for d in first.defects] == [d.class_name for d in second.defects]
    assert all((a.mask == b.mask).all() for a, b in zip(first.defects, second.defects, strict=True))


def test_pictures_differ_when_seeds_do() -> None:
    assert len({surface_picture(seed).pixels_rgb.tobytes() for seed in range(20)}) == 20


def test_every_class_and_good_parts_occur_when_many_are_drawn() -> None:
    drawn = [surface_picture(seed, shape_hw=(96, 128), defect_rate=0.6).defects for seed in range(300)]
    assert {defect.class_name for defects in drawn for defect in defects} == set(SURFACE_CLASSES)
    assert np.mean([bool(defects) for defects in drawn]) == pytest.approx(0.57, abs=0.12)


def test_grey_and_coloured_pictures_both_occur_when_many_are_drawn() -> None:
    pictures = [surface_picture(seed, shape_hw=(64, 64)).pixels_rgb for seed in range(60)]
    coloured = [bool((p[..., 0] != p[..., 2]).any()) for p in pictures]
    assert 0.1 < np.mean(coloured) < 0.5


def test_masks_are_bits_of_the_picture_that_do_not_overlap_when_there_are_several() -> None:
    for seed in range(40):
        picture = surface_picture(seed, shape_hw=(128, 200), defect_rate=1.0)
        assert picture.pixels_rgb.shape == (128, 200, 3)
        assert picture.pixels_rgb.dtype == np.uint8
        together = np.zeros((128, 200), np.int64)
        for defect in picture.defects:
            assert defect.mask.dtype == np.bool_
            assert defect.mask.sum() >= 6
            together += defect.mask
        assert together.max() <= 1


def test_a_defect_stands_out_from_the_same_surface_without_it_when_it_has_a_mask() -> None:
    # The surface is drawn before its defects, the camera after them: inside the masks the two pictures must differ more
    # than the camera's noise makes them differ elsewhere.
    stronger = 0
    pictures = [(surface_picture(s, defect_rate=1.0), surface_picture(s, defect_rate=0.0)) for s in range(40)]
    compared = [(bad, good) for bad, good in pictures if bad.defects]
    for bad, good in compared:
        change = np.abs(bad.pixels_rgb.astype(float) - good.pixels_rgb).max(axis=2)
        change -= np.median(change)  # gain and offset of the camera
        inside = np.any([defect.mask for defect in bad.defects], axis=0)
        stronger += np.abs(change)[inside].mean() > np.abs(change)[~inside].mean()
    assert stronger >= 0.8 * len(compared) > 25


def test_good_pictures_carry_no_mask_when_no_defects_are_asked_for() -> None:
    assert all(surface_picture(seed, shape_hw=(64, 64), defect_rate=0.0).defects == () for seed in range(10))


@pytest.mark.parametrize(("shape_hw", "rate", "said"), [((63, 200), 0.5, "too small"), ((64, 64), 1.1, "defect_rate")])
def test_a_picture_is_refused_when_it_cannot_be_made(shape_hw: tuple[int, int], rate: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        surface_picture(1, shape_hw=shape_hw, defect_rate=rate)
