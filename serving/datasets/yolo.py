"""YOLO's text labels, in and out: one line per object, numbers as shares of width and height.

`class cx cy w h` is a box, `class x1 y1 x2 y2 x3 y3 …` an outline. An empty label file is a good part; a picture
without a label file is one that nobody has labelled.

Source: https://docs.ultralytics.com/datasets/segment/ and https://docs.ultralytics.com/datasets/detect/
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

import yaml

from serving.datasets.pictures import Contents, LabelledPicture, PictureFinder, bounds_of
from serving.datasets.sources import MOST_LABEL_BYTES, Source
from serving.errors import InvalidRequest
from serving.review.labels import Label, Ring

_YAML_BYTES: Final = 1024 * 1024
_BOX_VALUES: Final = 4
_LEAST_OUTLINE_VALUES: Final = 6


def find_class_names(source: Source) -> tuple[str, ...] | None:
    """The classes of a YOLO folder in the order of their numbers, None if it is none.

    Raises:
        InvalidRequest: The file that should list them does not.
    """
    for name in source.names:
        bare = PurePosixPath(name).name.lower()
        if bare in {"classes.txt", "obj.names"}:
            lines = _text(source, name).splitlines()
            return tuple(line.strip() for line in lines if line.strip())
    for name in source.names:
        if name.lower().endswith((".yaml", ".yml")):
            names = _yaml_names(source, name)
            if names is not None:
                return names
    return None


def read_yolo(source: Source, class_names: Sequence[str], finder: PictureFinder) -> Contents:
    """The pictures of a YOLO folder with what their label files say."""
    texts = {name for name in source.names if name.lower().endswith(".txt")}
    pictures: list[LabelledPicture] = []
    problems: list[tuple[str, str]] = []
    for picture in finder.pictures:
        try:
            label_file = next((name for name in _label_files(picture) if name in texts), None)
            labels = None if label_file is None else _parse(_text(source, label_file), class_names)
            pictures.append(LabelledPicture(picture, labels, in_shares=True))
        except InvalidRequest as error:
            problems.append((picture, str(error)))
    return Contents(tuple(class_names), tuple(pictures), tuple(problems))


def write_label_file(labels: Sequence[Label], shape_hw: tuple[int, int], numbers: Mapping[str, int]) -> str:
    """The text of one label file, outlines wherever there are any: readers do not allow both kinds in one file."""
    outlines = any(label.rings for label in labels)
    return "".join(_line(label, shape_hw, numbers[label.class_name], outlines=outlines) for label in labels)


def write_data_yaml(class_names: Sequence[str]) -> str:
    """The text of `data.yaml`."""
    content = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(class_names))}
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _label_files(picture: str) -> tuple[str, ...]:
    """Where the label of a picture may lie: in `labels` where the path says `images`, or beside the picture."""
    path = PurePosixPath(picture).with_suffix(".txt")
    parts = list(path.parts)
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[:-1][::-1].index("images")
        return (str(PurePosixPath(*parts[:last], "labels", *parts[last + 1 :])), str(path))
    return (str(path),)


def _parse(text: str, class_names: Sequence[str]) -> tuple[Label, ...]:
    return tuple(
        _parse_line(line.split(), number, class_names)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    )


def _parse_line(words: Sequence[str], number: int, class_names: Sequence[str]) -> Label:
    try:
        index, values = int(words[0]), [float(word) for word in words[1:]]
    except ValueError as error:
        raise InvalidRequest(f"label line {number} has a word that is no number") from error
    if not 0 <= index < len(class_names):
        raise InvalidRequest(f"label line {number} names class {index}, there are {len(class_names)}")
    if len(values) == _BOX_VALUES:
        x, y, width, height = values
        return Label(class_names[index], (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    if len(values) < _LEAST_OUTLINE_VALUES or len(values) % 2:
        raise InvalidRequest(f"label line {number} has {len(values)} numbers: neither a box nor an outline")
    ring: Ring = tuple(zip(values[::2], values[1::2], strict=True))
    return Label(class_names[index], bounds_of([ring]), (ring,))


def _line(label: Label, shape_hw: tuple[int, int], number: int, *, outlines: bool) -> str:
    height, width = shape_hw
    x_min, y_min, x_max, y_max = label.box_xyxy
    if not outlines:
        box = ((x_min + x_max) / 2 / width, (y_min + y_max) / 2 / height)
        size = ((x_max - x_min) / width, (y_max - y_min) / height)
        return f"{number} " + " ".join(f"{value:.10g}" for value in (*box, *size)) + "\n"
    rings = label.rings or (((x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)),)
    # YOLO knows one ring per object. Several are joined by lines walked there and back, which enclose nothing.
    joined = rings[0] if len(rings) == 1 else tuple(point for ring in rings for point in (*ring, ring[0]))
    joined = joined if len(rings) == 1 else (*joined, *(ring[0] for ring in rings[-2:0:-1]))
    return f"{number} " + " ".join(f"{x / width:.10g} {y / height:.10g}" for x, y in joined) + "\n"


def _text(source: Source, name: str) -> str:
    try:
        return source.read(name, MOST_LABEL_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{name} is not UTF-8 text") from error


def _yaml_names(source: Source, name: str) -> tuple[str, ...] | None:
    try:
        document: Any = yaml.safe_load(source.read(name, _YAML_BYTES))
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidRequest(f"{name} is not YAML") from error
    names = document.get("names") if isinstance(document, dict) else None
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise InvalidRequest(f"{name}: the classes are not numbered from 0 on")
        names = [names[number] for number in range(len(names))]
    return tuple(str(each) for each in names) if isinstance(names, list) else None
