"""The committed starter bundle verifies, passes its self-test everywhere and keeps what its manifest promises."""

from pathlib import Path

import openvino as ov
import pytest

import models
from models.backends import BackendName, Precision
from models.bundle import Bundle, load_bundle
from models.golden import self_test
from models.intake import read_image
from models.recipe import Recipe
from models.runtime import open_runtime
from models.simulation import DEFECT_CLASSES, SimulatedLine
from tests.pictures import jpeg_bytes

STARTER = Path(models.__file__).parent / "starter"
MAX_BYTES = 15 * 2**20


@pytest.fixture(scope="module")
def starter() -> Bundle:
    return load_bundle(STARTER)


def test_the_starter_is_small_enough_when_committed() -> None:
    assert sum(path.stat().st_size for path in STARTER.rglob("*") if path.is_file()) <= MAX_BYTES


def test_figures_meet_the_targets_when_read_from_the_manifest(starter: Bundle) -> None:
    manifest = starter.manifest
    assert manifest.classes == DEFECT_CLASSES
    for artefact in (manifest.onnx, manifest.openvino_fp16, manifest.openvino_int8):
        assert artefact is not None
        assert artefact.metrics["pictures"] >= 1000
        assert artefact.metrics["box"]["ap50"] >= 0.90
        assert artefact.metrics["verdicts"]["escape"]["share"] <= 0.01
        assert artefact.metrics["verdicts"]["overkill"]["share"] <= 0.02
        assert artefact.metrics["verdicts"]["uncertain"]["share"] <= 0.05
    assert manifest.openvino_int8 is not None
    assert manifest.onnx.metrics["box"]["ap50"] - manifest.openvino_int8.metrics["box"]["ap50"] <= 0.01


@pytest.mark.parametrize(
    ("backend", "precision"),
    [("onnxruntime", "f32"), ("openvino", "f32"), ("openvino", "bf16"), ("openvino", "int8")],
)
def test_the_self_test_passes_when_run_on_any_backend(
    starter: Bundle, backend: BackendName, precision: Precision
) -> None:
    runtime = open_runtime(starter, backend=backend, precision=precision, threads=1)
    assert runtime.description.name == backend
    assert starter.manifest.golden
    self_test(runtime)


def test_weights_keep_to_half_the_range_of_8_bits_when_a_processor_may_add_in_16(starter: Bundle) -> None:
    artefact = starter.manifest.openvino_int8
    assert artefact is not None
    network = ov.Core().read_model(str(starter.path_of(artefact)))
    weights = [
        op for op in network.get_ops() if op.get_type_name() == "Constant" and op.get_element_type() == ov.Type.i8
    ]
    # Depthwise convolutions (groups, 1, 1, height, width) have one product per channel: nothing to add up in pairs.
    dense = [op for op in weights if len(op.shape) != 5]
    assert len(dense) > 90
    assert all(abs(op.data.astype(int)).max() <= 64 for op in dense)


def test_verdicts_are_right_when_fresh_parts_come_along(starter: Bundle) -> None:
    runtime = open_runtime(starter, threads=1)
    line = SimulatedLine(9001, 0.5)  # a line that neither training nor the figures have seen
    wrong = []
    for index in range(60):
        part = line.part(index)
        verdict = runtime.inspect(read_image(jpeg_bytes(part.pixels_rgb)), Recipe(mm_per_px=part.mm_per_px))
        expected = "fail" if part.defects else "pass"
        if verdict.decision not in {expected, "uncertain"}:
            wrong.append((index, verdict.decision, [defect.class_name for defect in part.defects]))
    assert wrong == []


def test_the_measured_area_is_that_of_the_defect_when_a_stain_is_found(starter: Bundle) -> None:
    runtime = open_runtime(starter, threads=1)
    ratios = []
    for index in range(40):
        part = SimulatedLine(9002, 1.0).part(index)
        verdict = runtime.inspect(read_image(jpeg_bytes(part.pixels_rgb)), Recipe(mm_per_px=part.mm_per_px))
        stains = [defect for defect in part.defects if defect.class_name == "stain"]
        found = [d for d in verdict.detections if d.class_name == "stain"]
        if len(stains) == 1 and found and found[0].extent.area_mm2 is not None:
            ratios.append(found[0].extent.area_mm2 / (stains[0].mask.sum() * part.mm_per_px**2))
    assert len(ratios) >= 5
    assert sum(ratios) / len(ratios) == pytest.approx(1.0, abs=0.15)
