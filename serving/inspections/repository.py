"""Every query on inspections."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy import select as select_columns
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, SQLModel, col, delete, func, select

from serving.tables import AuditEntry, Inspection, InspectionDetection

_INSERTS: Final = {name: SQLModel.metadata.tables[name].insert() for name in ("inspections", "detections", "events")}
_DETECTIONS: Final = SQLModel.metadata.tables["detections"]
DELETED: Final = "inspection.deleted"
"""What the audit log calls it when a person deletes an inspection."""


@dataclass(frozen=True, slots=True)
class InspectionFilter:
    """Which inspections to list; None means all.

    Attributes:
        station_id: Those of one station.
        decision: Those of one verdict of the model.
        effective_decision: Those of one verdict that holds: a person's where one overruled it, else the model's.
        stations: Those of these stations alone, whatever else is asked for.
        since: Those from that moment on.
        until: Those before that moment.
        class_name: Those with a defect of that class.
        part: Those whose part's id begins so.
        model_version: Those by one version of the model.
    """

    station_id: str | None = None
    decision: str | None = None
    effective_decision: str | None = None
    stations: frozenset[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    class_name: str | None = None
    part: str | None = None
    model_version: str | None = None


def record(
    connection: Connection,
    inspection: Mapping[str, Any],
    detections: Sequence[Mapping[str, Any]],
    event: Mapping[str, Any],
) -> None:
    """Stores one inspection with its detections and its event, each given by its values by column.

    By plain inserts: a third of the time of the unit of work, which tracks objects that nobody needs afterwards.
    """
    connection.execute(_INSERTS["inspections"], inspection)
    if detections:
        connection.execute(_INSERTS["detections"], detections)
    connection.execute(_INSERTS["events"], event)


def find(session: Session, inspection_id: str) -> Inspection | None:
    """The inspection of that id."""
    return session.get(Inspection, inspection_id)


def find_for_change(session: Session, inspection_id: str) -> Inspection | None:
    """The same, locked until the transaction ends: whoever decides on its picture waits for the other."""
    return session.get(Inspection, inspection_id, with_for_update=True)


def find_by_key(session: Session, requested_by: str, idempotency_key: str) -> Inspection | None:
    """The inspection that a user asked for under that idempotency key."""
    query = select(Inspection).where(
        Inspection.requested_by == requested_by, Inspection.idempotency_key == idempotency_key
    )
    return session.exec(query).one_or_none()


def detections_of(session: Session, inspection_ids: Iterable[str]) -> Mapping[str, list[InspectionDetection]]:
    """The detections of each inspection, in their order; an id without any is missing."""
    query = (
        select(InspectionDetection)
        .where(col(InspectionDetection.inspection_id).in_(list(inspection_ids)))
        .order_by(col(InspectionDetection.inspection_id), col(InspectionDetection.position))
    )
    found: dict[str, list[InspectionDetection]] = {}
    for row in session.exec(query):
        found.setdefault(row.inspection_id, []).append(row)
    return found


def detection_values_of(session: Session, inspection_ids: Iterable[str]) -> Mapping[str, list[Mapping[str, Any]]]:
    """The same as values by column, for those who read every part."""
    columns = _DETECTIONS.c
    query = (
        select_columns(_DETECTIONS)
        .where(columns.inspection_id.in_(list(inspection_ids)))
        .order_by(columns.inspection_id, columns.position)
    )
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in session.connection().execute(query).mappings():
        found.setdefault(row["inspection_id"], []).append(dict(row))
    return found


def list_page(session: Session, chosen: InspectionFilter, *, limit: int, offset: int) -> Sequence[Inspection]:
    """One page, newest first."""
    query = select(Inspection).where(*conditions_of(chosen))
    query = query.order_by(col(Inspection.created_at).desc(), col(Inspection.id).desc())
    return session.exec(query.limit(limit).offset(offset)).all()


def count(session: Session, chosen: InspectionFilter) -> int:
    """The number of inspections on all pages."""
    if chosen.effective_decision is None:
        return _number(session, chosen)
    # Those of the verdict without the few that were overruled, and the few that were overruled to it: SQLite counts
    # either in an index, while the verdict that holds is looked up row by row.
    rest, wanted = replace(chosen, effective_decision=None), chosen.effective_decision
    decision, overruled_to = col(Inspection.decision), col(Inspection.overruled_to)
    of_model = _number(session, rest, decision == wanted)
    taken = _number(session, rest, decision == wanted, overruled_to.is_not(None), overruled_to != wanted)
    given = _number(session, rest, decision != wanted, overruled_to.is_not(None), overruled_to == wanted)
    return of_model - taken + given


def remove(session: Session, inspection_id: str) -> None:
    """Deletes an inspection; its detections go with it."""
    session.exec(delete(Inspection).where(col(Inspection.id) == inspection_id))


def image_paths_of(session: Session, inspection_ids: Iterable[str], *, only_kept: bool = False) -> Mapping[str, str]:
    """The picture's path by inspection id, for those ids that are recorded; on demand only where it was not deleted."""
    query = select(Inspection.id, Inspection.image_path).where(col(Inspection.id).in_(list(inspection_ids)))
    if only_kept:
        query = query.where(col(Inspection.picture_deleted_at).is_(None))
    return dict(session.exec(query).all())


