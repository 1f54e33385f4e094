"""An exported network is small, computes what the trained one does, and is refused when it does not."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import onnx
import onnxruntime as ort
import torch
from torch import nn

from flows.tasks.export_onnx import ExportError, export_onnx
from tests.flows.tasks.square_finder import INPUT_PX, SquareFinder

pytestmark = pytest.mark.training


class DependsOnMode(SquareFinder):
    """Gives other scores while it is traced: what a wrong export looks like."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows, prototypes = super().forward(pixels)
        return (rows + 0.1 if torch.onnx.is_in_onnx_export() else rows), prototypes


class Wide(SquareFinder):
    """Has enough weights to be stored in 16 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.blur = nn.Conv2d(3, 3, 5, padding=2)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return super().forward(self.blur(pixels).sigmoid())


def test_runtimes_agree_when_a_network_is_exported(tmp_path: Path) -> None:
    gap = export_onnx(SquareFinder().eval(), tmp_path / "model.onnx", shape_hw=(INPUT_PX, INPUT_PX))
    assert 0.0 <= gap < 1e-4


def test_weights_take_16_bits_and_compute_the_same_when_stored_half(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = Wide().eval()
    path = tmp_path / "model.onnx"
    export_onnx(network, path, shape_hw=(INPUT_PX, INPUT_PX))
    stored = {tensor.name: tensor.data_type for tensor in onnx.load(str(path)).graph.initializer}
    assert stored["blur.weight_half"] == onnx.TensorProto.FLOAT16
    blob = np.random.default_rng(1).random((1, 3, INPUT_PX, INPUT_PX), np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(blob))[0].numpy()
    (rows, _) = ort.InferenceSession(str(path)).run(None, {"images": blob})
    np.testing.assert_allclose(rows, expected, atol=1e-4)


def test_an_export_is_refused_when_it_computes_something_else(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="differs"):
        export_onnx(DependsOnMode().eval(), tmp_path / "model.onnx", shape_hw=(INPUT_PX, INPUT_PX))
