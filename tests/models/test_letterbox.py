"""A picture goes into the input without distortion, and boxes come back to where they were."""

import numpy as np
import pytest

from models.letterbox import letterbox, pixels_to_blob, place


@pytest.mark.parametrize("shape_hw", [(480, 640), (640, 480), (320, 320), (37, 911), (1, 1), (100, 64)])
def test_boxes_return_when_placed_and_taken_back(shape_hw: tuple[int, int]) -> None:
    placement = place(shape_hw, (320, 320))
    height, width = shape_hw
    boxes = np.array([[0, 0, width, height], [width * 0.25, height * 0.5, width * 0.75, height]], np.float32)
    shift = np.array([placement.left_px, placement.top_px] * 2, np.float32)
    placed = boxes * np.float32(placement.scale) + shift
    np.testing.assert_allclose(placement.boxes_to_picture(placed), boxes, atol=1e-2)


def test_boxes_are_clipped_when_they_leave_the_picture() -> None:
    placement = place((100, 200), (320, 320))
    boxes = placement.boxes_to_picture(np.array([[-50, -50, 400, 400]], np.float32))
    assert boxes.tolist() == [[0, 0, 200, 100]]


def test_border_is_grey_and_picture_centred_when_wide() -> None:
    canvas, placement = letterbox(np.full((160, 320, 3), 9, np.uint8), (320, 320))
    assert (placement.left_px, placement.top_px) == (0, 80)
    assert canvas[79].min() == canvas[79].max() == 114
    assert canvas[80:240].max() == 9


def test_thin_scratch_survives_when_shrunk_four_times() -> None:
    pixels = np.full((1280, 1280, 3), 100, np.uint8)
    pixels[:, 641] = 255  # one pixel wide; linear sampling at 4:1 steps over it
    canvas, _ = letterbox(pixels, (320, 320))
    assert canvas[160].max() > 130


def test_blob_is_planar_and_scaled() -> None:
    canvas = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    blob = pixels_to_blob(canvas, 1 / 255)
    assert blob.shape == (1, 3, 2, 3)
    assert blob.dtype == np.float32
    np.testing.assert_allclose(blob[0, 1], canvas[..., 1] / 255, rtol=1e-6)