def image_paths_between(
    session: Session, after: tuple[datetime, str], before: datetime, limit: int
) -> Sequence[tuple[datetime, str, str]]:
    """Time, id and picture's path of the next inspections after `after` (time, id) with a picture, oldest first."""
    since, last_id = after
    created_at, own_id = col(Inspection.created_at), col(Inspection.id)
    query = (
        select(Inspection.created_at, Inspection.id, Inspection.image_path)
        .where(created_at < before, col(Inspection.picture_deleted_at).is_(None))
        .where((created_at > since) | ((created_at == since) & (own_id > last_id)))
        .order_by(created_at, own_id)
        .limit(limit)
    )
    return session.exec(query).all()


def paths_deleted_since(session: Session, since: datetime) -> Sequence[str]:
    """The pictures' paths of the inspections that people have deleted since a moment, as the audit log tells."""
    query = select(AuditEntry.before).where(AuditEntry.action == DELETED, col(AuditEntry.at) >= since)
    return [str(json.loads(before)["image_path"]) for before in session.exec(query) if before]


def _number(session: Session, chosen: InspectionFilter, *more: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(Inspection)
    return session.exec(query.where(*conditions_of(chosen), *more)).one()


def conditions_of(chosen: InspectionFilter, *, in_order: bool = False) -> list[ColumnElement[bool]]:
    """What an inspection must fulfil to be among those.

    Args:
        chosen: Which ones.
        in_order: Whether the query walks through the inspections by time anyway, page by page.
    """
    conditions: list[ColumnElement[bool]] = []
    if chosen.station_id is not None:
        conditions.append(col(Inspection.station_id) == chosen.station_id)
    if chosen.decision is not None:
        conditions.append(col(Inspection.decision) == chosen.decision)
    if chosen.effective_decision is not None:
        conditions.append(_holds(chosen.effective_decision))
    if chosen.stations is not None:
        conditions.append(col(Inspection.station_id).in_(chosen.stations))
    if chosen.since is not None:
        conditions.append(col(Inspection.created_at) >= chosen.since)
    if chosen.until is not None:
        conditions.append(col(Inspection.created_at) < chosen.until)
    if chosen.class_name is not None:
        conditions.append(_has_found(chosen.class_name, in_order=in_order))
    if chosen.part is not None:
        conditions.append(col(Inspection.part_id).startswith(chosen.part, autoescape=True))
    if chosen.model_version is not None:
        conditions.append(col(Inspection.model_version) == chosen.model_version)
    return conditions


def _holds(decision: str) -> ColumnElement[bool]:
    # Written as the index has it.
    return func.coalesce(col(Inspection.overruled_to), col(Inspection.decision)) == decision


def _has_found(class_name: str, *, in_order: bool) -> ColumnElement[bool]:
    found = select(InspectionDetection.inspection_id).where(InspectionDetection.class_name == class_name)
    if in_order:  # each inspection is asked once in all; a list of all that have the class would be made for each page
        return found.where(col(InspectionDetection.inspection_id) == col(Inspection.id)).exists()
    # By class first: its index leads to few rows, while asking each inspection would visit all of them.
    return col(Inspection.id).in_(found)
