"""Training pictures as ultralytics wants them: shrunk to the input size once, labels as normalised polygons."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2

from flows.tasks.coco import Annotation, Picture
from flows.tasks.trainer import TrainingSet
from models.intake import read_image
from models.letterbox import letterbox


def write_yolo_folder(folder: Path, training_set: TrainingSet, *, input_px: int) -> Path:
    """Return the path of `data.yaml` of a new YOLO data set whose pictures have `input_px` on the longer side.

    Shrinking once, instead of in each epoch, is what lets the pictures stay in memory.

    Raises:
        ModelError: A picture cannot be read.
    """
    numbers = {name: number for number, name in enumerate(training_set.class_names)}
    for part, pictures in (("train", training_set.train), ("val", training_set.val)):
        _write_part(folder, part, pictures, numbers, input_px)
    names = "\n".join(f"  {number}: {name}" for name, number in numbers.items())
    path = folder / "data.yaml"
    text = f"path: {folder.resolve()}\ntrain: images/train\nval: images/val\nnames:\n{names}\n"
    path.write_text(text, encoding="utf-8")
    return path


def _write_part(folder: Path, part: str, pictures: Iterable[Picture], numbers: dict[str, int], input_px: int) -> None:
    images, labels = folder / "images" / part, folder / "labels" / part
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        stem = f"{number:06d}_{picture.path.stem}"
        pixels_rgb = read_image(picture.path.read_bytes()).pixels_rgb
        height, width = pixels_rgb.shape[:2]
        ratio = input_px / max(height, width)
        # A letterbox without a border: decoded and shrunk by the very code of live inspection.
        small, _ = letterbox(pixels_rgb, (max(round(height * ratio), 1), max(round(width * ratio), 1)))
        _, encoded = cv2.imencode(".png", small[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
        (images / f"{stem}.png").write_bytes(encoded.tobytes())
        lines = [_label(annotation, numbers, (height, width)) for annotation in picture.annotations]
        (labels / f"{stem}.txt").write_text("\n".join(lines), encoding="utf-8")


def _label(annotation: Annotation, numbers: dict[str, int], shape_hw: tuple[int, int]) -> str:
    """Return one line of a YOLO segment label: class, then x and y of each corner as shares of the sides.

    A defect of several rings becomes one polygon through all of them, since YOLO labels know one ring only.
    """
    height, width = shape_hw
    x0, y0, x1, y1 = annotation.box_xyxy
    rings = annotation.rings or (((x0, y0), (x1, y0), (x1, y1), (x0, y1)),)
    corners = [corner for ring in rings for corner in ring]
    values = [f"{min(max(x / width, 0.0), 1.0):.6f} {min(max(y / height, 0.0), 1.0):.6f}" for x, y in corners]
    return f"{numbers[annotation.class_name]} {' '.join(values)}"
