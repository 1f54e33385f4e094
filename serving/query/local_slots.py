"""Takes periods and stations out of a question, each at its place, so that what is left are plain words."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from serving.query.local_words import is_known
from serving.query.names import NamedStation, find_station

_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LAST: Final = r"(?:last|past|previous)"
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}
_PERIODS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(rf"\b(?:from |between )?({_DAY}) (?:to|and|until) ({_DAY})\b"), lambda m: f"{m[1]} to {m[2]}"),
    (re.compile(rf"\b({_DAY})\b"), lambda m: m[1]),
    (
        re.compile(rf"\b{_LAST} ([0-9]{{1,4}}) ?(hours?|hrs?|h|days?|d|weeks?)\b"),
        lambda m: f"last {int(m[1])} {_UNITS[m[2][0]]}",
    ),
    (re.compile(rf"\b{_LAST} (hour|day)\b"), lambda m: f"last 1 {m[1]}"),
    (re.compile(r"\bpast week\b"), lambda _: "this week"),
    (re.compile(r"\bpast month\b"), lambda _: "last 30 days"),
    (re.compile(r"\b(?:this )?calendar week\b"), lambda _: "calendar week"),
    (re.compile(r"\b(this|last|previous) (week|month)\b"), lambda m: f"{'this' if m[1] == 'this' else 'last'} {m[2]}"),
    (re.compile(r"\b(today|yesterday)(?:'s)?\b"), lambda m: m[1]),
)
_NAMED: Final = re.compile(
    r"\b(?:station|line|cell|camera)s? [\"'“]?([\w.:-]*\w)[\"'”]?(?:(?: and|,| with| to| versus| vs) "
    r"(?:(?:station|line|cell|camera) )?[\"'“]?([\w.:-]*[0-9][\w.:-]*)[\"'”]?)?"
)


def take_periods(text: str) -> tuple[str, list[str]]:
    """The text without the periods that it names, and those, in their order."""
    found: list[tuple[int, str]] = []
    for pattern, name_of in _PERIODS:
        found += [(match.start(), name_of(match)) for match in pattern.finditer(text)]
        text = pattern.sub(_blank, text)
    return text, [name for _, name in sorted(found)]


def take_stations(text: str, stations: Sequence[NamedStation]) -> tuple[str, list[NamedStation]]:
    """The text without the stations that it names, and those, in their order.

    Raises:
        NotInData: It names one that there is not.
    """
    found: list[tuple[int, NamedStation]] = []
    names = {name.casefold(): station for station in stations for name in (station.id, station.name)}
    for name in sorted(names, key=len, reverse=True):
        if is_known(name) or not re.search(r"[0-9_.:-]|\w\w\w", name):
            continue  # a station called "a" or "line" must be announced as one
        pattern = re.compile(rf"(?<![\w-])(?:(?:station|line|cell|camera) )?{re.escape(name)}(?![\w-])")
        if name.isdigit():
            continue
        found += [(match.start(), names[name]) for match in pattern.finditer(text)]
        text = pattern.sub(_blank, text)
    for match in _NAMED.finditer(text):
        wanted = [name for name in match.groups() if name and not is_known(name)]
        found += [(match.start(), find_station(f"station {name}", stations)) for name in wanted]
        text = text.replace(match[0], _blank(match)) if wanted else text
    return text, [station for _, station in sorted(found, key=lambda pair: pair[0])]


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])
