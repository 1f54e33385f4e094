"""From dates as people write them to moments."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from serving.errors import InvalidRequest

# What a plus in a query becomes when nobody escapes it.
_LOST_PLUS: Final = re.compile(r"(T[0-9:.]+) ([0-9:]+)$")


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, UTC.

    Attributes:
        since: Its beginning, None for the beginning of all records.
        until: Its end, which is not part of it; None for no end.
    """

    since: datetime | None = None
    until: datetime | None = None


def read_period(date_from: str | None, date_to: str | None, zone: ZoneInfo) -> Period:
    """The period that two texts name, each a date (`2024-01-15`) or a moment (`2024-01-15T08:00:00+01:00`).

    A date stands for the whole day on the plant's clock, the last one included; a moment without an offset is one on
    that clock. Days have the length that they have there, also when the clock is changed.

    Raises:
        InvalidRequest: A text is neither, or the end does not come after the beginning.
    """
    since = None if date_from is None else _moment("date_from", date_from, zone, timedelta(0))
    until = None if date_to is None else _moment("date_to", date_to, zone, timedelta(days=1))
    if since is not None and until is not None and until <= since:
        raise InvalidRequest("date_to: the end must come after the beginning")
    return Period(since, until)


def _moment(name: str, text: str, zone: ZoneInfo, whole_day: timedelta) -> datetime:
    try:
        if len(text) == len("2024-01-15"):
            moment = datetime.combine(date.fromisoformat(text) + whole_day, time(), zone)
        else:
            moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"{name}: neither a date like 2024-01-15 nor a moment like 2024-01-15T08:00:00Z"
        ) from error
