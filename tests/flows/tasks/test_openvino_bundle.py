"""A conversion keeps verdicts, and ships 8 bits only where they cost next to nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn

from flows.tasks.coco import Picture
from flows.tasks.export_onnx import ExportError
from flows.tasks.onnx_bundle import BundleRequest, assemble_onnx_bundle
from flows.tasks.openvino_bundle import ConversionError, ConversionRequest, convert_bundle
from flows.tasks.torch_parity import measure_parity
from models.bundle import Bundle, load_bundle, seal_bundle
from models.manifest import GoldenPicture
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
