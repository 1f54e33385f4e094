"""The only way from a question to the data: a few looks, all of them read-only, bound to what the caller may see."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from serving.auth.principal import Principal
from serving.query import arguments, repository
from serving.query.findings import Finding, count_values, percent
from serving.query.names import NamedStation, find_class, find_station
from serving.query.period import Stretch, local_text, resolve
from serving.query.refusal import NotInData
from serving.query.sources import Sources
from serving.statistics import repository as counting
from serving.statistics.buckets import Interval, buckets_between
from serving.statistics.counts import Count, Stations
from serving.statistics.figures import defects_by_frequency
from serving.statistics.window import Window, read_quarters

_OF_LATE: Final = timedelta(days=90)
_LONGEST_TREND: Final[dict[Interval, timedelta]] = {"hour": timedelta(days=3), "day": timedelta(days=92)}


class Analytics:
    """Looks into the statistics for one caller. Its methods block."""

    def __init__(self, sources: Sources, user: Principal) -> None:
        """Takes where to look and for whom."""
        self._sources = sources
        self._allowed = user.stations
        self.now = sources.clock()
        self.zone = sources.statistics.zone

    @property
    def is_restricted(self) -> bool:
        """Whether the caller sees some stations only."""
        return self._allowed is not None

    def stations(self) -> list[NamedStation]:
        """The stations that the caller may see."""
        with self._sources.database.read() as session:
            return [NamedStation(*row) for row in repository.stations(session, self._allowed)]

    def classes(self) -> set[str]:
        """The classes of defects that the model in use knows, and those found of late, whichever model found them."""
        runtime = self._sources.live.runtime
        found = self._between(Stretch("", self.now - _OF_LATE, self.now, ""), self._allowed).defects
        return {name for _, name in found} | set(runtime.manifest.classes if runtime else ())

    def list_stations(self, _wanted: arguments.ListStations) -> Finding:
        """The stations by id and name."""
        found = self.stations()
        rows = [{"station": station.id, "name": station.name} for station in found[:100]]
        return Finding("list_stations", {}, {"stations": len(found), "rows": rows})

    def count_inspections(self, wanted: arguments.CountInspections) -> Finding:
        """How the inspections of a period ended."""
        filters, stretch, stations = self.filters(wanted.period, wanted.station)
        return Finding("count_inspections", filters, count_values(self._between(stretch, stations).total))

    def count_defects(self, wanted: arguments.CountDefects) -> Finding:
        """The defects of a period by class, or those of one class."""
        filters, stretch, stations = self.filters(wanted.period, wanted.station)
        window = self._between(stretch, stations)
        by_class = {row.class_name: row.count for row in defects_by_frequency(window)}
        total = sum(by_class.values())
        values: dict[str, Any] = {"inspections": window.total.total, "defects": total}
        if wanted.defect_class is None:
            shares = {name: percent(number, total) for name, number in by_class.items()}
            values |= {"by_class": by_class, "share_percent": shares}
        else:
            name = find_class(wanted.defect_class, self.classes() | set(by_class))
            filters["defect_class"] = name
            number = by_class.get(name, 0)
            values |= {"defects_of_class": number, "share_percent": percent(number, total)}
        return Finding("count_defects", filters, values)

    def break_down(self, wanted: arguments.BreakDown) -> Finding:
        """The inspections of a period by station, version or part."""
        filters, stretch, stations = self.filters(wanted.period, wanted.station)
        filters["by"] = wanted.by
        if wanted.by == "part":
            return Finding("break_down", filters, self._parts(stretch, stations))
        groups: dict[str, Count] = {}
        for (station, version), count in self._between(stretch, stations).inspections.items():
            groups.setdefault(station if wanted.by == "station" else version, Count()).add(count)
        ordered = sorted(groups.items(), key=lambda item: (-item[1].failed, item[0]))
        rows = [{wanted.by: name, **count_values(count)} for name, count in ordered[:50]]
        return Finding("break_down", filters, {"groups": len(groups), "rows": rows})

    def compare(self, wanted: arguments.Compare) -> Finding:
        """Two periods or stations beside each other."""
        first = self.filters(wanted.first_period, wanted.first_station)
        second = self.filters(wanted.second_period, wanted.second_station)
        counts = [self._between(stretch, stations).total for _, stretch, stations in (first, second)]
        a, b = (count_values(count) for count in counts)
        keys = ("inspections", "passed", "failed", "uncertain")
        rates = ("pass_rate_percent", "fail_rate_percent", "uncertain_rate_percent")
        difference: dict[str, Any] = {key: b[key] - a[key] for key in keys}
        both = [rate for rate in rates if a[rate] is not None and b[rate] is not None]
        difference |= {rate: round(b[rate] - a[rate], 2) for rate in both}
        # The size alone as well: who says "fell by" leaves the sign out.
        size = {key: abs(value) for key, value in difference.items()}
        values = {"first": a, "second": b, "difference": difference, "size_of_difference": size}
        return Finding("compare", {"first": first[0], "second": second[0]}, values)

    def trend(self, wanted: arguments.Trend) -> Finding:
        """The inspections of a period by hour or day."""
        filters, stretch, stations = self.filters(wanted.period, wanted.station)
        filters["interval"] = wanted.interval
        if stretch.until - stretch.since > _LONGEST_TREND[wanted.interval] + timedelta(hours=2):
            raise NotInData(f"too long for a trend by {wanted.interval}: ask for a shorter period")
        with self._sources.database.read() as session:
            quarters = read_quarters(session, stretch.since, stretch.until, stations)
        buckets = buckets_between(stretch.since, min(stretch.until, self.now), wanted.interval, self.zone)
        counts = [Count() for _ in buckets.labels]
        for quarter, count in quarters.items():
            counts[buckets.index_of(quarter)].add(count)
        kept = ("inspections", "passed", "failed", "uncertain", "pass_rate_percent")
        rows = [
            {wanted.interval: local_text(start, self.zone)} | {key: count_values(count)[key] for key in kept}
            for start, count in zip(buckets.starts_at, counts, strict=True)
        ]
        return Finding("trend", filters, {"rows": rows})

    def filters(self, period: str, station: str | None) -> tuple[dict[str, Any], Stretch, Stations]:
        """What a period and a station mean, in words for the answer and as the statistics want them.

        Raises:
            NotInData: There is no such station for this caller.
        """
        stretch = resolve(period, self.now, self.zone)
        found = None if station is None else find_station(station, self.stations())
        words = {
            "period": stretch.name,
            "since": local_text(stretch.since, self.zone),
            "until": local_text(min(stretch.until, self.now), self.zone),
            "timezone": self.zone.key,
            "station": None if found is None else found.id,
            "station_name": None if found is None else found.name,
        }
        return words, stretch, self._allowed if found is None else frozenset({found.id})

    def _between(self, stretch: Stretch, stations: Stations) -> Window:
        return self._sources.statistics.between(stretch.since, stretch.until, stations)

    def _parts(self, stretch: Stretch, stations: Stations) -> dict[str, Any]:
        with self._sources.database.read() as session:
            counting.see_one_state(session)
            number = counting.number_of_parts(session, stretch.since, stretch.until, stations)
            worst = counting.count_parts(
                session, stretch.since, stretch.until, stations, limit=arguments.MOST_ROWS, offset=0
            )
        return {"parts": number, "rows": list(_part_rows(worst))}


def _part_rows(parts: Iterable[counting.PartCount]) -> Iterable[dict[str, Any]]:
    for part in parts:
        total = part.passed + part.failed + part.uncertain
        counts = {"inspections": total, "passed": part.passed, "failed": part.failed, "uncertain": part.uncertain}
        yield {"part": part.part_id, **counts}
