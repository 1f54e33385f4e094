"""The scale of a picture from a checkerboard in it."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

# The search takes time with the number of pixels, and finds corners to a tenth of one: a board half as large in the
# picture costs nothing, since the scale is the mean over all its squares.
_SEARCHED_PX: Final = 1280
_FLAGS: Final = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_ACCURACY


@dataclass(frozen=True, slots=True)
class BoardScale:
    """What a checkerboard tells.

    Attributes:
        mm_per_px: Millimetres per pixel, the mean over all squares.
        spread_percent: How much the sides of the squares differ in the picture, largest against smallest, in per cent
            of their mean. A board that lies flat under a camera that looks straight down has next to none.
        corners_xy: The inner corners, pixels of the picture, row by row.
    """

    mm_per_px: float
    spread_percent: float
    corners_xy: tuple[tuple[float, float], ...]


def scale_of_board(pixels_rgb: npt.NDArray[np.uint8], columns: int, rows: int, square_mm: float) -> BoardScale | None:
    """The scale, None where there is no such board in the picture.

    Args:
        pixels_rgb: The picture, uint8 (height, width, 3).
        columns: Inner corners in a row, 3 or more: one less than squares.
        rows: Inner corners in a column, likewise.
        square_mm: Side of a square in millimetres.

    Source: detector of checkerboard corners by Duda and Frese, "Accurate Detection and Localization of Checkerboard
        Corners for Calibration", BMVC 2018, as in OpenCV.
    """
    grey = cv2.cvtColor(pixels_rgb, cv2.COLOR_RGB2GRAY)
    shrink = min(1.0, _SEARCHED_PX / max(grey.shape))
    if shrink < 1.0:
        grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    found, corners = cv2.findChessboardCornersSB(grey, (columns, rows), flags=_FLAGS)
    if not found:
        return None
    grid = np.asarray(corners, np.float64).reshape(rows, columns, 2) / shrink
    sides = np.concatenate([np.linalg.norm(np.diff(grid, axis=axis), axis=2).ravel() for axis in (0, 1)])
    mean = float(sides.mean())
    return BoardScale(
        mm_per_px=square_mm / mean,
        spread_percent=float(sides.max() - sides.min()) / mean * 100.0,
        corners_xy=tuple((float(x), float(y)) for x, y in grid.reshape(-1, 2)),
    )
