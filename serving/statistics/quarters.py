"""Quarters of an hour, the grain in which inspections are counted.

Every time zone in use is a multiple of 15 minutes away from UTC (Source: IANA time zone database, since Liberia left
-0:44:30 in 1972), so local hours and days are made of whole quarters.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

QUARTER: Final = timedelta(minutes=15)


def quarter_of(at: datetime) -> datetime:
    """The beginning of the quarter in which a moment lies, UTC."""
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


def next_quarter(at: datetime) -> datetime:
    """The first beginning of a quarter that is not before a moment, UTC."""
    start = quarter_of(at)
    return start if start == at else start + QUARTER


def quarters_between(since: datetime, until: datetime) -> Iterator[datetime]:
    """The beginnings of the quarters from that of `since` on that lie before `until`."""
    start = quarter_of(since)
    while start < until:
        yield start
        start += QUARTER
