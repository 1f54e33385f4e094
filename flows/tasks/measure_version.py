"""What a version does on a test set and on this machine, for the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.gate import MeasuredVersion, ParityCheck
from flows.tasks.coco import Dataset
from flows.tasks.evaluate import Inspected, average_precision, inspect_pictures
from flows.tasks.rates import Rate, clopper_pearson, verdict_rates
from models.bundle import Bundle
from models.decide import Decision, decide
from models.errors import ModelError
from models.golden import box_iou, self_test
from models.intake import read_image
from models.recipe import Recipe, Thresholds
from models.runtime import Runtime, open_backend, open_runtime
from models.timing import time_variants, variants_of

_FOUND_IOU = 0.1
"""A defect counts as found where a box of its class touches it by this much, as in `choose_thresholds`."""
_TIMED = 40


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of a version and what they are made of.

    Attributes:
        figures: For the judgement.
        inspected: What it proposes on each picture of the test set, in their order.
        decisions: What it decides on each.
    """

    figures: MeasuredVersion
    inspected: tuple[Inspected, ...]
    decisions: tuple[Decision, ...]


def measure_version(
    version: str, bundle: Bundle, test_set: Dataset, on_picture: Callable[[], None] = lambda: None
) -> Measured:
    """Return the measurements of a version on the reference backend; latency and parity on the others too.

    Args:
        version: Its number.
        bundle: Its bundle.
        test_set: Pictures that it never saw; at least one.
        on_picture: Called after each.

    Raises:
        ModelError: The version does not run here, or a picture cannot be read.
    """
    manifest = bundle.manifest
    inspected = inspect_pictures(open_runtime(bundle, backend="onnxruntime"), test_set.pictures, on_picture)
    thresholds = {name: t.to_thresholds() for name, t in manifest.thresholds.items()}
    rates = verdict_rates(inspected, thresholds)
    classes = (*manifest.classes, *(n for n in test_set.class_names if n not in manifest.classes))
    figures = MeasuredVersion(
        version=version,
        classes=manifest.classes,
        box_ap50=average_precision(inspected, classes, "bbox").ap50,
        escape=rates.escape,
        overkill=rates.overkill,
        uncertain=rates.uncertain,
        recall=recall_per_class(inspected, thresholds),
        latency_p95_ms=_latency_p95_ms(bundle, test_set),
        golden_pictures=len(manifest.golden),
        parity=(*_torch_parity(manifest.metrics), *parity_checks(bundle)),
    )
    decisions = tuple(decide(part.detections, thresholds, Recipe()).decision for part in inspected)
    return Measured(figures, inspected, decisions)


def recall_per_class(inspected: Sequence[Inspected], thresholds: Mapping[str, Thresholds]) -> dict[str, Rate]:
    """Return how many annotated defects are found, for each annotated class; a class not known is never found."""
    found: dict[str, list[bool]] = {}
    for part in inspected:
        for annotation in part.picture.annotations:
            name = annotation.class_name
            lowest = thresholds[name].accept_below if name in thresholds else 1.0
            hit = any(
                d.class_name == name
                and d.confidence >= lowest
                and box_iou(d.box_xyxy, annotation.box_xyxy) >= _FOUND_IOU
                for d in part.detections
            )
            found.setdefault(name, []).append(hit)
    return {name: clopper_pearson(sum(hits), len(hits)) for name, hits in found.items()}


def parity_checks(bundle: Bundle) -> Iterator[ParityCheck]:
    """Return, for each backend and precision, whether it gives the golden verdicts within its tolerance."""
    for backend, precision in variants_of(bundle):
        runs_on = f"{backend} {precision}"
        try:
            # Not `open_runtime`: where OpenVINO fails it would take ONNX Runtime, which agrees with itself.
            gap = self_test(Runtime(bundle, open_backend(bundle, backend=backend, precision=precision)))
        except ModelError as error:
            yield ParityCheck(runs_on, broken=str(error))
        else:
            yield ParityCheck(runs_on, score_gap=gap)


def _torch_parity(metrics: Mapping[str, Any]) -> Iterator[ParityCheck]:
    """Return the comparison of the trained network with the ONNX, made when that was exported.

    The hash of the ONNX stands in the manifest beside it, so that it still holds; the weights need not be kept.
    """
    compared = metrics.get("torch_parity")
    if not isinstance(compared, list) or not compared:
        return
    differing = [str(p["picture"]) for p in compared if p["torch_decision"] != p["onnx_decision"]]
    broken = f"other decisions than ONNX on {', '.join(differing)}" if differing else None
    gap = max(float(p["score_gap"]) for p in compared)
    yield ParityCheck("torch f32", None if broken else gap, broken)


def _latency_p95_ms(bundle: Bundle, test_set: Dataset) -> float:
    """Return the 95th percentile of the variant that live inspection runs: OpenVINO in f32 where the bundle has it."""
    pixels = read_image(test_set.pictures[0].path.read_bytes()).pixels_rgb
    timings = time_variants(bundle, pixels, iterations=_TIMED)
    live = [t for t in timings if (t.backend, t.precision) == ("openvino", "f32")]
    return (live or timings)[0].p95_ms
