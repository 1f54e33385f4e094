"""Reads a window of time: from the tallies where they are right, one by one where they are not (yet)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from serving.statistics import repository, tally_repository
from serving.statistics.counts import ByClass, ByOverruling, ByVersion, Count, Defects, Stations
from serving.statistics.quarters import QUARTER, next_quarter, quarter_of, quarters_between


@dataclass(frozen=True, slots=True)
class Window:
    """What was inspected in a window.

    Attributes:
        inspections: By station and version of the model.
        defects: By station and class.
        overruled: Of the inspections, those whose verdict a person overruled, by both verdicts.
    """

    inspections: ByVersion = field(default_factory=dict)
    defects: ByClass = field(default_factory=dict)
    overruled: ByOverruling = field(default_factory=dict)

    @property
    def total(self) -> Count:
        """All inspections together."""
        total = Count()
        for count in self.inspections.values():
            total.add(count)
        return total


def read_totals(session: Session, since: datetime, until: datetime, stations: Stations) -> Window:
    """Inspections and defects in [since, until), of all stations or of some.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    repository.see_one_state(session)
    first = next_quarter(since)
    window = Window(
        tally_repository.sum_inspections(session, first, quarter_of(until), stations),
        tally_repository.sum_defects(session, first, quarter_of(until), stations),
        repository.count_overruled(session, since, until, stations),
    )
    for start, end in _untallied_stretches(session, since, until):
        for key, count in repository.count_inspections(session, start, end, stations).items():
            window.inspections.setdefault(key, Count()).add(count)
        for key, some in repository.count_defects(session, start, end, stations).items():
            window.defects.setdefault(key, Defects()).add(some)
    return window


def read_quarters(session: Session, since: datetime, until: datetime, stations: Stations) -> dict[datetime, Count]:
    """The inspections in [since, until) by the beginning of their quarter; a quarter without any is missing.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    repository.see_one_state(session)
    quarters = tally_repository.sum_by_quarter(session, next_quarter(since), quarter_of(until), stations)
    for start, end in untallied(session, since, until):
        for count in repository.count_inspections(session, start, end, stations).values():
            quarters.setdefault(quarter_of(start), Count()).add(count)
    return quarters


def untallied(session: Session, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Beginning and end of each quarter with inspections in [since, until) that has no tally, or of its part in there.

    Quarters without inspections are jumped over: a night costs one look, not forty.
    """
    for begin, end in _untallied_stretches(session, since, until):
        found: datetime | None = begin
        while found is not None:
            quarter = quarter_of(found)
            yield max(quarter, begin), min(quarter + QUARTER, end)
            found = repository.first_inspected(session, quarter + QUARTER, end)


def _untallied_stretches(session: Session, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The same without a cut at every quarter; each has an inspection in its first one."""
    first, last = next_quarter(since), quarter_of(until)
    current = tally_repository.current_quarters(session, first, last)
    begin = since
    for quarter in (*(start for start in quarters_between(first, last) if start in current), until):
        found = repository.first_inspected(session, begin, quarter) if begin < quarter else None
        if found is not None:
            yield max(quarter_of(found), begin), quarter
        begin = quarter + QUARTER
