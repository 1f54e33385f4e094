"""Label Studio's JSON export, in: rectangles (also turned ones) and polygons; brush masks are refused per picture.

Source: https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks (numbers are percent of
`original_width` and `original_height`; a rectangle turns around its top left corner, clockwise).
"""

import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from serving.datasets.pictures import Collection, Contents, LabelledPicture, PictureFinder, bounds_of
from serving.errors import InvalidRequest
from serving.review.labels import Label

# Label Studio puts this before the names of uploaded files.
_UPLOAD_PREFIX: Final = re.compile(r"^[0-9a-f]{8}-")


def is_label_studio(document: Any) -> bool:
    """Whether a JSON document is Label Studio's."""
    tasks = document if isinstance(document, list) else []
    return bool(tasks) and all(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in tasks)


def read_label_studio(documents: Mapping[str, Any], finder: PictureFinder) -> Contents:
    """The pictures of one or several exports; a task that nobody finished is a picture without labels."""
    collection = Collection(finder)
    for path, tasks in documents.items():
        for task in tasks:
            told = _file_name(task["data"])
            collection.take(told, partial(_find, finder, told, path), partial(_read_task, task))
    names = {label.class_name for picture in collection.pictures for label in picture.labels or ()}
    return collection.contents(sorted(names))


def _read_task(task: Mapping[str, Any], name: str) -> LabelledPicture:
    finished = [each for each in task.get("annotations") or [] if not each.get("was_cancelled")]
    if not finished:
        return LabelledPicture(name, None)
    results = [result for result in finished[-1]["result"] if "value" in result and result["type"] != "choices"]
    sizes = {(int(result["original_height"]), int(result["original_width"])) for result in results}
    if len(sizes) > 1:
        raise InvalidRequest("the labels are for pictures of different sizes")
    return LabelledPicture(name, tuple(_label(result) for result in results), sizes.pop() if sizes else None)


def _label(result: Mapping[str, Any]) -> Label:
    kind, value = str(result["type"]), result["value"]
    width, height = float(result["original_width"]) / 100, float(result["original_height"]) / 100
    if kind == "polygonlabels":
        ring = tuple((float(x) * width, float(y) * height) for x, y in value["points"])
        return Label(str(value[kind][0]), bounds_of([ring]), (ring,))
    if kind != "rectanglelabels":
        raise InvalidRequest(f"labels of the kind {kind!r} are not read; use rectangles or polygons")
    x, y = float(value["x"]) * width, float(value["y"]) * height
    right, down = float(value["width"]) * width, float(value["height"]) * height
    turn = math.radians(float(value.get("rotation") or 0))
    if turn == 0:
        return Label(str(value[kind][0]), (x, y, x + right, y + down))
    cos, sin = math.cos(turn), math.sin(turn)
    corners = ((0.0, 0.0), (right, 0.0), (right, down), (0.0, down))
    ring = tuple((x + across * cos - along * sin, y + across * sin + along * cos) for across, along in corners)
    return Label(str(value[kind][0]), bounds_of([ring]), (ring,))


def _file_name(data: Mapping[str, Any]) -> str:
    """The path in `/data/upload/1/3f2a…-part.jpg`, `/data/local-files/?d=line/part.jpg` or `s3://…/part.jpg`."""
    told = next((str(data[key]) for key in ("image", "img", "picture", *data) if key in data), "")
    try:
        parts = urlsplit(told)
    except ValueError:
        return told
    local = parse_qs(parts.query).get("d")
    return local[0] if local else unquote(parts.path)


def _find(finder: PictureFinder, told: str, beside: str) -> str:
    bare = PurePosixPath(told).name
    try:
        return finder.find(bare, beside)
    except InvalidRequest:
        return finder.find(_UPLOAD_PREFIX.sub("", bare), beside)
