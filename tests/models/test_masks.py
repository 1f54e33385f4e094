"""A mask known at a quarter of the input comes out where it lies in the picture, with its size."""

import cv2
import numpy as np
import pytest

from models.letterbox import place
from models.masks import outline_of_mask


@pytest.mark.parametrize(
    ("shape_hw", "centre_xy", "radii_px"),
    [((320, 320), (160, 120), (60, 30)), ((480, 640), (400, 300), (100, 50)), ((200, 90), (45, 100), (30, 60))],
)
def test_ellipse_is_recovered_when_drawn_in_prototypes(
    shape_hw: tuple[int, int], centre_xy: tuple[int, int], radii_px: tuple[int, int]
) -> None:
    input_hw, stride = (320, 320), 4
    placement = place(shape_hw, input_hw)
    # Signed distance to the ellipse, sampled at the centres of the prototype pixels, is what a good network gives.
    rows, columns = np.mgrid[0 : input_hw[0] // stride, 0 : input_hw[1] // stride].astype(np.float32)
    x = ((columns + 0.5) * stride - placement.left_px) / placement.scale
    y = ((rows + 0.5) * stride - placement.top_px) / placement.scale
    inside = 1 - ((x - centre_xy[0]) / radii_px[0]) ** 2 - ((y - centre_xy[1]) / radii_px[1]) ** 2
    cx, cy, rx, ry = *centre_xy, *radii_px
    box = np.array([cx - rx, cy - ry, cx + rx, cy + ry], np.float32)

    outline = outline_of_mask(np.ones(1, np.float32), inside[None].astype(np.float32), box, placement, input_hw)

    truth = np.zeros(shape_hw, np.uint8)
    cv2.ellipse(truth, (cx, cy), (rx, ry), 0, 0, 360, 1, -1)
    drawn = np.zeros(shape_hw, np.uint8)
    cv2.fillPoly(drawn, [np.round(np.array(outline.rings[0]) - 0.5).astype(np.int32)], 1)
    overlap = np.count_nonzero(truth & drawn) / np.count_nonzero(truth | drawn)
    assert overlap > 0.95
    assert outline.area_px == pytest.approx(np.pi * rx * ry, rel=0.04)
    assert outline.length_px == pytest.approx(2 * max(rx, ry), rel=0.05)
    assert outline.width_px == pytest.approx(2 * min(rx, ry), rel=0.08)


def test_no_rings_when_the_network_drew_nothing() -> None:
    box = np.array([10, 10, 50, 50], np.float32)
    prototypes = np.full((1, 80, 80), -1, np.float32)
    outline = outline_of_mask(np.ones(1, np.float32), prototypes, box, place((320, 320), (320, 320)), (320, 320))
    assert outline.rings == ()
    assert outline.area_px == 0


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (639.9, 479.9, 640, 480), (-1, -1, 1, 1), (0, 0, 640, 480)])
def test_no_crash_when_box_is_at_or_over_the_edge(box: tuple[float, ...]) -> None:
    placement = place((480, 640), (320, 320))
    prototypes = np.ones((1, 80, 80), np.float32)
    outline = outline_of_mask(np.ones(1, np.float32), prototypes, np.array(box, np.float32), placement, (320, 320))
    assert outline.area_px >= 0
