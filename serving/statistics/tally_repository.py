"""Every query on tallies."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, text, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, delete, func, insert, select

from serving.statistics.counts import ByClass, ByVersion, Count, Defects, Stations
from serving.tables import DefectTally, Inspection, InspectionTally, TalliedQuarter

# A transaction that has written has a number of its own, so back-ups and other readers do not count here.
# Source: PostgreSQL manual, 27.2.3 (pg_stat_activity, backend_xid and xact_start).
_OPEN_WRITERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_xid IS NOT NULL AND xact_start < :since"
)
_COUNTED = ("passed", "failed", "uncertain", "first", "first_passed", "time_ms")


def current_quarters(session: Session, since: datetime, until: datetime) -> set[datetime]:
    """The quarters that begin in [since, until) and whose tallies are right."""
    start_at = col(TalliedQuarter.start_at)
    query = select(start_at).where(start_at >= since, start_at < until, col(TalliedQuarter.is_current))
    return set(session.exec(query).all())


def stale_quarters(session: Session, before: datetime, limit: int) -> Sequence[datetime]:
    """Quarters that begin before a moment and must be counted again, the newest first."""
    start_at = col(TalliedQuarter.start_at)
    query = select(start_at).where(~col(TalliedQuarter.is_current), start_at < before)
    return session.exec(query.order_by(start_at.desc()).limit(limit)).all()


def sum_inspections(session: Session, since: datetime, until: datetime, stations: Stations) -> ByVersion:
    """The inspections of the tallied quarters that begin in [since, until), by station and version."""
    by = (col(InspectionTally.station_id), col(InspectionTally.model_version))
    query = select_columns(*by, *_sums()).where(*_tallied(InspectionTally, since, until, stations)).group_by(*by)
    return {(station, version): _to_count(sums) for station, version, *sums in session.connection().execute(query)}


def sum_by_quarter(session: Session, since: datetime, until: datetime, stations: Stations) -> dict[datetime, Count]:
    """The inspections of each tallied quarter that begins in [since, until)."""
    start_at = col(InspectionTally.start_at)
    query = select_columns(start_at, *_sums()).where(*_tallied(InspectionTally, since, until, stations))
    return {start: _to_count(sums) for start, *sums in session.connection().execute(query.group_by(start_at))}


def sum_defects(session: Session, since: datetime, until: datetime, stations: Stations) -> ByClass:
    """The defects of the tallied quarters that begin in [since, until), by station and class."""
    by = (col(DefectTally.station_id), col(DefectTally.class_name))
    sums = (
        func.sum(col(DefectTally.defects)),
        func.sum(col(DefectTally.measured)),
        func.sum(col(DefectTally.area_mm2)),
    )
    query = select_columns(*by, *sums).where(*_tallied(DefectTally, since, until, stations)).group_by(*by)
    return {
        (station, name): Defects(int(number), int(measured), float(area_mm2))
        for station, name, number, measured, area_mm2 in session.connection().execute(query)
    }


def generation_of(session: Session, start_at: datetime) -> int:
    """How often a quarter has changed; 0 for one that nobody has counted or changed."""
    query = select(TalliedQuarter.generation).where(col(TalliedQuarter.start_at) == start_at)
    return session.exec(query).one_or_none() or 0


def has_open_writers(session: Session, since: datetime) -> bool:
    """Whether a transaction that began before a moment may still commit inspections. Never on SQLite: one at a time."""
    if session.get_bind().dialect.name != "postgresql":
        return False
    return bool(session.connection().execute(_OPEN_WRITERS, {"since": since}).scalar_one())


def claim(session: Session, start_at: datetime) -> TalliedQuarter:
    """The quarter's row, locked until the transaction ends: whoever changes the quarter waits, and we for them."""
    statement = _insert(session.connection(), {"start_at": start_at, "generation": 0, "is_current": False})
    session.connection().execute(statement.on_conflict_do_nothing())
    return session.exec(select(TalliedQuarter).where(TalliedQuarter.start_at == start_at).with_for_update()).one()


def store(session: Session, start_at: datetime, inspections: ByVersion, defects: ByClass) -> None:
    """Puts the tallies of a claimed quarter in place of the old ones."""
    for table in (InspectionTally, DefectTally):
        session.exec(delete(table).where(col(table.start_at) == start_at))
    if inspections:
        rows = [
            {"start_at": start_at, "station_id": station, "model_version": version}
            | {name: getattr(count, name) for name in _COUNTED}
            for (station, version), count in inspections.items()
        ]
        session.connection().execute(insert(InspectionTally), rows)
    if defects:
        found = [
            {"start_at": start_at, "station_id": station, "class_name": name}
            | {"defects": some.count, "measured": some.measured, "area_mm2": some.area_mm2}
            for (station, name), some in defects.items()
        ]
        session.connection().execute(insert(DefectTally), found)
    session.connection().execute(
        update(TalliedQuarter).where(col(TalliedQuarter.start_at) == start_at).values(is_current=True)
    )


def make_stale(connection: Connection, start_at: datetime) -> None:
    """Says that a quarter has changed: it is counted anew, and a count that is under way is not kept."""
    statement = _insert(connection, {"start_at": start_at, "generation": 1, "is_current": False})
    raised = {"generation": col(TalliedQuarter.generation) + 1, "is_current": False}
    connection.execute(statement.on_conflict_do_update(index_elements=["start_at"], set_=raised))


def next_of_part(connection: Connection, part_id: str, station_id: str, after: datetime) -> datetime | None:
    """When the part was inspected at the station the next time after a moment."""
    at = col(Inspection.created_at)
    query = select_columns(func.min(at)).where(col(Inspection.part_id) == part_id, at > after)
    next_at: datetime | None = connection.execute(query.where(col(Inspection.station_id) == station_id)).scalar_one()
    return next_at


def _insert(connection: Connection, values: Mapping[str, Any]) -> "sqlite.Insert | postgresql.Insert":
    on_postgres = connection.dialect.name == "postgresql"
    return (postgresql.insert if on_postgres else sqlite.insert)(TalliedQuarter).values(values)


def _sums() -> list[ColumnElement[Any]]:
    return [func.sum(SQLModel.metadata.tables["inspection_tallies"].c[name]) for name in _COUNTED]


def _to_count(sums: Sequence[Any]) -> Count:
    passed, failed, uncertain, first, first_passed, time_ms = sums
    return Count(int(passed), int(failed), int(uncertain), int(first), int(first_passed), float(time_ms))


def _tallied(
    table: type[InspectionTally] | type[DefectTally], since: datetime, until: datetime, stations: Stations
) -> tuple[ColumnElement[bool], ...]:
    start_at = col(table.start_at)
    # What a stale quarter was counted as is still there; its inspections are counted one by one.
    is_right = (
        select_columns(col(TalliedQuarter.start_at))
        .where(col(TalliedQuarter.start_at) == start_at, col(TalliedQuarter.is_current))
        .exists()
    )
    period = (start_at >= since, start_at < until, is_right)
    return period if stations is None else (*period, col(table.station_id).in_(stations))
