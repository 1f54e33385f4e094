"""COCO object detection, in and out. A picture without annotations is a good part.

Source: https://cocodataset.org/#format-data (`bbox` is x, y, width, height; `segmentation` a list of flat rings).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from serving.datasets.pictures import Collection, Contents, LabelledPicture, PictureFinder
from serving.errors import InvalidRequest
from serving.review.labels import Label, Ring

_WRONG = (KeyError, TypeError, ValueError, AttributeError)


def is_coco(document: Any) -> bool:
    """Whether a JSON document is one of COCO's."""
    return isinstance(document, dict) and {"images", "annotations", "categories"} <= document.keys()


def read_coco(documents: Mapping[str, Any], finder: PictureFinder) -> Contents:
    """The pictures of one or several COCO documents (train and val, say).

    Args:
        documents: Parsed, by path in the source.
        finder: Of the pictures.

    Raises:
        InvalidRequest: A document as a whole cannot be used.
    """
    class_names: list[str] = []
    collection = Collection(finder)
    for path, document in documents.items():
        try:
            names = {int(category["id"]): str(category["name"]) for category in _sorted(document["categories"])}
            entries: dict[int, list[Any]] = {int(image["id"]): [] for image in document["images"]}
            for entry in document["annotations"]:
                entries.setdefault(int(entry["image_id"]), []).append(entry)
            images = [(str(image["file_name"]), int(image["id"]), image) for image in document["images"]]
        except _WRONG as error:
            raise InvalidRequest(f"{path} is not COCO: {type(error).__name__} {error}") from error
        class_names += [name for name in names.values() if name not in class_names]
        for file_name, image_id, image in images:
            collection.take(
                file_name,
                partial(finder.find, file_name, path),
                partial(_read_image, image=image, entries=entries[image_id], names=names),
            )
    return collection.contents(class_names)


def _read_image(found: str, *, image: Any, entries: Iterable[Any], names: Mapping[int, str]) -> LabelledPicture:
    labels = tuple(_label(entry, names) for entry in entries)
    return LabelledPicture(found, labels, (int(image["height"]), int(image["width"])))


def write_coco(
    class_names: Sequence[str], pictures: Iterable[tuple[str, tuple[int, int], Sequence[Label]]]
) -> dict[str, Any]:
    """The COCO document of pictures given as file name, (height, width) and labels."""
    numbers = {name: number for number, name in enumerate(class_names, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, (file_name, (height, width), labels) in enumerate(pictures, start=1):
        images.append({"id": image_id, "file_name": file_name, "width": width, "height": height})
        for label in labels:
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, **_entry(label, numbers)})
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def _sorted(categories: Iterable[Any]) -> list[Any]:
    return sorted(categories, key=lambda category: int(category["id"]))


def _label(entry: dict[str, Any], names: Mapping[int, str]) -> Label:
    x, y, width, height = (float(value) for value in entry["bbox"])
    segmentation = entry.get("segmentation") or []
    if not isinstance(segmentation, list):
        raise InvalidRequest("run-length masks are not read; export polygons")
    return Label(
        names[int(entry["category_id"])],
        (x, y, x + width, y + height),
        # Outlines of fewer than three corners, which tracing tools write for single pixels, enclose nothing.
        tuple(_ring(flat) for flat in segmentation if len(flat) >= 6),
    )


def _ring(flat: Sequence[float]) -> Ring:
    return tuple((float(x), float(y)) for x, y in zip(flat[::2], flat[1::2], strict=True))


def _entry(label: Label, numbers: Mapping[str, int]) -> dict[str, Any]:
    x_min, y_min, x_max, y_max = label.box_xyxy
    return {
        "category_id": numbers[label.class_name],
        "bbox": [x_min, y_min, x_max - x_min, y_max - y_min],
        "area": sum(_area_px(ring) for ring in label.rings) or (x_max - x_min) * (y_max - y_min),
        "iscrowd": 0,
        "segmentation": [[value for point in ring for value in point] for ring in label.rings],
    }


def _area_px(ring: Ring) -> float:
    """The area of a ring (Source: shoelace formula)."""
    edges = zip(ring, ring[1:] + ring[:1], strict=True)
    return abs(sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in edges)) / 2
