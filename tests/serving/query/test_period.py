"""Stretches of time on the plant's clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from serving.query.names import NamedStation, find_class, find_station
from serving.query.period import PeriodName, resolve
from serving.query.refusal import NotInData

_NAME = TypeAdapter(PeriodName)
_BERLIN = ZoneInfo("Europe/Berlin")
_NOW = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)  # a Monday; the clock went forward on the day before


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("today", "2026-03-29T22:00", "2026-03-30T09:01"),
        ("Yesterday", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours long
        ("this week", "2026-03-23T09:00", "2026-03-30T09:01"),
        ("calendar week", "2026-03-29T22:00", "2026-03-30T09:01"),
        ("last week", "2026-03-22T23:00", "2026-03-29T22:00"),
        ("this month", "2026-02-28T23:00", "2026-03-30T09:01"),
        ("last month", "2026-01-31T23:00", "2026-02-28T23:00"),
        ("last 12  hours", "2026-03-29T21:00", "2026-03-30T09:01"),
        ("last 1 day", "2026-03-29T09:00", "2026-03-30T09:01"),
        ("last 2 weeks", "2026-03-16T09:00", "2026-03-30T09:01"),
        ("2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("2026-03-01 to 2026-03-02", "2026-02-28T23:00", "2026-03-02T23:00"),
    ],
)
def test_stretch_is_on_the_plants_clock_when_resolved(name: str, since: str, until: str) -> None:
    stretch = resolve(_NAME.validate_python(name), _NOW, _BERLIN)
    assert (stretch.since, stretch.until) == (
        datetime.fromisoformat(since).replace(tzinfo=UTC),
        datetime.fromisoformat(until).replace(tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "tomorrow",
        "last 0 days",
        "last 9999 days",
        "last 367 days",
        "2026-02-30",
        "2026-03-02 to 2026-03-01",
        "2024-01-01 to 2026-01-01",
        "9999-12-31",
        "0000-01-01",
        "last days",
        "last -1 days",
        "x" * 41,
        "today; DROP TABLE",
    ],
)
def test_period_is_refused_when_it_is_none(name: str) -> None:
    with pytest.raises(ValidationError):
        _NAME.validate_python(name)


_STATIONS = [NamedStation("line-1", "Front"), NamedStation("line-3", "Station Three"), NamedStation("press", "Cell 12")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("line-3", "line-3"),
        ("LINE 3", "line-3"),
        ("Station 3", "line-3"),
        ("3", "line-3"),
        ("station three", "line-3"),
        ("front", "line-1"),
        ("the station press", "press"),
        ("Station 12", "press"),
    ],
)
def test_station_is_found_when_people_name_it(text: str, expected: str) -> None:
    assert find_station(text, _STATIONS).id == expected


@pytest.mark.parametrize("text", ["Station 2", "", "station", "line", "33", "press' OR 1=1"])
def test_station_is_not_guessed_when_the_name_is_another(text: str) -> None:
    with pytest.raises(NotInData, match="line-1, line-3, press"):
        find_station(text, _STATIONS)


def test_station_is_not_chosen_when_several_could_be_meant() -> None:
    with pytest.raises(NotInData, match="several"):
        find_station("station 3", [NamedStation("line-3", "a"), NamedStation("cell-3", "b")])


def test_class_is_found_in_the_plural_when_it_is_known() -> None:
    known = ("scratch", "dent", "missing_part", "cavity")
    assert [find_class(text, known) for text in ("Scratches", "dents", "missing parts", "cavities")] == list(known)
    with pytest.raises(NotInData, match="cavity, dent, missing_part, scratch"):
        find_class("crack", known)
