"""Shapes of JSON as the reference shows them, and what is wrong with a value that has another."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Shape = Any  # a type, a `Text`, `MapOf` or `OneOf`, a list of one shape, or a dictionary of fields


@dataclass(frozen=True)
class Text:
    """A string of a form."""

    pattern: str


@dataclass(frozen=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class MapOf:
    """An object whose names are data."""

    values: Shape


@dataclass(frozen=True)
class Several:
    """A list of so many of one shape."""

    count: int
    each: Shape


UUID: Final = Text(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def problems(shape: Shape, value: Any, place: str = "answer") -> list[str]:
    """What of a value is not as the shape says. Fields that the shape does not name are welcome.

    `float` stands for a JSON number, whole or not; `int` for a whole one.
    """
    if isinstance(shape, dict):
        return _problems_of_object(shape, value, place)
    if isinstance(shape, MapOf):
        shape = dict.fromkeys(value, shape.values) if isinstance(value, dict) else {"": shape.values}
        return problems(shape, value, place)
    if isinstance(shape, list | Several):
        return _problems_of_list(shape, value, place)
    if isinstance(shape, Text | OneOf):
        return [] if isinstance(value, str) and _fits(shape, value) else [f"{place} is {value!r}, not {shape}"]
    kinds = (int, float) if shape is float else (shape,)
    is_right = isinstance(value, kinds) and (shape is bool or not isinstance(value, bool))
    return [] if is_right else [f"{place} is {value!r}, no {shape.__name__}"]


def _problems_of_object(shape: Mapping[str, Shape], value: Any, place: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place} is {value!r}, no object"]
    missing = [f"{place}.{name} is missing" for name in shape if name not in value]
    present = [name for name in shape if name in value]
    return missing + [told for name in present for told in problems(shape[name], value[name], f"{place}.{name}")]


def _problems_of_list(shape: Shape, value: Any, place: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{place} is {value!r}, no list"]
    if isinstance(shape, Several) and len(value) != shape.count:
        return [f"{place} has {len(value)} items, not {shape.count}"]
    each = shape.each if isinstance(shape, Several) else shape[0]
    return [told for index, item in enumerate(value) for told in problems(each, item, f"{place}[{index}]")]


def _fits(shape: Text | OneOf, value: str) -> bool:
    return value in shape.words if isinstance(shape, OneOf) else re.fullmatch(shape.pattern, value) is not None
