"""Holds: an inspection on hold keeps its picture and its record, whatever retention or a person wants."""

from datetime import datetime

from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.errors import Conflict, NotFound
from serving.inspections import repository
from serving.tables import Inspection


def put(session: Session, inspection_id: str, reason: str, *, actor: Actor, now: datetime) -> Inspection:
    """The inspection, on hold from now on, or still with another reason. Runs in the writer.

    Raises:
        NotFound: There is no such inspection.
        Conflict: Its picture is deleted already: a hold comes too late.
    """
    row = _require(session, inspection_id)
    if row.picture_deleted_at is not None:
        raise Conflict(f"the picture was deleted on {row.picture_deleted_at:%Y-%m-%d}; there is nothing left to hold")
    before = _told(row)
    row.hold_reason, row.held_by = reason, actor.name
    row.held_at = row.held_at or now
    session.add(row)
    record(session, actor, "inspection.held", f"inspection/{row.id}", before=before, after=_told(row), now=now)
    return row


def lift(session: Session, inspection_id: str, *, actor: Actor, now: datetime) -> Inspection:
    """The inspection, to which the usual rules apply again. Runs in the writer.

    Raises:
        NotFound: There is no such inspection, or it is not on hold.
    """
    row = _require(session, inspection_id)
    if row.held_at is None:
        raise NotFound("the inspection is not on hold")
    before = _told(row)
    row.hold_reason = row.held_by = row.held_at = None
    session.add(row)
    record(session, actor, "inspection.released", f"inspection/{row.id}", before=before, now=now)
    return row


def require_not_on_hold(row: Inspection) -> None:
    """Refuses to let go of an inspection on hold.

    Raises:
        Conflict: It is.
    """
    if row.held_at is not None:
        raise Conflict(f"the inspection is on hold by {row.held_by}: {row.hold_reason}")


def _require(session: Session, inspection_id: str) -> Inspection:
    row = repository.find_for_change(session, inspection_id)
    if row is None:
        raise NotFound("there is no such inspection")
    return row


def _told(row: Inspection) -> dict[str, str] | None:
    if row.held_at is None:
        return None
    return {"reason": str(row.hold_reason), "by": str(row.held_by), "since": row.held_at.isoformat()}
