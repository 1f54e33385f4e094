"""The scale from a board, against boards that were drawn with a known one."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from models.checkerboard import scale_of_board


def board(columns: int, rows: int, side_px: float, *, turned_by: float = 0.0, size: int = 640) -> npt.NDArray[np.uint8]:
    """A picture of a board with that many inner corners, in the middle, turned by degrees."""
    fine = 4  # drawn larger and shrunk, so that edges are soft as a camera's are
    cells = np.indices((rows + 1, columns + 1)).sum(axis=0) % 2
    side = round(side_px * fine)
    drawn = np.where(np.kron(cells, np.ones((side, side))) > 0, 220, 30).astype(np.uint8)
    canvas = np.full((size * fine, size * fine), 200, np.uint8)
    top, left = ((size * fine - length) // 2 for length in drawn.shape)
    canvas[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    middle = (size * fine / 2, size * fine / 2)
    turn = cv2.getRotationMatrix2D(middle, turned_by, 1.0)
    turned = cv2.warpAffine(canvas, turn, (size * fine, size * fine), borderValue=(200,))
    grey = cv2.resize(turned, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)


@pytest.mark.parametrize("turned_by", [0.0, 12.0])
def test_scale_is_the_drawn_one_when_the_board_lies_flat(turned_by: float) -> None:
    found = scale_of_board(board(7, 5, 40.0, turned_by=turned_by), 7, 5, 10.0)
    assert found is not None
    assert found.mm_per_px == pytest.approx(0.25, rel=0.005)
    assert found.spread_percent < 3.0
    assert len(found.corners_xy) == 35


def test_scale_is_that_of_the_picture_when_it_is_shrunk_for_the_search() -> None:
    found = scale_of_board(board(6, 4, 250.0, size=2000), 6, 4, 10.0)
    assert found is not None
    assert found.mm_per_px == pytest.approx(0.04, rel=0.005)


def test_board_that_is_tilted_shows_in_the_spread() -> None:
    flat = board(7, 5, 40.0)
    corners = np.array([[0, 0], [639, 0], [639, 639], [0, 639]], np.float32)
    tilted = np.array([[60, 40], [579, 40], [639, 639], [0, 639]], np.float32)
    picture = cv2.warpPerspective(flat, cv2.getPerspectiveTransform(corners, tilted), (640, 640))
    found = scale_of_board(np.asarray(picture, np.uint8), 7, 5, 10.0)
    assert found is not None
    assert found.spread_percent > 5.0


def test_nothing_is_found_when_there_is_no_such_board() -> None:
    assert scale_of_board(np.full((300, 400, 3), 128, np.uint8), 7, 5, 10.0) is None
    assert scale_of_board(board(5, 4, 40.0), 7, 6, 10.0) is None
