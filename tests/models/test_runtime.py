"""A real network on both backends: same verdicts, from many threads, and an error from every fault."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.backends import BackendName
from models.backends.openvino import OpenVinoBackend
from models.bundle import Bundle, load_bundle, seal_bundle
from models.errors import BundleError, InferenceError
from models.golden import self_test
from models.intake import Picture
from models.recipe import Recipe, Thresholds
from models.runtime import Runtime, open_backend, open_runtime
from tests.pictures import square_picture
from tests.tiny_bundle import Fault, build_tiny_bundle

BACKENDS: list[BackendName] = ["onnxruntime", "openvino"]


@pytest.fixture(params=BACKENDS)
def runtime(request: pytest.FixtureRequest, tiny_bundle: Bundle) -> Runtime:
    """The tiny network on each backend."""
    opened = open_runtime(tiny_bundle, backend=request.param)
    assert opened.description.name == request.param
    return opened


def _picture(colour: Any, **where: Any) -> Picture:
    return Picture(square_picture(colour, **where), "image/png")


@pytest.mark.parametrize(("colour", "decision"), [(None, "pass"), ("pale_red", "uncertain"), ("red", "fail")])
def test_decision_is_the_one_the_picture_asks_for(runtime: Runtime, colour: Any, decision: str) -> None:
    assert runtime.inspect(_picture(colour), Recipe()).decision == decision


def test_box_and_size_are_in_picture_pixels_and_mm(runtime: Runtime) -> None:
    picture = _picture("red", shape_hw=(480, 640), at_xy=(160, 160), side_px=240)
    verdict = runtime.inspect(picture, Recipe(mm_per_px=0.5))
    boxes = np.array([d.box_xyxy for d in verdict.detections])
    assert (boxes.min(axis=0)[:2] >= 155).all()
    assert (boxes.max(axis=0)[2:] <= 405).all()
    whole_cell = verdict.detections[0]
    assert whole_cell.extent.area_px == pytest.approx(80 * 80, rel=0.05)
    assert whole_cell.extent.area_mm2 == pytest.approx(whole_cell.extent.area_px * 0.25)
    assert whole_cell.mask_polygon


def test_station_thresholds_decide_and_are_named(runtime: Runtime) -> None:
    strict = Recipe(thresholds={"scratch": Thresholds(0.1, 0.2)})
    verdict = runtime.inspect(_picture("pale_red"), strict)
    assert verdict.decision == "fail"
    assert verdict.thresholds["scratch"] == Thresholds(0.1, 0.2)
    assert set(verdict.thresholds) == {"scratch", "dent"}


def test_no_answers_mix_when_many_threads_share_it(runtime: Runtime) -> None:
    _check_answers_when_many_ask(runtime)


def test_no_answers_mix_when_callers_have_streams_of_their_own(tiny_bundle: Bundle) -> None:
    backend = open_backend(tiny_bundle, backend="openvino", precision="f32", callers=8)
    assert isinstance(backend, OpenVinoBackend)
    assert backend.has_streams
    _check_answers_when_many_ask(Runtime(tiny_bundle, backend))


def _check_answers_when_many_ask(runtime: Runtime) -> None:
    pictures = [_picture("red", at_xy=(8 * i, 8)) for i in range(6)] + [_picture("blue", at_xy=(8, 40)), _picture(None)]
    alone = [runtime.inspect(p, Recipe()) for p in pictures]
    order = np.random.default_rng(3).integers(0, len(pictures), 400)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: (i, runtime.inspect(pictures[i], Recipe())), order))
    for index, verdict in together:
        assert (verdict.decision, verdict.detections) == (alone[index].decision, alone[index].detections)


def test_backends_agree_within_the_manifests_tolerance(tiny_bundle: Bundle) -> None:
    pixels = np.random.default_rng(5).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    pixels[20:44, 20:44] = (200, 60, 60)
    reference, fast = (open_runtime(tiny_bundle, backend=b).detect(pixels) for b in BACKENDS)
    assert len(reference) == len(fast) > 0
    assert tiny_bundle.manifest.openvino_fp16 is not None
    tolerance = tiny_bundle.manifest.openvino_fp16.score_tolerance
    for a, b in zip(reference, fast, strict=True):
        assert a.class_name == b.class_name
        assert a.confidence == pytest.approx(b.confidence, abs=tolerance)


def test_onnx_runtime_serves_and_says_why_when_openvino_cannot(tiny_bundle: Bundle) -> None:
    no_int8 = open_runtime(tiny_bundle, precision="int8")
    assert no_int8.description.name == "onnxruntime"
    assert "int8" in str(no_int8.description.fallback_reason)
    no_device = open_runtime(tiny_bundle, device="GPU.7")
    assert no_device.description.name == "onnxruntime"
    assert "GPU.7" in str(no_device.description.fallback_reason)


def test_auto_is_the_cpu_so_that_verdicts_do_not_move(tiny_bundle: Bundle) -> None:
    assert open_runtime(tiny_bundle, device="AUTO").description.device == "CPU"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("fault", ["nan", "negative_scores", "missing_prototypes"])
def test_error_and_no_verdict_when_the_network_is_broken(tmp_path: Path, fault: Fault, backend: BackendName) -> None:
    bundle = build_tiny_bundle(tmp_path / "broken", fault=fault, with_golden=False)
    with pytest.raises(InferenceError):
        open_runtime(bundle, backend=backend).inspect(_picture("red"), Recipe())


def test_error_when_the_input_does_not_fit(tiny_bundle: Bundle, tmp_path: Path) -> None:
    bundle = build_tiny_bundle(tmp_path / "wrong", with_golden=False)
    wrong = bundle.manifest.model_copy(
        update={"input": bundle.manifest.input.model_copy(update={"shape_hw": (96, 96)})}
    )
    for backend in BACKENDS:
        with pytest.raises(InferenceError):
            open_runtime(seal_bundle(bundle.root, wrong), backend=backend).warm_up()


def test_bundle_error_when_no_backend_loads_it(tmp_path: Path) -> None:
    bundle = build_tiny_bundle(tmp_path / "junk", with_golden=False)
    for name in ("model.onnx", "openvino/fp16/model.xml"):
        (bundle.root / name).write_bytes(b"not a network")
    with pytest.raises(BundleError, match=r"model\.onnx"):
        open_runtime(seal_bundle(bundle.root, bundle.manifest))


def test_self_test_passes_on_the_network_it_was_made_with(runtime: Runtime) -> None:
    self_test(runtime)


def test_self_test_refuses_when_the_scores_moved(tiny_bundle: Bundle, tmp_path: Path) -> None:
    moved = build_tiny_bundle(tmp_path / "moved", score_shift=-0.05, with_golden=False)
    for picture in tiny_bundle.manifest.golden:
        (moved.root / picture.path).write_bytes((tiny_bundle.root / picture.path).read_bytes())
    seal_bundle(moved.root, moved.manifest.model_copy(update={"golden": tiny_bundle.manifest.golden}))
    for backend in BACKENDS:
        with pytest.raises(BundleError, match="off by"):
            self_test(open_runtime(load_bundle(moved.root), backend=backend))


def test_self_test_refuses_when_a_decision_changes(tiny_bundle: Bundle, tmp_path: Path) -> None:
    blind = build_tiny_bundle(tmp_path / "blind", score_shift=-0.9, with_golden=False)
    for picture in tiny_bundle.manifest.golden:
        (blind.root / picture.path).write_bytes((tiny_bundle.root / picture.path).read_bytes())
    seal_bundle(blind.root, blind.manifest.model_copy(update={"golden": tiny_bundle.manifest.golden}))
    with pytest.raises(BundleError, match="came out pass, expected fail"):
        self_test(open_runtime(load_bundle(blind.root)))
