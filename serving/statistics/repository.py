"""Every query that counts inspections one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, or_
from sqlalchemy import select as select_columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from serving.statistics.counts import ByClass, ByOverruling, ByVersion, Count, Defects, Stations
from serving.tables import Inspection, InspectionDetection, OutboxEvent


@dataclass(frozen=True, slots=True)
class PartCount:
    """The inspections of one part."""

    part_id: str
    passed: int
    failed: int
    uncertain: int
    first_at: datetime
    last_at: datetime


def see_one_state(session: Session) -> None:
    """Lets everything that the session reads come from one moment. Call it first.

    SQLite does so by itself; PostgreSQL would look at each statement's own moment, and what moves from the inspections
    to the tallies in between would count twice.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def newest_event(session: Session) -> int | None:
    """The number of the newest event: it changes with every inspection, whichever process stored it."""
    return session.exec(select(func.max(OutboxEvent.seq))).one()


def first_inspected(session: Session, since: datetime, until: datetime) -> datetime | None:
    """The time of the first inspection in [since, until)."""
    return session.exec(select(func.min(Inspection.created_at)).where(*_within(since, until))).one()


def last_inspected(session: Session, before: datetime | None = None) -> datetime | None:
    """The time of the last inspection, of all or of those before a moment."""
    query = select(func.max(Inspection.created_at))
    return session.exec(query if before is None else query.where(col(Inspection.created_at) < before)).one()


def number_inspected(session: Session, since: datetime, until: datetime) -> int:
    """The number of inspections in [since, until)."""
    return session.exec(select(func.count()).select_from(Inspection).where(*_within(since, until))).one()


def count_inspections(session: Session, since: datetime, until: datetime, stations: Stations = None) -> ByVersion:
    """The inspections in [since, until), of all stations or of some."""
    counts: ByVersion = {}
    for station, version, decision, number, first, time_ms in session.connection().execute(
        counting_query(since, until, stations)
    ):
        count = Count(first=int(first), first_passed=int(first) if decision == "pass" else 0, time_ms=float(time_ms))
        match decision:
            case "pass":
                count.passed = int(number)
            case "fail":
                count.failed = int(number)
            case _:
                count.uncertain = int(number)
        counts.setdefault((station, version), Count()).add(count)
    return counts


def count_defects(session: Session, since: datetime, until: datetime, stations: Stations = None) -> ByClass:
    """The defects found in [since, until), at all stations or at some."""
    found = session.connection().execute(defects_query(since, until, stations))
    return {
        (station, name): Defects(int(number), int(measured), float(area_mm2 or 0.0))
        for station, name, number, measured, area_mm2 in found
    }


def count_overruled(session: Session, since: datetime, until: datetime, stations: Stations = None) -> ByOverruling:
    """The inspections in [since, until) whose verdict a person overruled."""
    overruled_to = col(Inspection.overruled_to)
    by = (col(Inspection.decision), overruled_to)
    query = select_columns(*by, func.count()).where(*_within(since, until, stations), overruled_to.is_not(None))
    found = session.connection().execute(query.group_by(*by))
    return {(decision, instead): int(number) for decision, instead, number in found}


def count_parts(
    session: Session, since: datetime, until: datetime, stations: Stations, *, limit: int, offset: int
) -> Sequence[PartCount]:
    """One page of the parts inspected in [since, until), the worst first."""
    passed, failed, uncertain = (_number_of(decision) for decision in ("pass", "fail", "uncertain"))
    at, part_id = col(Inspection.created_at), col(Inspection.part_id)
    query = select_columns(part_id, passed, failed, uncertain, func.min(at), func.max(at))
    query = query.where(*_within(since, until, stations), part_id.is_not(None)).group_by(part_id)
    page = query.order_by(failed.desc(), uncertain.desc(), part_id).limit(limit).offset(offset)
    return [
        PartCount(str(part), int(good), int(bad), int(open_), first_at, last_at)
        for part, good, bad, open_, first_at, last_at in session.connection().execute(page)
    ]


def number_of_parts(session: Session, since: datetime, until: datetime, stations: Stations) -> int:
    """The number of different parts inspected in [since, until)."""
    query = select(func.count(func.distinct(Inspection.part_id))).where(*_within(since, until, stations))
    return session.exec(query).one()


def counting_query(since: datetime, until: datetime, stations: Stations) -> Select[Any]:
    """Number, first ones and time by station, version and decision."""
    mine, earlier = Inspection, aliased(Inspection)
    was_there = (
        select_columns(col(earlier.id))
        .where(col(earlier.part_id) == mine.part_id, col(earlier.station_id) == mine.station_id)
        .where(col(earlier.created_at) <= mine.created_at)
        .where(or_(col(earlier.created_at) < mine.created_at, col(earlier.id) < mine.id))
        .exists()
    )
    by = (col(mine.station_id), col(mine.model_version), col(mine.decision))
    query = select_columns(
        *by, func.count(), func.sum(case((was_there, 0), else_=1)), func.sum(col(mine.total_time_ms))
    )
    return query.where(*_within(since, until, stations)).group_by(*by)


def defects_query(since: datetime, until: datetime, stations: Stations) -> Select[Any]:
    """Number, measured ones and area by station and class."""
    area_mm2 = col(InspectionDetection.area_mm2)
    by = (col(Inspection.station_id), col(InspectionDetection.class_name))
    query = select_columns(*by, func.count(), func.count(area_mm2), func.sum(area_mm2))
    query = query.select_from(Inspection).join(
        InspectionDetection, col(InspectionDetection.inspection_id) == col(Inspection.id)
    )
    return query.where(*_within(since, until, stations)).group_by(*by)


def _number_of(decision: str) -> ColumnElement[int]:
    return func.sum(case((col(Inspection.decision) == decision, 1), else_=0))


def _within(since: datetime, until: datetime, stations: Stations = None) -> tuple[ColumnElement[bool], ...]:
    at = col(Inspection.created_at)
    period = (at >= since, at < until)
    return period if stations is None else (*period, col(Inspection.station_id).in_(stations))
