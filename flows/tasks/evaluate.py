"""How well a bundle finds defects, measured through the very runtime that inspects live."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from flows.tasks.coco import Picture
from models.detections import Detection, Polygon
from models.intake import read_image
from models.runtime import Runtime

_MASKS_FROM = 0.05
"""Below this score a proposal's mask is its box: the dozens of such proposals per picture weigh next to nothing."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A picture with everything that the network proposed on it, down to its lowest confidence."""

    picture: Picture
    detections: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Average precision over classes, 0..1.

    Attributes:
        ap50: At an overlap (IoU) of 0.5.
        ap50_95: Mean over overlaps of 0.5 to 0.95 in steps of 0.05.
        per_class_ap50: At 0.5, by class; classes without an annotated defect are left out.
    """

    ap50: float
    ap50_95: float
    per_class_ap50: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a manifest or a report."""
        return asdict(self)


def inspect_pictures(
    runtime: Runtime, pictures: Iterable[Picture], on_picture: Callable[[], None] = lambda: None
) -> tuple[Inspected, ...]:
    """Return what the runtime proposes on each picture, decoded and letterboxed as in live inspection.

    Raises:
        ModelError: A picture cannot be read.
        InferenceError: The network gave no usable answer.
    """
    inspected = []
    for picture in pictures:
        pixels = read_image(picture.path.read_bytes()).pixels_rgb
        inspected.append(Inspected(picture, runtime.detect(pixels, masks_from=_MASKS_FROM)))
        on_picture()
    return tuple(inspected)


def average_precision(
    inspected: Sequence[Inspected], class_names: Sequence[str], kind: Literal["bbox", "segm"]
) -> AveragePrecision:
    """Return the average precision of boxes or of masks.

    Args:
        inspected: The proposals on annotated pictures; good parts count, since every proposal on them is false.
        class_names: All classes.
        kind: "bbox" for boxes, "segm" for masks.

    Source:
        pycocotools' `COCOeval` (the COCO definition: 101 recall levels, at most 100 proposals per picture).
    """
    numbers = {name: number for number, name in enumerate(class_names, start=1)}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports its progress with print
        truth = COCO()
        truth.dataset = _truth(inspected, numbers)
        truth.createIndex()
        proposals = _proposals(inspected, numbers)
        if not proposals or not truth.dataset["annotations"]:
            return AveragePrecision(0.0, 0.0, {})
        evaluation = COCOeval(truth, truth.loadRes(proposals), kind)
        evaluation.evaluate()
        evaluation.accumulate()
    # (overlaps, recall levels, classes, areas, proposals per picture); -1 marks classes without annotations.
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    present = [number for number in range(len(class_names)) if (precision[:, :, number] > -1).any()]
    per_class = {class_names[number]: float(precision[0, :, number].mean()) for number in present}
    return AveragePrecision(
        ap50=float(precision[0][:, present].mean()),
        ap50_95=float(precision[:, :, present].mean()),
        per_class_ap50=per_class,
    )


def _truth(inspected: Sequence[Inspected], numbers: dict[str, int]) -> dict[str, Any]:
    """Return the annotations as a COCO document with run-length masks."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, part in enumerate(inspected, start=1):
        height, width = part.picture.shape_hw
        images.append({"id": image_id, "height": height, "width": width})
        for annotation in part.picture.annotations:
            x0, y0, x1, y1 = annotation.box_xyxy
            box = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": numbers[annotation.class_name],
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                    "segmentation": rle_of(annotation.rings or (box,), part.picture.shape_hw),
                }
            )
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def _proposals(inspected: Sequence[Inspected], numbers: dict[str, int]) -> list[dict[str, Any]]:
    """Return the detections as COCO results."""
    found = []
    for image_id, part in enumerate(inspected, start=1):
        for detection in part.detections:
            x0, y0, x1, y1 = detection.box_xyxy
            box = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
            found.append(
                {
                    "image_id": image_id,
                    "category_id": numbers[detection.class_name],
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "score": detection.confidence,
                    "segmentation": rle_of(detection.mask_polygon or (box,), part.picture.shape_hw),
                }
            )
    return found


def rle_of(rings: Sequence[Polygon], shape_hw: tuple[int, int]) -> Any:
    """Return the run-length code of the union of rings."""
    flat = [np.asarray(ring, dtype=np.float64).reshape(-1).tolist() for ring in rings if len(ring) >= 3]
    if not flat:
        return coco_mask.encode(np.zeros(shape_hw, np.uint8, order="F"))
    return coco_mask.merge(coco_mask.frPyObjects(flat, *shape_hw))
