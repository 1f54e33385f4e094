"""Every query that questions need beside those of the statistics."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, func, select

from serving.statistics.counts import Stations
from serving.tables import Alert, Inspection, InspectionDetection, Station


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which inspections to list.

    Attributes:
        since: Those from this moment on, UTC.
        until: Those before this moment, UTC.
        stations: Those of these stations; None means all.
        decision: Those of one verdict.
        class_name: Those with a defect of this class.
    """

    since: datetime
    until: datetime
    stations: Stations = None
    decision: str | None = None
    class_name: str | None = None


def stations(session: Session, allowed: Stations) -> Sequence[tuple[str, str]]:
    """Id and name of the stations that may be seen, by id."""
    query = select(Station.id, Station.name).order_by(col(Station.id))
    return session.exec(query if allowed is None else query.where(col(Station.id).in_(allowed))).all()


def list_inspections(session: Session, wanted: Wanted, limit: int) -> Sequence[Inspection]:
    """The newest inspections that are wanted."""
    query = select(Inspection).where(*_conditions(wanted))
    query = query.order_by(col(Inspection.created_at).desc(), col(Inspection.id).desc())
    return session.exec(query.limit(limit)).all()


def number_of_inspections(session: Session, wanted: Wanted) -> int:
    """How many are wanted in all."""
    return session.exec(select(func.count()).select_from(Inspection).where(*_conditions(wanted))).one()


def list_alerts(
    session: Session, allowed: Stations, severity: str | None, *, only_open: bool, limit: int
) -> tuple[Sequence[Alert], int]:
    """The newest alerts that match and may be seen, and how many there are in all."""
    conditions: list[ColumnElement[bool]] = []
    if allowed is not None:
        conditions.append(col(Alert.station_id).in_(allowed))
    if severity is not None:
        conditions.append(col(Alert.severity) == severity)
    if only_open:
        conditions.append(col(Alert.resolved_at).is_(None))
    total = session.exec(select(func.count()).select_from(Alert).where(*conditions)).one()
    query = select(Alert).where(*conditions).order_by(col(Alert.created_at).desc(), col(Alert.id))
    return session.exec(query.limit(limit)).all(), total


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    at = col(Inspection.created_at)
    conditions: list[ColumnElement[bool]] = [at >= wanted.since, at < wanted.until]
    if wanted.stations is not None:
        conditions.append(col(Inspection.station_id).in_(wanted.stations))
    if wanted.decision is not None:
        conditions.append(col(Inspection.decision) == wanted.decision)
    if wanted.class_name is not None:
        has_class = select(InspectionDetection.id).where(
            col(InspectionDetection.inspection_id) == col(Inspection.id),
            col(InspectionDetection.class_name) == wanted.class_name,
        )
        conditions.append(has_class.exists())
    return conditions
