"""Where a version goes wrong: by part, by class, by size of the defect; and how well its masks fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pycocotools import mask as coco_mask

from flows.tasks.coco import Annotation, Picture
from flows.tasks.evaluate import Inspected, rle_of
from flows.tasks.part_score import auroc, is_on, part_log_odds, sigmoid
from flows.tasks.rates import Rate, clopper_pearson
from models.decide import Decision, decide
from models.detections import Detection
from models.golden import box_iou
from models.recipe import Recipe, Thresholds

NOTHING = "nothing"
"""In the confusion matrix: no defect there, or none found."""
_SIZES_PX = (8, 16, 32, 64, 128)
_MATCH_IOU = 0.5  # the usual overlap of COCO's AP50


@dataclass(frozen=True, slots=True)
class JudgedPart:
    """A part with its one score, 0..1, of which 0.5 is where its worst class begins to count, and the decision."""

    inspected: Inspected
    score: float
    decision: Decision

    @property
    def is_escape(self) -> bool:
        """Whether a defective part passes."""
        return self.decision == "pass" and not self.inspected.picture.is_good

    @property
    def is_overkill(self) -> bool:
        """Whether a good part fails."""
        return self.decision == "fail" and self.inspected.picture.is_good


@dataclass(frozen=True, slots=True)
class GroupResult:
    """How many annotated defects of a group are found, and how well the masks of those fit.

    Attributes:
        name: The class, or the range of sizes.
        found: Defects on which a proposal of their class counts.
        named_otherwise: Defects that only proposals of other classes lie on: the part does not pass all the same.
        mask_iou: Mean overlap of the found ones' masks, None where none was found.
    """

    name: str
    found: Rate
    named_otherwise: int
    mask_iou: float | None


@dataclass(frozen=True, slots=True)
class ErrorAnalysis:
    """The errors of a version on annotated pictures.

    Attributes:
        parts: Every part in the order of the pictures.
        auroc: Of the parts' scores, None without parts of both kinds.
        mask_iou: Mean overlap of the masks of found defects, None where none was found.
        by_class: For each class that is annotated.
        by_size: By the side of a square of the defect's area, in pixels of the picture.
        class_names: Rows and columns of the confusion matrix, `nothing` last.
        confusion: `[truth][found]`, defects; `nothing` as truth counts proposals that lie on no defect.
        curve: (recall, precision, score) of boxes over all classes, each time one more proposal is taken; IoU 0.5.
    """

    parts: tuple[JudgedPart, ...]
    auroc: float | None
    mask_iou: float | None
    by_class: tuple[GroupResult, ...]
    by_size: tuple[GroupResult, ...]
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    curve: tuple[tuple[float, float, float], ...]

    @property
    def escapes(self) -> tuple[JudgedPart, ...]:
        """Defective parts that pass, the surest of them first."""
        return tuple(sorted((p for p in self.parts if p.is_escape), key=lambda p: p.score))

    @property
    def overkills(self) -> tuple[JudgedPart, ...]:
        """Good parts that fail, the surest of them first."""
        return tuple(sorted((p for p in self.parts if p.is_overkill), key=lambda p: -p.score))

    def scores(self, *, good: bool) -> list[float]:
        """Return the scores of the good parts, or of the defective ones."""
        return [p.score for p in self.parts if p.inspected.picture.is_good == good]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; each part with its file name, score and decision."""
        return {
            "auroc": self.auroc,
            "mask_iou": self.mask_iou,
            "by_class": [asdict(group) for group in self.by_class],
            "by_size": [asdict(group) for group in self.by_size],
            "confusion": {"names": self.class_names, "rows": self.confusion},
            "precision_recall": self.curve,
            "parts": [
                {
                    "picture": p.inspected.picture.path.name,
                    "good": p.inspected.picture.is_good,
                    "score": round(p.score, 5),
                    "decision": p.decision,
                }
                for p in self.parts
            ],
        }


@dataclass(frozen=True, slots=True)
class _Defect:
    """An annotated defect and what was found of it."""

    annotation: Annotation
    side_px: float
    found_as: str | None
    mask_iou: float | None


def analyse_errors(
    inspected: Sequence[Inspected], thresholds: Mapping[str, Thresholds], class_names: Sequence[str]
) -> ErrorAnalysis:
    """Return the errors at these thresholds.

    Args:
        inspected: Annotated parts with all proposals.
        thresholds: Of every class that the network knows.
        class_names: These and whatever else is annotated.
    """
    parts = tuple(_judged(part, thresholds) for part in inspected)
    defects = [found for part in inspected for found in _defects(part, thresholds)]
    overlaps = [d.mask_iou for d in defects if d.mask_iou is not None]
    sizes = (*_SIZES_PX, math.inf)
    return ErrorAnalysis(
        parts=parts,
        auroc=part_auroc(inspected, thresholds),
        mask_iou=sum(overlaps) / len(overlaps) if overlaps else None,
        by_class=tuple(_groups({n: [d for d in defects if d.annotation.class_name == n] for n in class_names})),
        by_size=tuple(
            _groups(
                {
                    _size_name(low, high): [d for d in defects if low <= d.side_px < high]
                    for low, high in zip((0, *_SIZES_PX), sizes, strict=True)
                }
            )
        ),
        class_names=(*class_names, NOTHING),
        confusion=_confusion(inspected, thresholds, defects, (*class_names, NOTHING)),
        curve=_curve(inspected),
    )


