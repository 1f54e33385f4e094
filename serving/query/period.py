"""Stretches of time as people name them, on the plant's clock.

"This week" means the last seven days, as the API reference answers it: on a Monday morning the calendar week would be
empty. Who wants that one says "calendar week".
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints

LONGEST: Final = timedelta(days=366)
TIME_FORMAT: Final = "%Y-%m-%d %H:%M"
NAMES: Final = ("today", "yesterday", "this week", "last week", "calendar week", "this month", "last month")
FORMS: Final = (
    f"{', '.join(NAMES)}, last N hours, last N days, last N weeks, YYYY-MM-DD, YYYY-MM-DD to YYYY-MM-DD "
    f"(at most {LONGEST.days} days)"
)
_LAST: Final = re.compile(r"last ([1-9][0-9]{0,3}) (hour|day|week)s?")
_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DAYS: Final = re.compile(rf"({_DAY})(?: to ({_DAY}))?")
_UNITS: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
# What another machine with a clock a little ahead stored just now counts already.
_AHEAD: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time.

    Attributes:
        name: As it was asked for, `last 7 days`.
        since: Its beginning, UTC.
        until: Its end, UTC, not part of it.
        said: How an answer names it, `over the last 7 days`.
    """

    name: str
    since: datetime
    until: datetime
    said: str


def _known(text: str) -> str:
    """The name, if it is one.

    Raises:
        ValueError: It is none, or longer than may be asked for.
    """
    name = " ".join(text.split())
    last, days = _LAST.fullmatch(name), _DAYS.fullmatch(name)
    if last is not None:
        if int(last[1]) * _UNITS[last[2]] > LONGEST:
            raise ValueError(f"at most {LONGEST.days} days")
    elif days is not None:
        first, after = _first_and_after(days)
        if not timedelta(0) < after - first <= LONGEST:
            raise ValueError(f"the end must not come before the beginning; at most {LONGEST.days} days")
    elif name not in NAMES:
        raise ValueError(f"not one of: {FORMS}")
    return name


PeriodName = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=40), AfterValidator(_known)
]


def resolve(name: str, now: datetime, zone: ZoneInfo) -> Stretch:
    """The stretch that a name (a valid `PeriodName`) means at a moment."""
    end = now + _AHEAD
    if last := _LAST.fullmatch(name):
        number, unit = int(last[1]), last[2]
        said = f"over the last {unit}" if number == 1 else f"over the last {number} {unit}s"
        return Stretch(name, now - number * _UNITS[unit], end, said)
    if days := _DAYS.fullmatch(name):
        first, after = _first_and_after(days)
        said = f"from {name}" if days[2] else f"on {name}"
        return Stretch(name, _midnight(first, zone), _midnight(after, zone), said)
    today = now.astimezone(zone).date()
    monday, month = today - timedelta(days=today.weekday()), today.replace(day=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    midnight, one_day, one_week = partial(_midnight, zone=zone), timedelta(days=1), timedelta(weeks=1)
    since, until, said = {
        "today": (midnight(today), end, "today"),
        "yesterday": (midnight(today - one_day), midnight(today), "yesterday"),
        "this week": (now - one_week, end, "over the last 7 days"),
        "last week": (midnight(monday - one_week), midnight(monday), "in the last calendar week"),
        "calendar week": (midnight(monday), end, "in this calendar week"),
        "this month": (midnight(month), end, "this month"),
        "last month": (midnight(last_month), midnight(month), "last month"),
    }[name]
    return Stretch(name, since, until, said)


def local_text(at: datetime, zone: ZoneInfo) -> str:
    """A moment on the plant's clock, as tools and answers write it."""
    return at.astimezone(zone).strftime(TIME_FORMAT)


def _first_and_after(days: re.Match[str]) -> tuple[date, date]:
    first = date.fromisoformat(days[1])
    last = date.fromisoformat(days[2]) if days[2] else first
    if last.year >= date.max.year:
        raise ValueError("no such year")
    return first, last + timedelta(days=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
