"""A trained network becomes a bundle that verifies, states its figures and runs alike on every backend."""

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from flows.tasks.assemble_bundle import assemble_bundle
from flows.tasks.coco import Picture
from flows.tasks.onnx_bundle import BundleRequest
from flows.tasks.openvino_bundle import ConversionRequest, runtimes_of
from models.bundle import Bundle, load_bundle
from models.golden import self_test
from models.intake import read_image
from models.recipe import Recipe
from tests.flows.tasks.square_finder import CLASSES, INPUT_PX, SquareFinder, square_pictures

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Picture, ...]:
    return square_pictures(tmp_path_factory.mktemp("pictures"), 30)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, pictures: tuple[Picture, ...]) -> Bundle:
    request = BundleRequest(
        name="squares",
        version="1",
        class_names=CLASSES,
        shape_hw=(INPUT_PX, INPUT_PX),
        val=pictures[:15],
        test=pictures[15:],
        provenance={"dataset": "squares"},
        golden_count=4,
    )
    conversion = ConversionRequest(calibration=pictures[:6], val=pictures[:15], test=pictures[15:])
    folder = tmp_path_factory.mktemp("bundles") / "squares"
    return assemble_bundle(folder, SquareFinder().eval(), request, conversion)


def test_the_bundle_verifies_when_assembled(bundle: Bundle) -> None:
    assert load_bundle(bundle.root).digest == bundle.digest
    assert bundle.manifest.provenance["dataset"] == "squares"
    assert bundle.manifest.provenance["converted_from"]["calibration_pictures"] == 6


def test_torch_and_onnx_agree_on_every_golden_picture_when_exported(bundle: Bundle) -> None:
    parity = bundle.manifest.metrics["torch_parity"]
    assert [p["picture"] for p in parity] == [g.path.removeprefix("golden/") for g in bundle.manifest.golden]
    assert all(p["torch_decision"] == p["onnx_decision"] and p["score_gap"] < 1e-4 for p in parity)


def test_figures_are_those_of_a_perfect_network_when_it_is_one(bundle: Bundle) -> None:
    for artefact in (bundle.manifest.onnx, bundle.manifest.openvino_fp16, bundle.manifest.openvino_int8):
        assert artefact is not None
        assert artefact.metrics["box"]["ap50"] == pytest.approx(1.0)
        assert artefact.metrics["verdicts"]["escape"]["count"] == 0
        assert artefact.metrics["verdicts"]["overkill"]["count"] == 0
        assert artefact.metrics["pictures"] == 15
    assert bundle.manifest.metrics["int8_shipped"] is True


def test_thresholds_lie_between_noise_and_defects_when_chosen(bundle: Bundle) -> None:
    for limits in bundle.manifest.thresholds.values():
        assert 0.05 < limits.accept_below < limits.reject_above < 0.7


def test_golden_pictures_show_every_class_and_a_good_part_when_chosen(bundle: Bundle) -> None:
    golden = bundle.manifest.golden
    assert {found.class_name for picture in golden for found in picture.detections} == set(CLASSES)
    assert {picture.decision for picture in golden} == {"pass", "fail"}


def test_every_backend_gives_the_same_verdict_when_the_bundle_runs(
    bundle: Bundle, pictures: tuple[Picture, ...]
) -> None:
    runtimes = runtimes_of(bundle)
    assert {str(runtime.description) for runtime in runtimes} == {
        "onnxruntime:CPU:f32",
        "openvino:CPU:f32",
        "openvino:CPU:bf16",
        "openvino:CPU:int8",
    }
    for runtime in runtimes:
        self_test(runtime)
    for picture in pictures[15:21]:
        part = read_image(picture.path.read_bytes())
        decisions = {runtime.inspect(part, Recipe()).decision for runtime in runtimes}
        assert decisions == {"pass" if picture.is_good else "fail"}
