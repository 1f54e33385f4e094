"""Which shift a moment belongs to, on the plant's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

# The shift of the night began yesterday and ends today; where the date line moves, yesterday never was.
_DAYS: Final = (-2, -1, 0, 1, 2)


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift: [started_at, ends_at), UTC."""

    started_at: datetime
    ends_at: datetime


def shift_at(now: datetime, starts: Sequence[str], zone: ZoneInfo) -> Shift:
    """The shift of a moment. On the day that the clock changes it is an hour longer or shorter, as it is for people.

    Args:
        now: The moment, aware.
        starts: When shifts begin, as `HH:MM` on the plant's clock; at least one.
        zone: The plant's time zone.
    """
    today = now.astimezone(zone).date()
    moments = sorted(
        datetime.combine(today + timedelta(days=days), time.fromisoformat(start), zone).astimezone(UTC)
        for days in _DAYS
        for start in starts
    )
    return Shift(max(at for at in moments if at <= now), min(at for at in moments if at > now))
