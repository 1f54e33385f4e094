"""Pictures and forms that mean harm, and the verdict for each way in which one picture can be stored."""

import io
import shutil
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import cv2
import httpx
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from tests.contracts.running import Running
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.pictures import encode, png_bytes, square_picture
from tests.prove.plugin import Proof
from tests.security.raw import head, talk
from tests.serving.conftest import bearer, log_in, settings_on

_INSPECT: Final = "/api/v1/inspect"
_MIB: Final = 1024 * 1024
_MOST_GROWN_MIB: Final = 64


def _send(client: httpx.Client, data: bytes, name: str = "x.png", kind: str = "image/png") -> httpx.Response:
    return client.post(_INSPECT, files={"file": (name, data, kind)}, data={"station_id": "pictures"})


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, *more: bytes, interlaced: bool = False, rows: int = 0) -> bytes:
    """A PNG that announces a size; `rows` of it are there, packed a thousand to one."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, int(interlaced))
    pixels = zlib.compress(bytes((1 + 3 * width) * rows), 9)
    parts = [_chunk(b"IHDR", header), *more, _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _tiff_of_many_pages(pages: int) -> bytes:
    entries = struct.pack("<HHHII", 3, 256, 3, 1, 8) + struct.pack("<HHII", 257, 3, 1, 8)
    body = bytearray(b"II*\0" + struct.pack("<I", 8))
    size = 2 + 2 * 12 + 4
    for page in range(pages):
        following = 8 + (page + 1) * size if page + 1 < pages else 0
        body += struct.pack("<H", 2) + entries[2:14] + struct.pack("<HHII", 257, 3, 1, 8) + struct.pack("<I", following)
    return bytes(body)


def _bombs() -> dict[str, bytes]:
    text = _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(60 * _MIB), 9))
    profile = _chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(60 * _MIB), 9))
    exif = _chunk(b"eXIf", b"II*\0" + bytes(8 * _MIB))
    webp = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\x3f\0" * 2
    bmp = (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 24, 0, 0, 1, 1, 0, 0)
    )
    jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xc0\0\x11\x08\xff\xff\xff\xff\3\1\x22\0\2\x11\1\3\x11\1"
    return {
        "12,000 by 12,000": _png(12_000, 12_000, rows=1000),
        "30,000 by 30,000": _png(30_000, 30_000, rows=100),
        "64,000 by 1": _png(64_000, 1, rows=1),
        "1 by 64,000": _png(1, 64_000, rows=64_000),
        "interlaced": _png(12_000, 12_000, interlaced=True, rows=100),
        "the largest number": _png(2**31 - 1, 2**31 - 1),
        "a text chunk of 60 MiB": _png(16, 16, text, rows=16),
        "a profile of 60 MiB": _png(16, 16, profile, rows=16),
        "EXIF of 8 MiB": _png(16, 16, exif, rows=16),
        "a TIFF of 100,000 pages": _tiff_of_many_pages(100_000),
        "WebP of 16,384 by 16,384": webp,
        "BMP of 60,000 by 60,000": bmp,
        "JPEG of 65,535 by 65,535": jpeg + b"\xff\xd9",
    }


@pytest.fixture
def api(
    forker: Forker, prepared_data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, httpx.Client]]:
    """The number of a process of its own, whose memory nobody else uses, and an operator there."""
    folder = tmp_path_factory.mktemp("bombs")
    settings = settings_on(shutil.copytree(prepared_data_dir, folder / "var"))
    with closing(KillableApi(forker, environment_of(settings), folder / "log")) as api:
        api.start()
        with httpx.Client(base_url=api.base_url, timeout=60.0, trust_env=False) as client:
            client.headers.update(bearer(log_in(client, "operator")))
            yield api.pid, client


def _peak_mib(pid: int, *, anew: bool = False) -> float:
    """The most memory that a process has had, or has now where it begins to be counted anew (Source: man 5 proc)."""
    if anew:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


@pytest.mark.prove("uploads", "pictures that unpack to far more than they are: the API's memory and time")
def test_picture_is_refused_from_its_header_when_it_is_a_bomb(api: tuple[int, httpx.Client], proof: Proof) -> None:
    pid, operator = api
    for _ in range(3):
        assert _send(operator, png_bytes(square_picture("red"))).status_code == 200
    took_s, grown_mib, accepted = {}, {}, []
    for name, data in _bombs().items():
        before_mib, began_s = _peak_mib(pid, anew=True), time.perf_counter()
        answer = _send(operator, data)
        took_s[name], grown_mib[name] = time.perf_counter() - began_s, _peak_mib(pid) - before_mib
        if answer.status_code not in {415, 422}:
            accepted.append((name, answer.status_code, answer.text[:100]))
    slowest, largest = max(took_s, key=took_s.__getitem__), max(grown_mib, key=grown_mib.__getitem__)
    proof.note(bombs=len(took_s), accepted=len(accepted), slowest_ms=round(took_s[slowest] * 1e3), slowest=slowest)
    proof.note(within_200_ms=sum(s <= 0.2 for s in took_s.values()), grown_mib=grown_mib[largest], largest=largest)
    assert accepted == []
    assert grown_mib[largest] < _MOST_GROWN_MIB
    assert took_s[slowest] < 20.0  # of a machine that does other things too


_IMPOSTORS: Final = {
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "html": b"<!doctype html><script>alert(1)</script>",
    "pdf": b"%PDF-1.7\n",
    "exe": b"MZ\x90\0",
    "zip": b"PK\3\4",
    "gif": b"GIF89a",
    "jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
    "exr": b"v/1\x01",
    "hdr": b"#?RADIANCE\n",
    "psd": b"8BPS",
    "nothing": b"",
    "pickle": b"\x80\x04\x95",
}


@pytest.mark.parametrize("what", _IMPOSTORS)
def test_content_decides_when_name_and_type_say_picture(operator: httpx.Client, what: str) -> None:
    answer = _send(operator, _IMPOSTORS[what] + bytes(100) * bool(_IMPOSTORS[what]), "part.jpg", "image/jpeg")
    assert answer.status_code == 415, answer.text


def test_picture_is_served_by_its_content_when_it_is_a_page_too(operator: httpx.Client) -> None:
    picture = encode(square_picture("red"), "JPEG", quality=95)
    polyglot = picture + b"<script>alert(1)</script>PK\3\4\xff\xd9"
    answer = operator.post(_INSPECT, files={"file": ("x.html", polyglot, "text/html")})
    assert answer.status_code == 200, answer.text
    shown = operator.get(answer.json()["image_url"])
    assert (shown.content, shown.headers["content-type"]) == (polyglot, "image/jpeg")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "html" not in shown.headers["content-disposition"]


def _verdict(answer: httpx.Response) -> tuple[str, list[tuple[str, list[float], float]]]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["decision"], [(d["class_name"], d["bbox"], d["confidence"]) for d in body["detections"]]


def _require_same(found: Any, expected: Any) -> None:
    assert found[0] == expected[0]
    assert [each[:2] for each in found[1]] == [each[:2] for each in expected[1]]
    assert [each[2] for each in found[1]] == pytest.approx([each[2] for each in expected[1]], abs=1e-5)


def _turned(pixels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """What a camera that is held so writes down, for `pixels` as people shall see them."""
    back = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = back
    image.info["exif"] = exif.tobytes()
    turned = ImageOps.exif_transpose(image)
    assert turned is not None
    return np.asarray(turned.convert("RGB"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.prove("uploads", "the verdict of one part, its picture stored in each EXIF orientation")
def test_verdict_is_that_of_the_upright_part_when_the_camera_was_turned(
    operator: httpx.Client, orientation: int, proof: Proof
) -> None:
    upright = square_picture("red", shape_hw=(64, 64), at_xy=(8, 30))
    expected = _verdict(_send(operator, png_bytes(upright)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    for file_format in ("PNG", "TIFF", "WEBP"):
        options: dict[str, Any] = {"lossless": True} if file_format == "WEBP" else {}
        data = encode(_turned(upright, orientation), file_format, exif=exif, **options)
        _require_same(_verdict(_send(operator, data)), expected)
    proof.note(pictures=3, differing=0)


def _modes() -> dict[str, tuple[bytes, npt.NDArray[np.uint8]]]:
    """By name: a picture as stored, and the RGB pixels that it stands for."""
    red, grey = square_picture("red"), square_picture(None)
    image = Image.fromarray(red)
    palette, alpha = image.convert("P"), image.convert("RGBA")
    alpha.putalpha(7)
    wide = red.astype(np.uint16) * 256 + 200

    def saved(picture: Image.Image, file_format: str = "PNG") -> bytes:
        buffer = io.BytesIO()
        picture.save(buffer, file_format)
        return buffer.getvalue()

    bilevel = Image.fromarray(grey).convert("1")
    return {
        "palette": (saved(palette), np.asarray(palette.convert("RGB"))),
        "alpha": (saved(alpha), red),
        "grey": (saved(Image.fromarray(grey).convert("L")), grey),
        "grey with alpha": (saved(Image.fromarray(grey).convert("LA")), grey),
        "bilevel": (saved(bilevel), np.asarray(bilevel.convert("RGB"))),
        "sixteen bits": (cv2.imencode(".png", wide[..., ::-1])[1].tobytes(), red),
        "sixteen bits in a TIFF": (cv2.imencode(".tiff", wide[..., ::-1])[1].tobytes(), red),
        "BMP": (saved(image, "BMP"), red),
        "TIFF": (saved(image, "TIFF"), red),
    }


@pytest.mark.parametrize("mode", _modes())
@pytest.mark.prove("uploads", "the verdict of one part, its picture stored in each mode")
def test_verdict_is_that_of_the_plain_picture_when_stored_in_another_mode(
    operator: httpx.Client, mode: str, proof: Proof
) -> None:
    data, pixels = _modes()[mode]
    _require_same(_verdict(_send(operator, data)), _verdict(_send(operator, png_bytes(pixels))))
    proof.note(pictures=1, differing=0)


def _forms() -> dict[str, bytes]:
    """Bodies of `multipart/form-data; boundary=b` that no honest client sends."""
    picture = encode(square_picture("red"), "PNG")

    def part(disposition: str, content: bytes = b"x", *lines: str) -> bytes:
        top = "\r\n".join([f"Content-Disposition: form-data; {disposition}", *lines])
        return b"--b\r\n" + top.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + content + b"\r\n"

    end = b"--b--\r\n"
    names = ("../../../etc/cron.d/x", "/etc/passwd", "a\0b.png", "\u202egnp.exe", "n" * 4096, "..\\..\\x", 'a"b', "CON")
    forms = {f"file name {name[:12]!r}": part(f'name="file"; filename="{name}"', picture) + end for name in names}
    return {
        **forms,
        "ten thousand fields": b"".join(part(f'name="f{n}"') for n in range(10_000)) + end,
        "ten thousand empty files": b"".join(part(f'name="f{n}"; filename="e"', b"") for n in range(10_000)) + end,
        "no last boundary": part('name="file"; filename="x.png"', picture),
        "a long preamble": b"p" * _MIB + b"\r\n" + part('name="file"; filename="x.png"', picture) + end,
        "a long epilogue": part('name="file"; filename="x.png"', picture) + end + b"e" * _MIB,
        "a header of 64 KiB": part('name="file"; filename="x.png"', picture, "X-A: " + "a" * 65_536) + end,
        "a thousand headers": part('name="file"; filename="x.png"', picture, *["X-A: a"] * 1000) + end,
        "filename*": part("name=\"file\"; filename*=UTF-8''..%2f..%2fx.png", picture) + end,
        "two dispositions": part('name="file"; filename="x.png"', picture, 'Content-Disposition: form-data; name="y"')
        + end,
        "no name": part('filename="x.png"', picture) + end,
        "no disposition": b"--b\r\n\r\n" + picture + b"\r\n" + end,
        "a form in the form": part('name="file"; filename="x"', part('name="file"; filename="y"', picture) + end) + end,
        "two files": 2 * part('name="file"; filename="x.png"', picture) + end,
        "a field called file": part('name="file"', picture) + end,
        "an encoding": part('name="file"; filename="x.png"', picture, "Content-Transfer-Encoding: base64") + end,
        "bare line feeds": part('name="file"; filename="x.png"', picture).replace(b"\r\n", b"\n") + b"--b--\n",
        "only boundaries": b"--b\r\n" * 10_000 + end,
        "semicolons": part('name="file;' + ";" * 20_000 + '"; filename="x"', picture) + end,
        "quotes": part('name="' + '\\"' * 10_000 + '"; filename="x"', picture) + end,
        "nothing": b"",
    }


@pytest.mark.prove("uploads", "forms that no honest client sends")
# A body that ends early leaves its file to the collector, in Starlette.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_form_is_refused_or_its_names_are_ours_when_it_is_abused(
    platform: Running, operator: httpx.Client, proof: Proof
) -> None:
    media = platform.settings.media_dir
    outside = {path for path in platform.settings.data_dir.rglob("*") if not path.is_relative_to(media)}
    wrong, slowest_s, taken = {}, 0.0, 0
    for name, content in _forms().items():
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        began_s = time.perf_counter()
        answer = operator.post(_INSPECT, content=content, headers=kind)
        slowest_s = max(slowest_s, time.perf_counter() - began_s)
        if answer.status_code == 200:
            taken += 1
            if not operator.get(answer.json()["image_url"]).content.startswith(b"\x89PNG"):
                wrong[name] = "another picture"
        elif answer.status_code not in {400, 413, 415, 422}:
            wrong[name] = f"{answer.status_code} {answer.text[:100]}"
    proof.note(forms=len(_forms()), taken=taken, wrong=len(wrong), slowest_ms=round(slowest_s * 1e3))
    assert wrong == {}
    inside = [path for path in media.rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert all(len(path.stem) == 36 for path in inside)
    passing = ("ussop.db", "audit-anchor")
    now = {path for path in platform.settings.data_dir.rglob("*") if not path.is_relative_to(media)}
    assert [path for path in now - outside if not path.name.startswith(passing)] == []


@pytest.mark.parametrize("boundary", ["", "b" * 300, '"', "a;b", "=", "b\tb", "ü", "--"])
def test_form_is_refused_when_its_boundary_is_none(platform: Running, boundary: str) -> None:
    token = platform.callers["operator"]["Authorization"].removeprefix("Bearer ")
    kind = f"Content-Type: multipart/form-data; boundary={boundary}"
    answer = talk(
        platform.url, [head("POST", _INSPECT, kind, "Content-Length: 4", token=token) + b"--b\r"], closes=True
    )
    assert answer.status in {400, 413, 415, 422}, answer
