"""A platform with pictures in its review queue, with and without the files of a segmenter."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from serving.app import create_app
from serving.settings import Settings
from tests.pictures import png_bytes
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve
from tests.tiny_segmenter import save_tiny_segmenter

API = "/api/v1/active-learning"


def part_with_spot(shape_hw: tuple[int, int] = (120, 200)) -> npt.NDArray[np.uint8]:
    """A dark part whose verdict is uncertain, with a bright spot in the middle fifth of each side."""
    height, width = shape_hw
    pixels = np.full((height, width, 3), 60, np.uint8)
    pixels[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5] = 240
    # The tiny detector is unsure of this pale red corner.
    pixels[: height // 4, : width // 4] = (190, 75, 75)
    return pixels


@pytest.fixture
def set_up(settings: Settings) -> Settings:
    """Settings that name the two files."""
    settings.models_dir.mkdir()
    save_tiny_segmenter(settings.models_dir)
    return settings.model_copy(update={"segmenter_encoder": "encoder.onnx", "segmenter_decoder": "decoder.onnx"})


@pytest.fixture
def operator(set_up: Settings) -> Iterator[httpx.Client]:
    """An operator where there is a segmenter."""
    with serve(create_app(set_up)) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        yield client


def queue_picture(client: httpx.Client, pixels: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """The item of the review queue that inspecting this picture makes."""
    answer = client.post("/api/v1/inspect", files={"file": ("x.png", png_bytes(pixels))})
    assert answer.json()["decision"] == "uncertain", answer.text
    items = client.get(f"{API}/queue", params={"limit": 100}).json()["items"]
    return next(item for item in items if item["inspection_id"] == answer.json()["id"])


def segment(client: httpx.Client, item_id: object, **body: object) -> httpx.Response:
    """The answer to a prompt."""
    return client.post(f"{API}/segment/{item_id}", json=body)


def wait_until(is_so: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Waits until something is so, for a while."""
    deadline = threading.Event()
    timer = threading.Timer(timeout_s, deadline.set)
    timer.start()
    try:
        while not is_so():
            assert not deadline.wait(0.01), "it never became so"
    finally:
        timer.cancel()
