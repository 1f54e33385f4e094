"""A bundle that runs: picture in, verdict out. The same code in evaluation, calibration, batch and live."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.backends import Backend, BackendDescription, BackendName, Precision
from models.backends.onnxruntime import OnnxRuntimeBackend
from models.backends.openvino import OpenVinoBackend
from models.bundle import Bundle
from models.decide import Decision, decide, thresholds_in_force
from models.detections import Detection
from models.errors import BundleError, InferenceError
from models.intake import Picture
from models.letterbox import Placement, letterbox, pixels_to_blob
from models.manifest import Manifest
from models.masks import MaskOutline, outline_of_mask
from models.measure import measure
from models.outputs import Candidates, outputs_to_candidates
from models.recipe import Recipe, Thresholds
from models.surface import box_of_region, outline_of_region, read_map, regions_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one picture, with what produced it.

    Attributes:
        decision: pass, fail or uncertain.
        confidence: See `models.decide.Judgement`.
        detections: The detections that count, highest score first.
        thresholds: Those in force, per class.
        timings_ms: Milliseconds per stage: preprocess, inference, postprocess.
    """

    decision: Decision
    confidence: float
    detections: tuple[Detection, ...]
    thresholds: Mapping[str, Thresholds]
    timings_ms: Mapping[str, float]


class Runtime:
    """One loaded bundle on one backend. It keeps no state between calls: threads share it freely."""

    def __init__(self, bundle: Bundle, backend: Backend, *, fallback_reason: str | None = None) -> None:
        """Ties a bundle to the backend that runs it; see `open_runtime`.

        Args:
            bundle: The bundle.
            backend: Runs its network.
            fallback_reason: Why it is not the backend that was asked for; None leaves what the backend itself says.
        """
        self._bundle = bundle
        self._backend = backend
        said = backend.description
        self._description = said if fallback_reason is None else replace(said, fallback_reason=fallback_reason)
        self._bundle_thresholds = {k: t.to_thresholds() for k, t in bundle.manifest.thresholds.items()}

    @property
    def bundle(self) -> Bundle:
        """The bundle that runs."""
        return self._bundle

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self._bundle.manifest

    @property
    def description(self) -> BackendDescription:
        """The backend that really runs."""
        return self._description

    @property
    def model_name(self) -> str:
        """Name of the bundle."""
        return self.manifest.name

    @property
    def model_version(self) -> str:
        """Version of the bundle."""
        return self.manifest.version

    def preprocess(self, pixels_rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], Placement]:
        """What the network sees of a picture, float32 (1, 3, height, width), and where the picture lies in it.

        Args:
            pixels_rgb: uint8 (height, width, 3), RGB.
        """
        rules = self.manifest.input
        canvas, placement = letterbox(pixels_rgb, rules.shape_hw, pad_value=rules.pad_value)
        if rules.colour_order == "bgr":
            canvas = canvas[..., ::-1]
        return pixels_to_blob(canvas, rules.scale), placement

    def infer(self, pixels_rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], ...]:
        """The raw outputs of the network, for parity checks.

        Args:
            pixels_rgb: uint8 (height, width, 3).
        """
        blob, _ = self.preprocess(pixels_rgb)
        return self._backend.run(blob)

    def detect(
        self, pixels_rgb: npt.NDArray[np.uint8], *, mm_per_px: float | None = None, masks_from: float = 0.0
    ) -> tuple[Detection, ...]:
        """Every detection down to the manifest's `min_confidence`, highest score first.

        Args:
            pixels_rgb: uint8 (height, width, 3), RGB.
            mm_per_px: Calibration, or None.
            masks_from: Score below which a detection keeps its box for an outline; tracing costs most of the time.

        Raises:
            InferenceError: The network gave no usable answer.
        """
        blob, placement = self.preprocess(pixels_rgb)
        outputs = self._backend.run(blob)
        return self._postprocess(outputs, placement, mm_per_px, [masks_from] * len(self.manifest.classes))

    def inspect(self, picture: Picture, recipe: Recipe) -> Verdict:
        """The verdict on a picture.

        Args:
            picture: From `models.intake.read_image`.
            recipe: The station's rules.

        Raises:
            InferenceError: The network gave no usable answer. There is no verdict then, and never a pass.
        """
        # Durations only: no value of a verdict depends on the clock.
        start = time.perf_counter()
        blob, placement = self.preprocess(picture.pixels_rgb)
        prepared = time.perf_counter()
        outputs = self._backend.run(blob)
        inferred = time.perf_counter()
        thresholds = thresholds_in_force(self._bundle_thresholds, recipe)
        # Only what counts gets its mask traced: the hundred weak candidates would cost more than the network.
        masks_from = [thresholds[name].accept_below for name in self.manifest.classes]
        detections = self._postprocess(outputs, placement, recipe.mm_per_px, masks_from)
        judgement = decide(detections, thresholds, recipe)
        done = time.perf_counter()
        timings_ms = {
            "preprocess": (prepared - start) * 1e3,
            "inference": (inferred - prepared) * 1e3,
            "postprocess": (done - inferred) * 1e3,
        }
        return Verdict(judgement.decision, judgement.confidence, judgement.detections, thresholds, timings_ms)

    def warm_up(self) -> None:
        """Runs one grey picture, so that the first part does not pay for lazy initialisation.

        Raises:
            InferenceError: The network does not run.
        """
        self.detect(np.full((*self.manifest.input.shape_hw, 3), 127, np.uint8))

    def _candidates(self, outputs: tuple[npt.NDArray[np.float32], ...]) -> Candidates:
        expected = 2 if self.manifest.task == "segment" else 1
        if len(outputs) < expected:
            raise InferenceError(f"the network has {len(outputs)} outputs, {expected} are needed")
        return outputs_to_candidates(outputs[0], self.manifest.output, len(self.manifest.classes))

    def _postprocess(
        self,
        outputs: tuple[npt.NDArray[np.float32], ...],
        placement: Placement,
        mm_per_px: float | None,
        masks_from: Sequence[float],
    ) -> tuple[Detection, ...]:
        """Detections in picture pixels; those below their class's score in `masks_from` keep the box for an outline."""
        if self.manifest.task == "surface":
            return self._surface_detections(outputs, placement, mm_per_px, masks_from)
        found = self._candidates(outputs)
        boxes = placement.boxes_to_picture(found.boxes_xyxy)
        detections = []
        for i, box in enumerate(boxes):
            class_index, score = int(found.class_indices[i]), min(1.0, float(found.scores[i]))
            outline = None
            if self.manifest.task == "segment" and score >= masks_from[class_index]:
                outline = self._outline(outputs[1], found.mask_coefficients[i], box, placement)
            box_xyxy = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
            detections.append(self._detection(class_index, score, box_xyxy, outline, mm_per_px))
        return tuple(detections)

    def _surface_detections(
        self,
        outputs: tuple[npt.NDArray[np.float32], ...],
        placement: Placement,
        mm_per_px: float | None,
        masks_from: Sequence[float],
    ) -> tuple[Detection, ...]:
        found = read_map(outputs, len(self.manifest.classes), self.manifest.input.shape_hw, placement)
        detections = []
        for region in regions_of(found, self.manifest.output):
            box_xyxy, outline = box_of_region(region, found.stride, placement), None
            if region.score >= masks_from[region.class_index]:
                outline = outline_of_region(region, found.stride, placement)
                box_xyxy = outline.box_xyxy or box_xyxy
            detections.append(self._detection(region.class_index, region.score, box_xyxy, outline, mm_per_px))
        return tuple(detections)

    def _detection(
        self,
        class_index: int,
        score: float,
        box_xyxy: tuple[float, float, float, float],
        outline: MaskOutline | None,
        mm_per_px: float | None,
    ) -> Detection:
        known = outline if outline and outline.area_px > 0 else _outline_of_box(box_xyxy)
        extent = measure(known.area_px, known.length_px, known.width_px, mm_per_px)
        return Detection(self.manifest.classes[class_index], score, box_xyxy, extent, known.rings)

    def _outline(
        self,
        prototypes: npt.NDArray[np.float32],
        coefficients: npt.NDArray[np.float32],
        box: npt.NDArray[np.float32],
        placement: Placement,
    ) -> MaskOutline:
        if prototypes.ndim != 4 or prototypes.shape[1] != coefficients.size:
            raise InferenceError(f"mask prototypes shaped {prototypes.shape} do not fit the coefficients")
        return outline_of_mask(coefficients, prototypes[0], box, placement, self.manifest.input.shape_hw)


