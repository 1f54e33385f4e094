"""Pictures for tests, drawn pixel by pixel, and their encodings."""

import io
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Colour = Literal["red", "blue", "pale_red", "pale_blue"]
_COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (250, 60, 60),
    "blue": (60, 60, 250),
    "pale_red": (190, 75, 75),
    "pale_blue": (75, 75, 190),
}


def square_picture(
    colour: Colour | None, *, shape_hw: tuple[int, int] = (64, 64), at_xy: tuple[int, int] = (16, 24), side_px: int = 16
) -> npt.NDArray[np.uint8]:
    """A grey part, uint8 (H, W, 3) RGB, with a square in a colour that the tiny network takes for a defect.

    `red` is a certain scratch, `blue` a certain dent, `pale_red` an uncertain scratch, `pale_blue` an uncertain dent,
    None a good part.
    """
    pixels = np.full((*shape_hw, 3), 100, np.uint8)
    if colour is not None:
        x, y = at_xy
        pixels[y : y + side_px, x : x + side_px] = _COLOURS[colour]
    return pixels


def encode(pixels: npt.NDArray[np.uint8], file_format: str, **options: Any) -> bytes:
    """The picture as a file of a Pillow format."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, file_format, **options)
    return buffer.getvalue()


def png_bytes(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The picture as PNG."""
    return encode(pixels, "PNG")


def jpeg_bytes(pixels: npt.NDArray[np.uint8], quality: int = 95) -> bytes:
    """The picture as JPEG."""
    return encode(pixels, "JPEG", quality=quality)