def part_auroc(inspected: Sequence[Inspected], thresholds: Mapping[str, Thresholds]) -> float | None:
    """Return the area under the ROC curve of the parts' scores, None without parts of both kinds."""
    starts = {name: limits.accept_below for name, limits in thresholds.items()}
    heights = [(part.picture.is_good, part_log_odds(part.detections, starts)) for part in inspected]
    return auroc([h for good, h in heights if good], [h for good, h in heights if not good])


def _judged(part: Inspected, thresholds: Mapping[str, Thresholds]) -> JudgedPart:
    starts = {name: limits.accept_below for name, limits in thresholds.items()}
    decision = decide(part.detections, thresholds, Recipe()).decision
    return JudgedPart(part, sigmoid(part_log_odds(part.detections, starts)), decision)


def _counted(part: Inspected, thresholds: Mapping[str, Thresholds]) -> list[Detection]:
    return [d for d in part.detections if d.confidence >= thresholds[d.class_name].accept_below]


def _defects(part: Inspected, thresholds: Mapping[str, Thresholds]) -> list[_Defect]:
    """Return each annotated defect with the class it was found as, and the best mask's overlap with its own."""
    counted = _counted(part, thresholds)
    defects = []
    for annotation in part.picture.annotations:
        here = sorted((d for d in counted if is_on(d, annotation)), key=lambda d: -d.confidence)
        own = [d for d in here if d.class_name == annotation.class_name]
        truth = rle_of(_rings(annotation), part.picture.shape_hw)
        overlap = max((_mask_iou(d, truth, part.picture) for d in own), default=None)
        found_as = annotation.class_name if own else here[0].class_name if here else None
        defects.append(_Defect(annotation, math.sqrt(float(coco_mask.area(truth))), found_as, overlap))
    return defects


def _rings(annotation: Annotation) -> Any:
    x0, y0, x1, y1 = annotation.box_xyxy
    return annotation.rings or (((x0, y0), (x1, y0), (x1, y1), (x0, y1)),)


def _mask_iou(detection: Detection, truth: Any, picture: Picture) -> float:
    x0, y0, x1, y1 = detection.box_xyxy
    rings = detection.mask_polygon or (((x0, y0), (x1, y0), (x1, y1), (x0, y1)),)
    return float(coco_mask.iou([rle_of(rings, picture.shape_hw)], [truth], [0])[0][0])


def _groups(groups: Mapping[str, Sequence[_Defect]]) -> list[GroupResult]:
    results = []
    for name, defects in groups.items():
        overlaps = [d.mask_iou for d in defects if d.mask_iou is not None]
        found = sum(d.found_as == d.annotation.class_name for d in defects)
        others = sum(d.found_as not in {None, d.annotation.class_name} for d in defects)
        mean = sum(overlaps) / len(overlaps) if overlaps else None
        if defects:
            results.append(GroupResult(name, clopper_pearson(found, len(defects)), others, mean))
    return results


def _size_name(low: float, high: float) -> str:
    return f"{low:g} px and more" if math.isinf(high) else f"{low:g} to {high:g} px"


def _confusion(
    inspected: Sequence[Inspected],
    thresholds: Mapping[str, Thresholds],
    defects: Sequence[_Defect],
    names: tuple[str, ...],
) -> tuple[tuple[int, ...], ...]:
    place = {name: number for number, name in enumerate(names)}
    table = [[0] * len(names) for _ in names]
    for defect in defects:
        table[place[defect.annotation.class_name]][place[defect.found_as or NOTHING]] += 1
    for part in inspected:
        for detection in _counted(part, thresholds):
            if not any(is_on(detection, annotation) for annotation in part.picture.annotations):
                table[place[NOTHING]][place[detection.class_name]] += 1
    return tuple(tuple(row) for row in table)


def _curve(inspected: Sequence[Inspected]) -> tuple[tuple[float, float, float], ...]:
    """Return recall, precision and score as one proposal after the other is taken, the surest first."""
    wanted = sum(len(part.picture.annotations) for part in inspected)
    proposals = sorted(
        ((number, d) for number, part in enumerate(inspected) for d in part.detections), key=lambda p: -p[1].confidence
    )
    free = [list(part.picture.annotations) for part in inspected]
    points, right = [], 0
    for taken, (number, detection) in enumerate(proposals, start=1):
        alike = [a for a in free[number] if a.class_name == detection.class_name]
        best = max(alike, key=lambda a: box_iou(detection.box_xyxy, a.box_xyxy), default=None)
        if best is not None and box_iou(detection.box_xyxy, best.box_xyxy) >= _MATCH_IOU:
            free[number].remove(best)
            right += 1
            points.append((round(right / wanted, 5), round(right / taken, 5), round(detection.confidence, 5)))
    return tuple(points)
