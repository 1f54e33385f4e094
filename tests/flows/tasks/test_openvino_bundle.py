"""A conversion keeps verdicts, and ships 8 bits only where they cost next to nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import openvino as ov
import torch
from torch import nn

from flows.tasks.coco import Picture
from flows.tasks.convert_openvino import Quantisation, convert_int8
from flows.tasks.export_onnx import ExportError, export_onnx
from flows.tasks.onnx_bundle import BundleRequest, assemble_onnx_bundle
from flows.tasks.openvino_bundle import ConversionError, ConversionRequest, Figures, convert_bundle, what_is_lost
from flows.tasks.torch_parity import measure_parity
from models.bundle import Bundle, load_bundle, seal_bundle
from models.manifest import GoldenPicture, NetworkInput
from tests.flows.tasks.square_finder import CLASSES, INPUT_PX, FragileFinder, SquareFinder, square_pictures

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Picture, ...]:
    return square_pictures(tmp_path_factory.mktemp("pictures"), 30)


def _exported(folder: Path, network: nn.Module, pictures: tuple[Picture, ...]) -> Bundle:
    request = BundleRequest("squares", "1", CLASSES, (INPUT_PX, INPUT_PX), pictures[:15], pictures[15:], {})
    return assemble_onnx_bundle(folder, network.eval(), request)[0]


def _request(pictures: tuple[Picture, ...]) -> ConversionRequest:
    return ConversionRequest(calibration=pictures[:6], val=pictures[:15], test=pictures[15:])


def test_stays_at_16_bits_and_says_why_when_8_bits_cost_accuracy(tmp_path: Path, pictures: tuple[Picture, ...]) -> None:
    exported = _exported(tmp_path / "onnx", FragileFinder(), pictures)
    said: list[str] = []
    bundle = convert_bundle(tmp_path / "whole", exported, _request(pictures), said.append)
    assert bundle.manifest.openvino_int8 is None
    assert not (bundle.root / "openvino" / "int8").exists()
    assert bundle.manifest.openvino_fp16 is not None
    assert bundle.manifest.openvino_fp16.metrics["box"]["ap50"] == pytest.approx(1.0)
    assert bundle.manifest.metrics["int8_shipped"] is False
    attempts = bundle.manifest.metrics["int8_attempts"]
    assert len(attempts) == 4
    assert all("mAP50 falls from 1.000" in attempt["refused"] for attempt in attempts)
    assert sum(line.startswith("not shipped: mAP50 falls") for line in said) == 4


@pytest.mark.parametrize(
    ("wanted", "reached", "lost"),
    [
        (Figures(0.80, 0.97), Figures(0.80, 0.97), None),
        (Figures(0.80, 0.97), Figures(0.795, 0.965), None),
        (Figures(0.80, None), Figures(0.90, None), None),
        (Figures(0.80, 0.97), Figures(0.78, 0.97), "mAP50 falls from 0.800 to 0.780, allowed 0.01"),
        (Figures(0.58, 0.97), Figures(0.61, 0.92), "the parts' AUROC falls from 0.970 to 0.920, allowed 0.01"),
    ],
)
def test_8_bits_keep_both_the_boxes_and_the_verdict_when_they_keep_within_the_budget(
    wanted: Figures, reached: Figures, lost: str | None
) -> None:
    assert what_is_lost(wanted, reached, 0.01) == lost


class _TwoLayers(nn.Module):
    """Two convolutions with batch norms, which a conversion folds into them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A map (1, 8, H, W) and its mean (1, 8)."""
        found = self.second(self.first(pixels))
        return found * 0.5, found.mean((2, 3))


@pytest.mark.parametrize("in_float", ["first", "second"])
def test_a_layer_stays_in_float_when_it_is_named_although_its_batch_norm_is_folded(
    in_float: str, tmp_path: Path, pictures: tuple[Picture, ...]
) -> None:
    torch.manual_seed(2)
    network = _TwoLayers().eval()
    for name, weight in network.named_parameters():
        if name.endswith(".1.weight"):
            nn.init.uniform_(weight, 0.5, 1.5)  # else there would be nothing to fold
    export_onnx(network, tmp_path / "model.onnx", shape_hw=(INPUT_PX, INPUT_PX))
    how = Quantisation("one layer in float", (rf"/{in_float}/.*",))
    network_input = NetworkInput(shape_hw=(INPUT_PX, INPUT_PX))
    path = convert_int8(tmp_path / "model.onnx", tmp_path / "int8", pictures[:4], network_input, how)
    quantised = {
        layer
        for node in ov.Core().read_model(path).get_ordered_ops()
        if node.get_type_name() == "Convolution" and node.input_value(1).get_node().get_type_name() != "Constant"
        for layer in ("first", "second")
        if _weights_are_rounded(node) and f"/{layer}/" in node.get_friendly_name()
    }
    assert quantised == {"first", "second"} - {in_float}


def _weights_are_rounded(convolution: Any) -> bool:
    """Whether a convolution's weights are whole numbers of 8 bits, scaled."""
    seen, todo = False, [convolution.input_value(1).get_node()]
    while todo:
        node = todo.pop()
        seen = seen or (node.get_type_name() == "Constant" and node.get_element_type() in {ov.Type.i8, ov.Type.u8})
        todo += [value.get_node() for value in node.input_values()]
    return seen


def test_8_bits_are_shipped_with_the_budget_that_allows_it(tmp_path: Path, pictures: tuple[Picture, ...]) -> None:
    exported = _exported(tmp_path / "onnx", SquareFinder(), pictures)
    request = replace(_request(pictures), version="1+ov")
    bundle = convert_bundle(tmp_path / "whole", exported, request)
    assert bundle.manifest.version == "1+ov"
    assert bundle.manifest.openvino_int8 is not None
    assert bundle.manifest.metrics["int8_shipped"] is True
    assert bundle.manifest.thresholds == exported.manifest.thresholds
    assert bundle.manifest.golden == exported.manifest.golden
    assert bundle.manifest.provenance["converted_from"]["bundle_digest"] == exported.digest
    again = convert_bundle(tmp_path / "again", bundle, _request(pictures))
    assert (again.manifest.version, again.manifest.golden) == ("1+ov", bundle.manifest.golden)
    assert load_bundle(again.root).digest == again.digest


def test_refused_when_openvino_does_not_give_a_golden_verdict(tmp_path: Path, pictures: tuple[Picture, ...]) -> None:
    exported = _exported(tmp_path / "onnx", SquareFinder(), pictures)
    wrong = tuple(GoldenPicture(path=g.path, decision="uncertain", detections=()) for g in exported.manifest.golden)
    changed = seal_bundle(exported.root, exported.manifest.model_copy(update={"golden": wrong}))
    with pytest.raises(ConversionError, match="another verdict than ONNX"):
        convert_bundle(tmp_path / "whole", changed, _request(pictures))


def test_parity_is_refused_when_the_network_is_not_the_exported_one(
    tmp_path: Path, pictures: tuple[Picture, ...]
) -> None:
    exported = _exported(tmp_path / "onnx", SquareFinder(), pictures)
    other = SquareFinder().eval()
    assert other.contrast.bias is not None
    with torch.no_grad():
        other.contrast.bias += 0.01
    shown = [p.path for p in pictures[:3]]
    with pytest.raises(ExportError, match=r"scores by 1\.0e-02"):
        measure_parity(exported, other, shown)
    assert all(p.score_gap < 1e-4 for p in measure_parity(exported, SquareFinder().eval(), shown))
