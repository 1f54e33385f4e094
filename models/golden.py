"""The self-test of a loaded bundle: the golden pictures must come out as its manifest expects."""

from models.backends import BackendName, Precision
from models.bundle import Bundle
from models.detections import Detection
from models.errors import BundleError, InferenceError
from models.intake import read_image
from models.manifest import Artefact, GoldenDetection, GoldenPicture
from models.recipe import Recipe
from models.runtime import Runtime, open_backend, open_runtime

_MIN_IOU = 0.6


def open_tested_runtime(
    bundle: Bundle, *, backend: BackendName, precision: Precision, device: str, callers: int = 1
) -> Runtime:
    """A warm runtime that gave every golden verdict, in the precision asked for or else in f32, which says why.

    Faster precisions depend on the processor: 8 bits that hold on one with VNNI may not on one without.

    Args:
        bundle: A verified bundle.
        backend: The library to use.
        precision: The one wanted.
        device: OpenVINO device.
        callers: Threads that will call it at the same time.

    Raises:
        BundleError: The bundle does not load or fails its self-test in f32 too.
        InferenceError: It gives no usable answer.
    """
    runtime = open_runtime(bundle, backend=backend, precision=precision, device=device, callers=callers)
    runtime.warm_up()
    try:
        self_test(runtime)
    except BundleError as error:
        if runtime.description.precision == "f32":
            raise
        exact = open_backend(bundle, backend=backend, precision="f32", device=device, callers=callers)
        runtime = Runtime(bundle, exact, fallback_reason=f"{precision} is not usable on this processor: {error}")
        runtime.warm_up()
        self_test(runtime)
    return runtime


def self_test(runtime: Runtime) -> float:
    """The largest difference of a score, after every golden picture came out as expected on the runtime's backend.

    Raises:
        BundleError: A decision, a class, a box or a score is not the one expected.
    """
    tolerance, largest = _artefact_that_runs(runtime).score_tolerance, 0.0
    for golden in runtime.manifest.golden:
        picture = read_image((runtime.bundle.root / golden.path).read_bytes())
        try:
            verdict = runtime.inspect(picture, Recipe())
        except InferenceError as error:
            raise BundleError(f"self-test on {golden.path}: {error}") from error
        if verdict.decision != golden.decision:
            raise BundleError(f"self-test: {golden.path} came out {verdict.decision}, expected {golden.decision}")
        for expected in golden.detections:
            largest = max(largest, _difference(golden, expected, verdict.detections, tolerance))
    return largest


def box_iou(first_xyxy: tuple[float, ...], second_xyxy: tuple[float, ...]) -> float:
    """Intersection over union of two boxes, 0-1."""
    width = min(first_xyxy[2], second_xyxy[2]) - max(first_xyxy[0], second_xyxy[0])
    height = min(first_xyxy[3], second_xyxy[3]) - max(first_xyxy[1], second_xyxy[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (first_xyxy, second_xyxy)]
    return width * height / (sum(areas) - width * height)


def _artefact_that_runs(runtime: Runtime) -> Artefact:
    manifest, description = runtime.manifest, runtime.description
    if description.name == "onnxruntime":
        return manifest.onnx
    artefact = manifest.openvino_int8 if description.precision == "int8" else manifest.openvino_fp16
    if artefact is None:
        raise BundleError(f"the manifest has no artefact for {description}")
    return artefact


def _difference(
    golden: GoldenPicture, expected: GoldenDetection, found: tuple[Detection, ...], tolerance: float
) -> float:
    same = [d for d in found if d.class_name == expected.class_name]
    same = [d for d in same if box_iou(d.box_xyxy, expected.box_xyxy) >= _MIN_IOU]
    if not same:
        raise BundleError(f"self-test: {golden.path}: the expected {expected.class_name} was not found")
    difference = min(abs(d.confidence - expected.confidence) for d in same)
    if difference > tolerance:
        raise BundleError(
            f"self-test: {golden.path}: the score of {expected.class_name} is off by {difference:.3f}, "
            f"allowed {tolerance:.3f}"
        )
    return difference
