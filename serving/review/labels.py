"""Labels as values: what a person, or a file, says is in a picture. One rule for both."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from serving.errors import InvalidRequest

Box = tuple[float, float, float, float]
Ring = tuple[tuple[float, float], ...]

# Letters of any language; never a path, a control character or a blank at an end.
_CLASS_NAME: Final = re.compile(r"[^\W_](?:[\w .+-]{0,62}[\w.+-])?")
_LEAST_CORNERS: Final = 3
LABELS_MOST: Final = 1000
CORNERS_MOST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Label:
    """One defect.

    Attributes:
        class_name: Name of the defect class.
        box_xyxy: Left, top, right, bottom in pixels of the upright picture.
        rings: Outer rings of the region in the same pixels; empty where only a box was drawn.
    """

    class_name: str
    box_xyxy: Box
    rings: tuple[Ring, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The label as it is stored in a data set."""
        rings = [[list(point) for point in ring] for ring in self.rings]
        return {"class_name": self.class_name, "box_xyxy": list(self.box_xyxy), "rings": rings}


def label_from_json(data: dict[str, Any]) -> Label:
    """The label that `Label.to_json` gave."""
    x_min, y_min, x_max, y_max = (float(value) for value in data["box_xyxy"])
    rings = tuple(tuple((float(x), float(y)) for x, y in ring) for ring in data["rings"])
    return Label(str(data["class_name"]), (x_min, y_min, x_max, y_max), rings)


def require_class_name(name: str) -> str:
    """The name, if it can be that of a class.

    Raises:
        InvalidRequest: It cannot.
    """
    if not _CLASS_NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name[:64]!r} is no class name: 1 to 64 letters, digits, blanks and . + - _, a letter or digit first"
        )
    return name


def fitted(labels: Iterable[Label], *, shape_hw: tuple[int, int], tolerance_px: float = 0.0) -> tuple[Label, ...]:
    """The labels, each inside the picture.

    Args:
        labels: In pixels of the picture.
        shape_hw: Height and width of the picture.
        tolerance_px: What lies out by no more than this is put on the edge; tools round differently there.

    Raises:
        InvalidRequest: A name that is none, a box or ring that is outside, empty or no number.
    """
    return tuple(_fit(label, number, shape_hw, tolerance_px) for number, label in enumerate(labels, start=1))


def _fit(label: Label, number: int, shape_hw: tuple[int, int], tolerance_px: float) -> Label:
    require_class_name(label.class_name)
    height, width = shape_hw
    what = f"annotation {number} ({label.class_name})"
    if not all(math.isfinite(value) for value in label.box_xyxy):
        raise InvalidRequest(f"{what}: the box has a coordinate that is no number")
    x_min, y_min, x_max, y_max = label.box_xyxy
    if x_max <= x_min or y_max <= y_min:
        raise InvalidRequest(f"{what}: the box is empty or turned around; it is left, top, right, bottom")
    corners = ((x_min, y_min), (x_max, y_max))
    (x_min, y_min), (x_max, y_max) = (_inside(point, width, height, tolerance_px, f"{what}: box") for point in corners)
    if x_max <= x_min or y_max <= y_min:
        raise InvalidRequest(f"{what}: nothing of the box is in the picture")
    rings = tuple(
        tuple(_inside(point, width, height, tolerance_px, f"{what}: polygon") for point in ring) for ring in label.rings
    )
    if any(len(ring) < _LEAST_CORNERS for ring in rings):
        raise InvalidRequest(f"{what}: a polygon needs at least three corners")
    return Label(label.class_name, (x_min, y_min, x_max, y_max), rings)


def _inside(point: tuple[float, float], width: int, height: int, tolerance_px: float, what: str) -> tuple[float, float]:
    x, y = point
    if not (math.isfinite(x) and math.isfinite(y)):
        raise InvalidRequest(f"{what} has a coordinate that is no number")
    inside = (min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height)))
    if abs(inside[0] - x) > tolerance_px or abs(inside[1] - y) > tolerance_px:
        raise InvalidRequest(f"{what} reaches ({x:g}, {y:g}), outside the picture of {width} x {height} px")
    return inside
