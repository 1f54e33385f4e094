"""Parts of the simulated line, written as a COCO folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2

from flows.tasks.coco import Annotation, Dataset, Picture, write_annotations
from models.simulation import DEFECT_CLASSES, SimulatedDefect, SimulatedLine

JPEG_QUALITY = 95  # what industrial cameras send by default; the network must not depend on lossless pictures


def write_simulated_dataset(
    folder: Path,
    *,
    line: SimulatedLine,
    count: int,
    on_part: Callable[[int], None] = lambda _: None,
) -> Dataset:
    """Return the first `count` parts of `line` as a data set of JPEG pictures in `folder`.

    Args:
        folder: Is created; holds `images/` and `annotations.json` afterwards.
        line: The line to take parts from.
        count: How many parts.
        on_part: Called with the number of parts written so far.

    Raises:
        OSError: A picture cannot be written.
    """
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    pictures = []
    for index in range(count):
        part = line.part(index)
        path = images / f"part_{index:06d}.jpg"
        bgr = cv2.cvtColor(part.pixels_rgb, cv2.COLOR_RGB2BGR)
        _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        path.write_bytes(encoded.tobytes())
        height, width = part.pixels_rgb.shape[:2]
        pictures.append(Picture(path, (height, width), tuple(_annotation(defect) for defect in part.defects)))
        on_part(index + 1)
    write_annotations(folder, DEFECT_CLASSES, pictures)
    return Dataset(DEFECT_CLASSES, tuple(pictures))


def _annotation(defect: SimulatedDefect) -> Annotation:
    ring = tuple((float(x), float(y)) for x, y in defect.mask_polygon)
    return Annotation(defect.class_name, defect.box_xyxy, (ring,))
