"""The golden pictures of a bundle: each class once and good parts, cases that are clear to the reference backend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flows.tasks.coco import Picture
from models.bundle import Bundle, seal_bundle
from models.decide import Decision
from models.detections import Detection
from models.golden import box_iou
from models.intake import Picture as IntakePicture
from models.intake import read_image
from models.manifest import GoldenDetection, GoldenPicture
from models.recipe import Recipe
from models.runtime import Runtime, open_runtime

_CLEAR = 0.1
"""How far above the reject score a detection of the reference must lie: no backend may flip a golden verdict.

Half of the way to 1 is enough where there is less room: above a reject score of 0.99 nothing lies 0.1 higher.
"""
_CLEAR_PASS = 0.7
"""A pass is clear where no proposal reaches this share of its class's accept score."""
_SAME_BOX = 0.7


def add_golden_pictures(bundle: Bundle, pictures: Sequence[Picture], *, count: int) -> Bundle:
    """Return the bundle with up to `count` golden pictures: clear cases for the reference backend.

    Args:
        bundle: Complete but for its golden pictures.
        pictures: To choose from, in this order; the files are copied into the bundle.
        count: At most so many; a class is shown before a second good part is.
    """
    reference = open_runtime(bundle, backend="onnxruntime")
    golden: list[GoldenPicture] = []
    for picture in _candidates(pictures, bundle.manifest.classes, count):
        if len(golden) >= count:
            break
        found = _golden_picture(reference, picture, f"golden/{len(golden):02d}_{picture.path.name}")
        if found is None or _is_shown(golden, found, count):
            continue
        (bundle.root / found.path).write_bytes(picture.path.read_bytes())
        golden.append(found)
    return seal_bundle(bundle.root, bundle.manifest.model_copy(update={"golden": tuple(golden)}))


def golden_gaps(runtime: Runtime) -> dict[str, float | None]:
    """Return how far a backend's scores lie off on each golden picture, None where it gives another verdict."""
    gaps: dict[str, float | None] = {}
    for golden in runtime.manifest.golden:
        verdict = runtime.inspect(read_image((runtime.bundle.root / golden.path).read_bytes()), Recipe())
        differences = [_difference(expected, verdict.detections) for expected in golden.detections]
        agrees = verdict.decision == golden.decision and None not in differences
        gaps[golden.path] = max((d for d in differences if d is not None), default=0.0) if agrees else None
    return gaps


def _candidates(pictures: Sequence[Picture], class_names: Iterable[str], count: int) -> list[Picture]:
    """Return pictures to try: of each class some that show it alone, then good parts."""
    chosen: list[Picture] = []
    for class_name in class_names:
        single = [p for p in pictures if len(p.annotations) == 1 and p.annotations[0].class_name == class_name]
        chosen += single[:5]
    good = [p for p in pictures if p.is_good]
    return chosen + good[: 3 * count]


def _is_shown(golden: Sequence[GoldenPicture], new: GoldenPicture, count: int) -> bool:
    """Return whether the set has enough of this kind: one picture per class, a quarter of good parts (two at least)."""
    kind = {found.class_name for found in new.detections}
    if not kind:
        return sum(not shown.detections for shown in golden) >= max(2, count // 4)
    return any({found.class_name for found in shown.detections} == kind for shown in golden)


def _golden_picture(reference: Runtime, picture: Picture, path: str) -> GoldenPicture | None:
    """Return the golden picture, None where the case is not clear."""
    clear = _clear_detections(reference, read_image(picture.path.read_bytes()))
    if clear is None or (not clear) != picture.is_good or not _shows_what_is_annotated(clear, picture):
        return None
    decision: Decision = "fail" if clear else "pass"
    return GoldenPicture(path=path, decision=decision, detections=_expected(clear))


def _clear_detections(runtime: Runtime, part: IntakePicture) -> tuple[Detection, ...] | None:
    """Return the detections clearly above the reject score, none for a clear pass; None where it is close."""
    verdict = runtime.inspect(part, Recipe())
    limits = verdict.thresholds
    if verdict.decision == "pass":
        proposals = runtime.detect(part.pixels_rgb, masks_from=1.0)
        clear = all(p.confidence <= limits[p.class_name].accept_below * _CLEAR_PASS for p in proposals)
        return () if clear else None
    far = [d for d in verdict.detections if d.confidence >= _clear_from(limits[d.class_name].reject_above)]
    return tuple(far) or None


def _clear_from(reject_above: float) -> float:
    return reject_above + min(_CLEAR, (1.0 - reject_above) / 2.0)


def _shows_what_is_annotated(clear: Sequence[Detection], picture: Picture) -> bool:
    """Return whether each clear detection lies on an annotated defect of its class."""
    return all(
        any(
            detection.class_name == annotation.class_name
            and box_iou(detection.box_xyxy, annotation.box_xyxy) >= _SAME_BOX
            for annotation in picture.annotations
        )
        for detection in clear
    )


def _difference(expected: GoldenDetection, found: Sequence[Detection]) -> float | None:
    """Return how far the score of the same detection on another backend lies off, None where it is not there."""
    same = [
        abs(other.confidence - expected.confidence)
        for other in found
        if other.class_name == expected.class_name and box_iou(other.box_xyxy, expected.box_xyxy) >= _SAME_BOX
    ]
    return min(same, default=None)


def _expected(detections: Sequence[Detection]) -> tuple[GoldenDetection, ...]:
    return tuple(
        GoldenDetection(class_name=found.class_name, confidence=round(found.confidence, 4), box_xyxy=found.box_xyxy)
        for found in detections
    )
