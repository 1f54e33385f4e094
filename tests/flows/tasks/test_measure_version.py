"""Parity as the gate sees it, and the golden pictures of another version."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("scipy", reason="needs the train extra")

from flows.gate import GoldenDifference
from flows.tasks.coco import Dataset
from flows.tasks.compare_golden import golden_binds, golden_differences
from flows.tasks.measure_version import measure_version, parity_checks
from models.bundle import Bundle, seal_bundle
from tests.flows.tasks.square_finder import CLASSES, square_pictures
from tests.tiny_bundle import build_tiny_bundle

pytestmark = pytest.mark.training


def _with(bundle: Bundle, **changes: Any) -> Bundle:
    return seal_bundle(bundle.root, bundle.manifest.model_copy(update=changes))


def test_backend_breaks_parity_when_it_does_not_load(tmp_path: Path) -> None:
    bundle = build_tiny_bundle(tmp_path / "bundle")
    bundle.path_of(bundle.manifest.openvino_fp16).write_text("<net/>")  # type: ignore[arg-type]
    found = {check.runs_on: check.broken for check in parity_checks(_with(bundle))}
    assert found["onnxruntime f32"] is None
    # ONNX Runtime would stand in for it when live; here that would hide the fault.
    assert "OpenVINO does not load" in str(found["openvino f32"])


def test_backend_breaks_parity_when_its_scores_are_off(tmp_path: Path) -> None:
    bundle = build_tiny_bundle(tmp_path / "bundle")
    golden = bundle.manifest.golden
    off = tuple(
        g.model_copy(update={"detections": tuple(d.model_copy(update={"confidence": 0.9}) for d in g.detections)})
        for g in golden
    )
    for check in parity_checks(_with(bundle, golden=off)):
        assert "is off by" in str(check.broken), check


def test_scores_lie_within_the_tolerance_when_all_agree(tmp_path: Path) -> None:
    bundle = build_tiny_bundle(tmp_path / "bundle")
    checks = list(parity_checks(bundle))
    assert [check.runs_on for check in checks] == ["onnxruntime f32", "openvino f32", "openvino bf16"]
    assert all(check.broken is None and check.score_gap is not None and check.score_gap < 5e-3 for check in checks)


@pytest.mark.parametrize(("onnx", "broken"), [("fail", None), ("pass", "other decisions than ONNX on a.png")])
def test_comparison_with_torch_counts_when_the_bundle_carries_one(
    tmp_path: Path, onnx: str, broken: str | None
) -> None:
    bundle = build_tiny_bundle(tmp_path / "bundle")
    compared = {"picture": "a.png", "torch_decision": "fail", "onnx_decision": onnx, "score_gap": 1e-5}
    (tmp_path / "images").mkdir()
    pictures = square_pictures(tmp_path / "images", 3)
    measured = measure_version("2", _with(bundle, metrics={"torch_parity": [compared]}), Dataset(CLASSES, pictures))
    torch = measured.figures.parity[0]
    assert (torch.runs_on, torch.broken, torch.score_gap) == ("torch f32", broken, None if broken else 1e-5)
    assert measured.decisions == ("pass", "fail", "fail")


def test_golden_pictures_of_the_deployed_version_are_judged_by_the_candidate(
    tmp_path: Path, tiny_bundle: Bundle
) -> None:
    blind = build_tiny_bundle(tmp_path / "blind", score_shift=-0.5)
    assert golden_differences(tiny_bundle, tiny_bundle) == ()
    assert golden_differences(blind, tiny_bundle) == (
        GoldenDifference("golden/scratch.png", "fail", "pass"),
        GoldenDifference("golden/dent.png", "fail", "pass"),
    )


@pytest.mark.parametrize(
    ("candidate", "deployed", "binds"),
    [("labelled", "simulated line", False), ("simulated line", "simulated line", True), ("labelled", "labelled", True)],
)
def test_golden_pictures_of_a_simulated_line_bind_only_a_candidate_of_one(
    tiny_bundle: Bundle, candidate: str, deployed: str, *, binds: bool
) -> None:
    first, second = (
        replace(
            tiny_bundle, manifest=tiny_bundle.manifest.model_copy(update={"provenance": {"dataset": {"kind": kind}}})
        )
        for kind in (candidate, deployed)
    )
    assert golden_binds(first, second) is binds
