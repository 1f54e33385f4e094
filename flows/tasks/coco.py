"""Pictures with their annotated defects, read from and written to a COCO folder (`images/` + `annotations.json`).

A picture without annotations is a good part, and data like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Ring = tuple[tuple[float, float], ...]
NO_CLASS = ""
"""Class name of a defect that has none, drawn by us for training alone."""


class DatasetError(Exception):
    """A data set that cannot be read as a COCO folder."""

    code = "dataset_unreadable"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotated defect.

    Attributes:
        class_name: Name of the defect class.
        box_xyxy: Left, top, right, bottom in image pixels.
        rings: Outer rings of the region in image pixels; empty where only a box was drawn.
    """

    class_name: str
    box_xyxy: tuple[float, float, float, float]
    rings: tuple[Ring, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture on disk with its defects; no annotations means a good part.

    Attributes:
        path: The file.
        shape_hw: Height and width.
        annotations: The defects.
        is_made: Whether defects were pasted or painted onto it: no camera ever saw it.
    """

    path: Path
    shape_hw: tuple[int, int]
    annotations: tuple[Annotation, ...] = field(default=())
    is_made: bool = False

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong with the part."""
        return not self.annotations


@dataclass(frozen=True, slots=True)
class Dataset:
    """Pictures and the names of the classes, in the order of their numbers."""

    class_names: tuple[str, ...]
    pictures: tuple[Picture, ...]


def read_coco(folder: Path) -> Dataset:
    """Return the pictures of a COCO folder, sorted by file name, with category ids mapped to names.

    Args:
        folder: Holds `annotations.json` and `images/`.

    Raises:
        DatasetError: The file is missing or is not COCO, a picture is missing or lies outside `images/`.

    Source:
        https://cocodataset.org/#format-data (object detection; `bbox` is x, y, width, height).
    """
    try:
        document = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
        categories = sorted(document["categories"], key=lambda category: int(category["id"]))
        names = {int(category["id"]): str(category["name"]) for category in categories}
        by_image: dict[int, list[Annotation]] = {int(image["id"]): [] for image in document["images"]}
        for entry in document["annotations"]:
            by_image[int(entry["image_id"])].append(_annotation(entry, names))
        pictures = tuple(
            _picture(folder / "images", image, by_image[int(image["id"])])
            for image in sorted(document["images"], key=lambda image: str(image["file_name"]))
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{folder} is no COCO folder: {type(error).__name__}: {error}") from error
    return Dataset(tuple(names.values()), pictures)


def _annotation(entry: dict[str, Any], names: dict[int, str]) -> Annotation:
    """Return one COCO annotation; run-length masks are read as their box, since nothing here writes them."""
    x, y, width, height = (float(value) for value in entry["bbox"])
    segmentation = entry.get("segmentation") or []
    rings = [_ring(flat) for flat in segmentation if len(flat) >= 6] if isinstance(segmentation, list) else []
    return Annotation(names[int(entry["category_id"])], (x, y, x + width, y + height), tuple(rings))


def _ring(flat: list[float]) -> Ring:
    return tuple((float(x), float(y)) for x, y in zip(flat[::2], flat[1::2], strict=True))


def _picture(images: Path, image: dict[str, Any], annotations: list[Annotation]) -> Picture:
    name = str(image["file_name"])
    path = images / name
    if Path(name).name != name or not path.is_file():
        raise DatasetError(f"picture {name!r} is not a file in {images}")
    return Picture(path, (int(image["height"]), int(image["width"])), tuple(annotations))


def write_annotations(folder: Path, class_names: Iterable[str], pictures: Iterable[Picture]) -> Path:
    """Return the path of `annotations.json`, written for pictures that lie in `folder/images` already."""
    numbers = {name: number for number, name in enumerate(class_names, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, picture in enumerate(pictures, start=1):
        height, width = picture.shape_hw
        images.append({"id": image_id, "file_name": picture.path.name, "width": width, "height": height})
        for annotation in picture.annotations:
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image_id, **_coco_entry(annotation, numbers)},
            )
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _coco_entry(annotation: Annotation, numbers: dict[str, int]) -> dict[str, Any]:
    x0, y0, x1, y1 = annotation.box_xyxy
    return {
        "category_id": numbers[annotation.class_name],
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": 0,
        "segmentation": [[value for point in ring for value in point] for ring in annotation.rings],
    }


def dataset_digest(dataset: Dataset) -> str:
    """Return the SHA-256 over every picture's bytes and annotations: equal digests mean equal training data."""
    digest = hashlib.sha256(json.dumps(dataset.class_names).encode())
    for picture in dataset.pictures:
        digest.update(picture.path.name.encode())
        digest.update(hashlib.sha256(picture.path.read_bytes()).digest())
        digest.update(repr(picture.annotations).encode())
    return digest.hexdigest()
