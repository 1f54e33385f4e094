"""Figures, trends and yield per part, counted when somebody asks and something has changed."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from anyio import CapacityLimiter

from serving.clock import Clock
from serving.database import Database
from serving.statistics import repository
from serving.statistics.buckets import Interval, buckets_between
from serving.statistics.cache import FigureCache
from serving.statistics.counts import Count, Stations
from serving.statistics.figures import to_statistics, yield_by_station, yield_of
from serving.statistics.p_chart import p_chart
from serving.statistics.quarters import QUARTER, quarter_of
from serving.statistics.schemas import PartList, PartYield, PChartOut, ShiftOut, StatisticsOut, TrendsOut
from serving.statistics.scope import Scope
from serving.statistics.shifts import shift_at
from serving.statistics.tallied import Tallied
from serving.statistics.window import Window, read_quarters, read_totals

_STATISTICS_GOOD_FOR_S: Final = 30.0
_TRENDS_GOOD_FOR_S: Final = 60.0
_AT_ONCE: Final = 2
# The clocks of several machines are that far apart at most; what another one stored just now counts already.
_AHEAD: Final = timedelta(minutes=1)


class Statistics:
    """Answers questions about what was inspected. Its methods block; `threads` says how many may run at once.

    An answer is kept for 30 s (trends: 60 s), but no longer than until the next event in the database, whichever
    process stored it: who inspects a part and asks afterwards finds it counted. Deletions and overruled verdicts are
    noticed at once in the process that did them, elsewhere when the answer expires.
    """

    def __init__(self, database: Database, zone: Callable[[], ZoneInfo], clock: Clock) -> None:
        """Takes the database, the plant's time zone, asked for each time, and the clock."""
        self.tallied = Tallied(clock)
        self.threads = CapacityLimiter(_AT_ONCE)
        self._database = database
        self._zone = zone
        self._clock = clock
        self._changed = 0
        self._statistics: FigureCache[StatisticsOut] = FigureCache(_STATISTICS_GOOD_FOR_S)
        self._trends: FigureCache[TrendsOut] = FigureCache(_TRENDS_GOOD_FOR_S)
        self._parts: FigureCache[PartList] = FigureCache(_TRENDS_GOOD_FOR_S)
        self._shift: FigureCache[ShiftOut] = FigureCache(_STATISTICS_GOOD_FOR_S)

    @property
    def zone(self) -> ZoneInfo:
        """The plant's time zone now."""
        return self._zone()

    def note_changed(self) -> None:
        """Says that an inspection is gone or was overruled."""
        self._changed += 1

    def figures(self, station_id: str | None) -> Mapping[str, Any]:
        """The statistics of the last day as JSON, for whoever sends them on.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        return self.statistics(Scope(station_id=station_id)).model_dump(mode="json")

    def statistics(self, scope: Scope) -> StatisticsOut:
        """The figures of the last hours.

        Raises:
            StorageUnavailable: The database does not answer.
        """

        def count() -> StatisticsOut:
            now = self._clock()
            since = now - timedelta(hours=scope.hours)
            return to_statistics(self.between(since, _end(now), scope.stations), scope, since, now)

        return self._statistics.get(scope, self._version(), count)

    def shift(self, starts: tuple[str, ...]) -> ShiftOut:
        """The shift that goes on now, station by station; shifts begin at `starts`, `HH:MM` of the plant.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        zone, now = self._zone(), self._clock()
        shift = shift_at(now, starts, zone)

        def count() -> ShiftOut:
            window = self.between(shift.started_at, _end(now), None)
            return ShiftOut(
                started_at=shift.started_at,
                ends_at=shift.ends_at,
                counted_at=now,
                by_station=yield_by_station(window),
            )

        # With the shift in the key, a new one is never answered with the figures of the last.
        return self._shift.get((shift.started_at, shift.ends_at), self._version(), count)

    def trends(self, scope: Scope, interval: Interval) -> TrendsOut:
        """The last hours, hour by hour or day by day.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        zone = self._zone()
        return self._trends.get(
            (scope, interval, zone.key), self._version(), lambda: self._count_trends(scope, interval, zone)
        )

    def parts(self, scope: Scope, *, limit: int, offset: int) -> PartList:
        """One page of the parts inspected in the last hours, the worst first.

        Raises:
            StorageUnavailable: The database does not answer.
        """

        def count() -> PartList:
            now = self._clock()
            since, until = now - timedelta(hours=scope.hours), _end(now)
            with self._database.read() as session:
                repository.see_one_state(session)
                found = repository.count_parts(session, since, until, scope.stations, limit=limit, offset=offset)
                total = repository.number_of_parts(session, since, until, scope.stations)
            parts = [
                PartYield(
                    part_id=part.part_id,
                    first_at=part.first_at,
                    last_at=part.last_at,
                    **yield_of(Count(part.passed, part.failed, part.uncertain)),
                )
                for part in found
            ]
            return PartList(
                parts=parts,
                total=total,
                limit=limit,
                offset=offset,
                hours=scope.hours,
                station_id=scope.station_id,
            )

        return self._parts.get((scope, limit, offset), self._version(), count)

    def between(self, since: datetime, until: datetime, stations: Stations) -> Window:
        """What was inspected in any window [since, until), at all stations or at some; not from the cache.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        with self._database.read() as session:
            return read_totals(session, since, until, stations)

    def _count_trends(self, scope: Scope, interval: Interval, zone: ZoneInfo) -> TrendsOut:
        now = self._clock()
        since = now - timedelta(hours=scope.hours)
        with self._database.read() as session:
            quarters = read_quarters(session, since, _end(now), scope.stations)
        buckets = buckets_between(since, now, interval, zone)
        counts = [Count() for _ in buckets.labels]
        for quarter, count in quarters.items():
            counts[buckets.index_of(quarter)].add(count)
        total, failed = [count.total for count in counts], [count.failed for count in counts]
        return TrendsOut(
            labels=buckets.labels,
            total=total,
            passed=[count.passed for count in counts],
            failed=failed,
            uncertain=[count.uncertain for count in counts],
            pass_rate=[count.pass_rate if count.total else None for count in counts],
            first_pass_yield=[count.first_pass_yield for count in counts],
            avg_inspection_time_ms=[
                None if count.mean_time_ms is None else round(count.mean_time_ms, 2) for count in counts
            ],
            starts_at=buckets.starts_at,
            interval=interval,
            timezone=zone.key,
            hours=scope.hours,
            station_id=scope.station_id,
            p_chart=PChartOut.model_validate(p_chart(failed, total), from_attributes=True),
        )

    def _version(self) -> tuple[int | None, int]:
        with self._database.read() as session:
            return repository.newest_event(session), self._changed


def _end(now: datetime) -> datetime:
    return quarter_of(now + _AHEAD) + QUARTER
