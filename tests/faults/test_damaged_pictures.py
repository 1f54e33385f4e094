"""Truncated and bit-flipped pictures: an error, or exactly the verdict that another decoder's pixels give.

Formats without a checksum (JPEG, BMP, TIFF) cannot show that a bit was flipped: what then looks like a good part is
judged so. The counts say how often.
"""

import random
from collections import Counter
from typing import Any

import cv2
import httpx
import numpy as np
import numpy.typing as npt
import pytest

from models.bundle import Bundle
from models.errors import ModelError
from models.intake import Picture, read_image
from models.recipe import Recipe
from models.runtime import Runtime, open_runtime
from tests.pictures import encode, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in

FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 92},
    "PNG": {},
    "BMP": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"lossless": True},
}


@pytest.fixture(scope="module")
def runtime(tiny_bundle: Bundle) -> Runtime:
    return open_runtime(tiny_bundle, backend="onnxruntime", threads=1)


@pytest.fixture(scope="module")
def textured() -> npt.NDArray[np.uint8]:
    """A part with a defect and a surface, so that the encodings have something to hold."""
    noise = np.random.default_rng(4).integers(0, 24, (64, 64, 1), np.uint8)
    pixels: npt.NDArray[np.uint8] = square_picture("red", side_px=24) - noise
    return pixels


def decision_of(runtime: Runtime, data: bytes) -> str:
    try:
        return runtime.inspect(read_image(data), Recipe()).decision
    except ModelError:
        return "refused"


def honest_decision(runtime: Runtime, data: bytes) -> str:
    """What the pixels of OpenCV's decoder give, which is asked without our intake."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:  # larger than it takes
        return "refused"
    if pixels is None:
        return "refused"
    return runtime.inspect(Picture(pixels.astype(np.uint8), "image/png"), Recipe()).decision


def flipped(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


@pytest.mark.prove("no-false-pass", "pictures of a bad part with one bit flipped")
@pytest.mark.parametrize("file_format", FORMATS)
def test_flipped_bit_gives_an_error_or_the_verdict_of_the_pixels_that_are_there(
    runtime: Runtime, textured: npt.NDArray[np.uint8], file_format: str, proof: Proof
) -> None:
    intact, chance = encode(textured, file_format, **FORMATS[file_format]), random.Random(proof.seed)  # noqa: S311
    assert decision_of(runtime, intact) == "fail"
    outcomes: Counter[str] = Counter()
    invented = []
    for _ in range(proof.size(short=60, full=1000)):
        damaged = flipped(intact, chance)
        decision = decision_of(runtime, damaged)
        outcomes[decision] += 1
        if decision not in {"refused", honest_decision(runtime, damaged)}:
            invented.append(decision)
    proof.note(**{name: outcomes[name] for name in ("refused", "fail", "uncertain", "pass")}, invented=len(invented))
    assert invented == []


@pytest.mark.prove("no-false-pass", "pictures of a bad part cut off")
@pytest.mark.parametrize("file_format", FORMATS)
def test_cut_off_picture_is_refused_unless_nothing_of_it_is_missing(
    runtime: Runtime, textured: npt.NDArray[np.uint8], file_format: str, proof: Proof
) -> None:
    intact = encode(textured, file_format, **FORMATS[file_format])
    lengths = np.unique(np.linspace(0, len(intact) - 1, proof.size(short=30, full=200)).astype(int))
    whole, outcomes = read_image(intact).pixels_rgb, Counter[str]()
    for length in lengths:
        cut = intact[:length]
        decision = decision_of(runtime, cut)
        outcomes[decision] += 1
        if decision != "refused":
            assert np.array_equal(read_image(cut).pixels_rgb, whole), f"cut at {length}"
    proof.note(cuts=len(lengths), refused=outcomes["refused"], judged_whole=len(lengths) - outcomes["refused"])
    assert outcomes["pass"] == 0


@pytest.fixture
def operator(client: httpx.Client) -> httpx.Client:
    client.headers.update(bearer(log_in(client, "operator")))
    return client


@pytest.mark.prove("no-false-pass", "the same over HTTP, all formats in turn")
def test_damaged_upload_is_an_error_or_the_verdict_that_its_bytes_have(
    operator: httpx.Client, runtime: Runtime, textured: npt.NDArray[np.uint8], proof: Proof
) -> None:
    chance, statuses, invented = random.Random(proof.seed), Counter[int](), 0  # noqa: S311
    for number in range(proof.size(short=40, full=400)):
        file_format = list(FORMATS)[number % len(FORMATS)]
        intact = encode(textured, file_format, **FORMATS[file_format])
        damaged = flipped(intact, chance) if number % 2 else intact[: chance.randrange(len(intact))]
        answer = operator.post("/api/v1/inspect", files={"file": ("x", damaged)})
        statuses[answer.status_code] += 1
        expected = decision_of(runtime, damaged)
        decision = answer.json()["decision"] if answer.is_success else "refused"
        invented += decision != expected
    proof.note(**{f"status_{status}": count for status, count in sorted(statuses.items())}, invented=invented)
    assert invented == 0
    assert set(statuses) <= {200, 415, 422}
    assert operator.get("/api/v1/inspections").json()["total"] == statuses[200]
