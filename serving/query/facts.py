"""What an answer says: sentences made here, of figures that a tool gave, each with what it is a figure of.

The language model chooses which figures are told. It writes none of them, nor what they mean, nor of which station and
period they are: a figure cannot be told as another one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from serving.query.findings import Finding
from serving.query.refusal import NotInData

_COUNTED: Final = {
    "inspections": ("inspection", "inspections"),
    "defects": ("defect", "defects"),
    "passed": ("passed", "passed"),
    "failed": ("failed", "failed"),
    "uncertain": ("uncertain", "uncertain"),
}
_UNITS: Final = {"_percent": "%", "_ms": "ms", "_px": "px", "_mm2": "mm²"}
# What a row is a row of: the first of these that it has.
_ROW_NAMES: Final = (
    *("inspection_id", "title", "part", "model_version", "version", "station", "hour", "day", "defect_class"),
)
_PERIODS: Final = ("first", "second")
_DIFFERENCES: Final = ("difference", "size_of_difference")


def sentences_of(finding: Finding, figures: Sequence[str]) -> str:
    """The figures of one result in words.

    Args:
        finding: The result.
        figures: Which of its values, as paths: `failed`, `by_class.scratch`, `rows.0.failed`, `rows.0`, `first.failed`.

    Raises:
        NotInData: It has no such value.
    """
    told: dict[str, list[str]] = {}
    for path in figures:
        for steps, value in _values_at(finding.values, path):
            told.setdefault(_scope_of(finding, steps), []).append(_phrase(finding, steps, value))
    return " ".join(f"{', '.join(dict.fromkeys(phrases))}{scope}." for scope, phrases in told.items())


def _values_at(values: Mapping[str, Any], path: str) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each single value at or below a path, with the steps to it; what a row is called comes as a pair (key, value)."""
    steps: tuple[Any, ...] = ()
    here: Any = values
    rest = path
    while rest:
        if isinstance(here, Mapping) and rest in here:  # names of classes may have a full stop
            step: Any = rest
            rest = ""
        else:
            step, _, rest = rest.partition(".")
        if isinstance(here, Sequence) and not isinstance(here, str) and step.isdecimal() and int(step) < len(here):
            here = here[int(step)]
            steps = (*steps, *_row_name(here))
        elif isinstance(here, Mapping) and step in here:
            here = here[step]
            steps = (*steps, step)
        else:
            raise NotInData(f"there is no figure {path[:80]!r} in that result")
    yield from _leaves(steps, here)


def _leaves(steps: tuple[Any, ...], value: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, Mapping):
        named = {key for key, _ in (step for step in steps if isinstance(step, tuple))}
        for key, inner in value.items():
            if key not in named:
                yield from _leaves((*steps, key), inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _leaves((*steps, *_row_name(inner)), inner)
    else:
        yield steps, value


def _row_name(row: Any) -> tuple[tuple[str, Any], ...]:
    name = next((key for key in _ROW_NAMES if isinstance(row, Mapping) and row.get(key) is not None), None)
    return () if name is None else ((name, row[name]),)


def _phrase(finding: Finding, steps: tuple[Any, ...], value: Any) -> str:
    rows = [f"{_words(step[0])} {_text(step[1])}: " for step in steps if isinstance(step, tuple)]
    names = [step for step in steps if isinstance(step, str)]
    return "".join(rows) + _figure(finding, names, value)


def _figure(finding: Finding, names: Sequence[str], value: Any) -> str:
    key = names[-1]
    sign = "+" if _DIFFERENCES[0] in names and isinstance(value, int | float) and value > 0 else ""
    number = sign + _text(value)
    match names:
        case ["defects_of_class"]:
            return f"{number} {_COUNTED['defects'][value != 1]} of class {_text(finding.filters['defect_class'])}"
        case ["by_class", name]:
            return f"{number} {_COUNTED['defects'][value != 1]} of class {_text(name)}"
        case ["share_percent", name]:
            return f"share of class {_text(name)} among the defects {_percent(value)}"
        case ["share_percent"]:
            return f"share of class {_text(finding.filters['defect_class'])} among all defects {_percent(value)}"
        case _ if key in _COUNTED and isinstance(value, int):
            return f"{number} {_COUNTED[key][abs(value) != 1]}"
    unit = next((end for end in _UNITS if key.endswith(end)), "")
    label = _words(key.removesuffix(unit))
    return f"{label} {number}" if value is None or not unit else f"{label} {number} {_UNITS[unit]}"


def _scope_of(finding: Finding, steps: tuple[Any, ...]) -> str:
    filters = finding.filters
    if finding.tool == "compare":
        first, second = (_where(filters[name]) for name in _PERIODS)
        if steps[0] in _PERIODS:
            return first if steps[0] == _PERIODS[0] else second
        what = "difference" if steps[0] == _DIFFERENCES[0] else "size of the difference"
        return f" ({what}: second less first; first{first}; second{second})"
    if "period" in filters:
        only = "" if finding.tool != "list_inspections" else _only(filters)
        return _where(filters) + only
    return _only(filters)


def _where(filters: Mapping[str, Any]) -> str:
    station, name = filters["station"], filters["station_name"]
    called = "" if name in (None, station) else f" ({_text(name)})"
    place = "all stations that you may see" if station is None else f"station {_text(station)}{called}"
    return f" at {place}, {filters['period']} ({filters['since']} to {filters['until']}, {filters['timezone']})"


def _only(filters: Mapping[str, Any]) -> str:
    """What else was looked for."""
    shown = ("decision", "defect_class", "severity", "only_open")
    told = [f"{_words(name)} {_text(filters[name])}" for name in shown if filters.get(name) is not None]
    return f" (looked for: {', '.join(told)})" if told else ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def _percent(share: float | None) -> str:
    return _text(share) if share is None else f"{_text(share)} %"


def _text(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value) if isinstance(value, int) else f"{value:.10g}"
    # A name must not end its own quotation, and look like a figure of ours behind it.
    shown = "".join(character if character.isprintable() else " " for character in str(value))
    return '"' + re.sub('["\u201c\u201d\u201e]', "'", shown) + '"'
