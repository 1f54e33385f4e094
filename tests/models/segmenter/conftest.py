"""Pairs of networks on each runtime."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.networks import Network, OnnxRuntimeNetwork, OpenVinoNetwork
from models.segmenter import PromptableSegmenter
from tests.tiny_segmenter import EncoderKind, TinyDecoder, save_tiny_segmenter

Opened = Callable[..., PromptableSegmenter]
OPEN: dict[str, Callable[[Path], Network]] = {
    "onnxruntime": OnnxRuntimeNetwork,
    "openvino": lambda path: OpenVinoNetwork(path, "CPU"),
}


@pytest.fixture(params=sorted(OPEN))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Opens a pair on one runtime."""

    def on_runtime(kind: EncoderKind = "planar", like: TinyDecoder | None = None) -> PromptableSegmenter:
        encoder, decoder = save_tiny_segmenter(tmp_path, kind, like)
        return PromptableSegmenter(OPEN[request.param](encoder), OPEN[request.param](decoder))

    return on_runtime
