"""One decoder, one rule per picture mode, and nothing cut off or oversized gets through."""

import io
import struct
import subprocess
import sys
import time
import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from models.errors import BrokenImageError, ImageTooLargeError, ModelError, UnsupportedImageError
from models.intake import IntakeLimits, read_image, sniff
from tests.pictures import encode, jpeg_bytes, square_picture

FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"quality": 95}),
    ("PNG", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("WEBP", {"quality": 90}),
]


@pytest.fixture(scope="module", autouse=True)
def quiet_opencv() -> None:
    """OpenCV writes each refused TIFF to stderr otherwise."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _texture(height: int = 90, width: int = 130) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(7).integers(0, 255, (height, width, 3)).astype(np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4).astype(np.float32)
    smooth -= smooth.min()
    texture: npt.NDArray[np.uint8] = (smooth * (255 / smooth.max())).astype(np.uint8)
    return texture


def _by_pillow(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize(("file_format", "options"), FORMATS)
def test_pixels_equal_an_independent_decoder(file_format: str, options: dict[str, Any]) -> None:
    data = encode(_texture(), file_format, **options)
    assert np.array_equal(read_image(data).pixels_rgb, _by_pillow(data))


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "LA"])
def test_picture_becomes_rgb_when_of_mode(mode: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(_texture()).convert(mode).save(buffer, "PNG")
    assert np.array_equal(read_image(buffer.getvalue()).pixels_rgb, _by_pillow(buffer.getvalue()))


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_upper_eight_bits_are_kept_when_sixteen_bit(extension: str) -> None:
    grey = np.random.default_rng(1).integers(0, 65536, (40, 50)).astype(np.uint16)
    encoded = cv2.imencode(extension, grey)[1].tobytes()
    assert np.array_equal(read_image(encoded).pixels_rgb[..., 0], grey >> 8)


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_upper_eight_bits_of_colours_are_kept_when_sixteen_bit(extension: str) -> None:
    colours = np.random.default_rng(1).integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    encoded = cv2.imencode(extension, colours[..., ::-1])[1].tobytes()
    assert np.array_equal(read_image(encoded).pixels_rgb, colours >> 8)


def test_colour_under_alpha_is_kept_when_transparent() -> None:
    rgba = np.random.default_rng(2).integers(0, 255, (20, 30, 4)).astype(np.uint8)
    assert np.array_equal(read_image(encode(rgba, "PNG")).pixels_rgb, rgba[..., :3])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_picture_stands_upright_when_exif_turns_it(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(_texture(), file_format, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert upright is not None
    assert np.array_equal(read_image(data).pixels_rgb, np.asarray(upright.convert("RGB")))


@pytest.mark.parametrize(("file_format", "options"), FORMATS)
def test_refused_when_cut_off_anywhere(file_format: str, options: dict[str, Any]) -> None:
    data = encode(_texture(), file_format, **options)
    cuts = {len(data) * i // 200 for i in range(200)} | set(range(len(data) - 20, len(data)))
    for cut in sorted(cuts):
        with pytest.raises((BrokenImageError, UnsupportedImageError)):
            read_image(data[:cut])


@pytest.mark.parametrize(("file_format", "options"), FORMATS)
def test_only_our_errors_when_bytes_are_flipped(file_format: str, options: dict[str, Any]) -> None:
    data = encode(_texture(40, 60), file_format, **options)
    generator = np.random.default_rng(11)
    refused = 0
    for _ in range(300):
        broken = bytearray(data)
        for place in generator.integers(0, len(data), 3):
            broken[place] ^= int(generator.integers(1, 256))
        try:
            picture = read_image(bytes(broken))
        except ModelError:
            refused += 1
        else:
            assert picture.pixels_rgb.dtype == np.uint8
    assert refused > 0


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"MZ\x90", b"PK\x03\x04", b"GIF89a"],
)
def test_unsupported_when_content_is_no_picture_of_ours(content: bytes) -> None:
    with pytest.raises(UnsupportedImageError):
        sniff(content)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
def test_refused_when_several_frames(file_format: str) -> None:
    first = Image.fromarray(_texture())
    buffer = io.BytesIO()
    first.save(buffer, file_format, save_all=True, append_images=[ImageOps.invert(first)])
    with pytest.raises(BrokenImageError, match="several"):
        read_image(buffer.getvalue())


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_unsupported_when_cmyk(file_format: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(_texture()).convert("CMYK").save(buffer, file_format)
    with pytest.raises(UnsupportedImageError):
        read_image(buffer.getvalue())


def _png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size_wh", [(12_000, 12_000), (30_000, 30_000), (65_000, 1), (1, 65_000), (6_400, 6_400)])
def test_refused_from_the_header_when_too_large(size_wh: tuple[int, int]) -> None:
    started = time.process_time()
    with pytest.raises(ImageTooLargeError):
        read_image(_png_header(*size_wh))
    # No pixel was decoded: 144 MP would take over a second.
    assert time.process_time() - started < 0.2


def test_limits_are_those_asked_for() -> None:
    data = encode(_texture(90, 130), "PNG")
    assert read_image(data, IntakeLimits(max_pixels=90 * 130, max_side_px=130)).shape_hw == (90, 130)
    with pytest.raises(ImageTooLargeError):
        read_image(data, IntakeLimits(max_pixels=90 * 130 - 1))
    with pytest.raises(ImageTooLargeError):
        read_image(data, IntakeLimits(max_side_px=129))


def test_grey_real_tile_decodes_alike(real_data_dir: Any) -> None:
    for path in sorted((real_data_dir / "images").glob("*.jpg"))[:20]:
        data = path.read_bytes()
        assert np.array_equal(read_image(data).pixels_rgb, _by_pillow(data))


_WITHOUT_MEMORY = """
import resource, sys
from models.errors import InferenceError
from models.intake import read_image

data = sys.stdin.buffer.read()
read_image(data)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 4 * 2**20, resource.RLIM_INFINITY))
try:
    read_image(data)
except InferenceError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_picture_is_not_called_broken_when_there_is_no_memory_for_it() -> None:
    data = jpeg_bytes(square_picture("red", shape_hw=(4000, 6000)))
    child = subprocess.run([sys.executable, "-c", _WITHOUT_MEMORY], input=data, capture_output=True, check=True)
    assert child.stdout.decode().strip() == "there is not enough memory to decode the picture", child.stderr.decode()
