"""Smaller copies of pictures, for whoever cannot take the original: reports, and the reader of questions."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

_QUALITY: Final = 88


def to_jpeg(pixels_rgb: npt.NDArray[np.uint8], *, longest_side_px: int) -> bytes:
    """The picture as JPEG, made smaller where a side is longer than asked for.

    Args:
        pixels_rgb: uint8, (height, width, 3), RGB.
        longest_side_px: Length of the longer side at most.

    Raises:
        ValueError: It cannot be encoded.
    """
    height_px, width_px = pixels_rgb.shape[:2]
    scale = min(1.0, longest_side_px / max(height_px, width_px))
    if scale < 1.0:
        size_wh = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
        pixels_rgb = cv2.resize(pixels_rgb, size_wh, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    bgr = cv2.cvtColor(pixels_rgb, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ValueError("the picture cannot be encoded")
    return encoded.tobytes()
