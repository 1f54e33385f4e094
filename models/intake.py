"""From the bytes of a picture to pixels: one decoder, one rule per picture mode, nothing decided by file names.

What a picture becomes (the same in training, evaluation, batch and live):

| stored as | becomes |
|---|---|
| 8-bit grey, RGB | RGB, as it is (grey in all three channels) |
| 16-bit grey or RGB | the upper 8 bits of each value |
| bilevel, palette | RGB by its palette |
| with alpha | the colour under the alpha, alpha ignored |
| EXIF orientation 1-8 | turned upright, so that boxes fit what a viewer shows |
| CMYK, YCCK, 32-bit or floating point | refused: their brightness depends on a profile that cameras do not send |
| several frames or pages | refused: nobody could say which one was judged |
| cut off anywhere | refused |

The size is read from the header and refused there, before a pixel is allocated.
"""

import io
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from models.errors import BrokenImageError, ImageTooLargeError, InferenceError, UnsupportedImageError

MEDIA_TYPES: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
}
_REFUSED_MODES: Final = {"CMYK", "F", "I", "LAB", "HSV", "YCbCr"}
_EXIF_ORIENTATION: Final = 0x0112
_DECODE_FLAGS: Final = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# Asked for 8 bits, OpenCV 5.0 rounds the 16 of a colour TIFF, and cuts those of every other picture; asked for all bits
# and for RGB, it gives BGR. So it is asked for all bits and BGR.
_TIFF_FLAGS: Final = cv2.IMREAD_COLOR_BGR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """The largest picture that is decoded.

    Attributes:
        max_pixels: Width times height. 40 MP holds every area-scan camera in common use.
        max_side_px: Longer side, pixels.
    """

    max_pixels: int = 40_000_000
    max_side_px: int = 16_384


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels_rgb: uint8, (height, width, 3), RGB, upright.
        media_type: IANA media type by content, for instance `image/jpeg`.
    """

    pixels_rgb: npt.NDArray[np.uint8]
    media_type: str

    @property
    def shape_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels_rgb.shape[0], self.pixels_rgb.shape[1]


@dataclass(frozen=True, slots=True)
class _Header:
    format: str
    size_wh: tuple[int, int]
    orientation: int


def sniff(data: bytes) -> str:
    """The picture format by its first bytes: JPEG, PNG, BMP, TIFF or WEBP.

    Raises:
        UnsupportedImageError: Of any other content.
    """
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:2] == b"BM":
        return "BMP"
    if data[:4] in {b"II*\x00", b"MM\x00*"}:
        return "TIFF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    raise UnsupportedImageError("the content is not a JPEG, PNG, BMP, TIFF or WebP picture")


def read_image(data: bytes, limits: IntakeLimits | None = None) -> Picture:
    """The decoded picture.

    Args:
        data: The bytes of one picture file.
        limits: The largest size to decode.

    Raises:
        UnsupportedImageError: Another format or mode than the table above allows.
        BrokenImageError: Cut off, several frames, or not decodable.
        ImageTooLargeError: More pixels than `limits`.
        InferenceError: This machine has no memory for it now; the picture may be sound.
    """
    try:
        header = _read_header(data, limits or IntakeLimits())
        _require_end(data, header.format)
        pixels = _decode(data, header.format)
        if (pixels.shape[1], pixels.shape[0]) != header.size_wh:
            raise BrokenImageError("the picture's size is not the one that its header announces")
        return Picture(_upright(pixels, header.orientation), MEDIA_TYPES[header.format])
    except MemoryError as error:
        raise InferenceError("there is not enough memory to decode the picture") from error


def _read_header(data: bytes, limits: IntakeLimits) -> _Header:
    file_format = sniff(data)
    try:
        with Image.open(io.BytesIO(data), formats=[file_format]) as image:
            _require_size(image.size, limits)
            _require_mode(image)
            # OpenCV turns a TIFF by itself, whatever the flags say; Pillow announces its size as turned.
            orientation = 1 if file_format == "TIFF" else _orientation(image)
            _require_single_frame(image)
            return _Header(file_format, image.size, orientation)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLargeError(str(error)) from error
    except UnidentifiedImageError as error:
        raise BrokenImageError(f"the {file_format} header does not parse") from error
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, IndexError, UserWarning) as error:
        # What Pillow's plugins raise on hostile headers (the warning where warnings are made errors).
        raise BrokenImageError(f"the {file_format} header does not parse: {error}") from error


def _require_size(size_wh: tuple[int, int], limits: IntakeLimits) -> None:
    width, height = size_wh
    if width < 1 or height < 1:
        raise BrokenImageError("the picture has no pixels")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side_px:
        raise ImageTooLargeError(
            f"the picture is {width} x {height} px; at most {limits.max_pixels / 1e6:g} megapixels "
            f"and {limits.max_side_px} px a side are decoded"
        )


def _require_mode(image: Image.Image) -> None:
    if image.mode in _REFUSED_MODES and not (image.mode == "I" and image.format == "PNG"):
        raise UnsupportedImageError(f"pictures of mode {image.mode} are not decoded")


def _require_single_frame(image: Image.Image) -> None:
    # Not `n_frames`: for a TIFF it walks every page, and a hostile file has 100,000 of them.
    if getattr(image, "is_animated", False):
        raise BrokenImageError("the picture has several frames; send one")
    if image.format == "TIFF":
        try:
            image.seek(1)
        except EOFError:
            return
        raise BrokenImageError("the picture has several pages; send one")


def _orientation(image: Image.Image) -> int:
    value = image.getexif().get(_EXIF_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _require_end(data: bytes, file_format: str) -> None:
    """Refuses a file that stops early: libjpeg would fill the rest with grey, and grey looks like a good part."""
    if file_format == "JPEG":
        complete = b"\xff\xd9" in data[-4096:]
    elif file_format == "PNG":
        complete = b"IEND" in data[-4096:]
    elif file_format == "WEBP":
        complete = int.from_bytes(data[4:8], "little") + 8 <= len(data)
    elif file_format == "BMP":
        # BITMAPFILEHEADER.bfSize; some writers leave it 0, then the decoder's own check must do.
        complete = int.from_bytes(data[2:6], "little") <= len(data)
    else:
        complete = True
    if not complete:
        raise BrokenImageError(f"the {file_format} file is cut off")


def _decode(data: bytes, file_format: str) -> npt.NDArray[np.uint8]:
    is_tiff = file_format == "TIFF"
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _TIFF_FLAGS if is_tiff else _DECODE_FLAGS)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        raise BrokenImageError("the picture does not decode") from error
    if is_tiff and pixels is not None and pixels.ndim == 3:
        pixels = pixels[..., ::-1]
        pixels = (pixels // 256).astype(np.uint8) if pixels.dtype == np.uint16 else np.ascontiguousarray(pixels)
    if pixels is None or pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise BrokenImageError("the picture does not decode")
    return np.asarray(pixels, dtype=np.uint8)


def _upright(pixels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """The picture turned as EXIF orientation 1-8 says (Source: EXIF 2.32, tag 274)."""
    if orientation in {5, 6, 7, 8}:
        pixels = np.transpose(pixels, (1, 0, 2))
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