def _outline_of_box(box_xyxy: tuple[float, float, float, float]) -> MaskOutline:
    """Where there is no mask, the box is all that is known of the region."""
    width, height = box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1]
    return MaskOutline((), width * height, max(width, height), min(width, height))


def open_runtime(
    bundle: Bundle,
    *,
    backend: BackendName = "openvino",
    precision: Precision = "f32",
    device: str = "AUTO",
    threads: int | None = None,
    callers: int = 1,
) -> Runtime:
    """The runtime of a bundle. Where OpenVINO cannot run it, ONNX Runtime does, and the description says why.

    Args:
        bundle: A verified bundle.
        backend: The library to use.
        precision: `f32` and `bf16` run the FP16 IR; `int8` the quantised one.
        device: OpenVINO device; `AUTO` means `CPU`.
        threads: Threads within one inference; None leaves it to the library.
        callers: Threads that will call it at the same time.

    Raises:
        BundleError: No backend runs the bundle.
    """
    if backend == "onnxruntime":
        return Runtime(bundle, open_backend(bundle, backend=backend, precision="f32", threads=threads))
    try:
        chosen = open_backend(
            bundle, backend=backend, precision=precision, device=device, threads=threads, callers=callers
        )
        return Runtime(bundle, chosen)
    except BundleError as error:
        path = bundle.path_of(bundle.manifest.onnx)
        return Runtime(bundle, OnnxRuntimeBackend(path, threads=threads, fallback_reason=str(error)))


def open_backend(
    bundle: Bundle,
    *,
    backend: BackendName,
    precision: Precision,
    device: str = "AUTO",
    threads: int | None = None,
    callers: int = 1,
) -> Backend:
    """Exactly the backend asked for, with no fallback.

    Args:
        bundle: A verified bundle.
        backend: The library to use.
        precision: As in `open_runtime`; ONNX Runtime computes in `f32` only.
        device: OpenVINO device; `AUTO` means `CPU`.
        threads: Threads within one inference; None leaves it to the library.
        callers: Threads that will call it at the same time.

    Raises:
        BundleError: The bundle has no such artefact, or it does not load.
    """
    manifest = bundle.manifest
    if backend == "onnxruntime":
        if precision != "f32":
            raise BundleError(f"ONNX Runtime runs a bundle in f32, not in {precision}")
        return OnnxRuntimeBackend(bundle.path_of(manifest.onnx), threads=threads)
    artefact = manifest.openvino_int8 if precision == "int8" else manifest.openvino_fp16
    if artefact is None:
        raise BundleError(f"the bundle has no OpenVINO artefact for {precision}")
    path = bundle.path_of(artefact)
    return OpenVinoBackend(path, precision=precision, device=device, threads=threads, callers=callers)
