"""Hours and days of the plant's clock, without holes, through every change of the clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from serving.statistics.quarters import QUARTER, quarter_of, quarters_between

Interval = Literal["hour", "day"]
LABEL_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_Key = tuple[datetime, timedelta | None]


@dataclass(frozen=True, slots=True)
class Buckets:
    """The hours or days of a window.

    Attributes:
        labels: Local time at which each begins, like `2024-01-15 08:00:00`. The hour that the clock goes through twice
            in autumn gives the same label twice; the one that it leaves out in spring gives none.
        starts_at: The same, UTC and thereby unique.
        index: Which bucket a quarter belongs to, by the quarter's beginning.
    """

    labels: list[str]
    starts_at: list[datetime]
    index: dict[datetime, int]

    def index_of(self, quarter: datetime) -> int:
        """The bucket of a quarter; what lies beyond the last one (another machine's clock is ahead) counts there."""
        return self.index.get(quarter, len(self.labels) - 1)


def buckets_between(since: datetime, until: datetime, interval: Interval, zone: ZoneInfo) -> Buckets:
    """Every bucket that has a part in [since, until].

    Args:
        since: Beginning of the window, aware.
        until: Its end, aware.
        interval: Whether buckets are hours or days.
        zone: The plant's time zone.
    """
    labels: list[str] = []
    starts_at: list[datetime] = []
    index: dict[datetime, int] = {}
    last: _Key | None = None
    for quarter in quarters_between(since, until + timedelta(microseconds=1)):
        key = _key(quarter, interval, zone)
        if key != last:
            labels.append(key[0].strftime(LABEL_FORMAT))
            starts_at.append(quarter)
            last = key
        index[quarter] = len(labels) - 1
    starts_at[0] = _begin_of(quarter_of(since), interval, zone)
    return Buckets(labels, starts_at, index)


def _key(quarter: datetime, interval: Interval, zone: ZoneInfo) -> _Key:
    """What the quarters of one bucket have in common: the local date, or the local hour at one distance from UTC."""
    local = quarter.astimezone(zone)
    if interval == "day":
        return local.replace(hour=0, minute=0, tzinfo=None), None
    return local.replace(minute=0, tzinfo=None), local.utcoffset()


def _begin_of(quarter: datetime, interval: Interval, zone: ZoneInfo) -> datetime:
    """The beginning of the bucket in which a quarter lies."""
    key = _key(quarter, interval, zone)
    while _key(quarter - QUARTER, interval, zone) == key:
        quarter -= QUARTER
    return quarter.astimezone(UTC)
