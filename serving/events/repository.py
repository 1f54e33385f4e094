"""Every query on events."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select as select_columns
from sqlalchemy import text
from sqlmodel import Session, SQLModel, col, delete, func, select

from serving.tables import OutboxEvent

# INSERT takes this lock on its table before the row's number is drawn, and keeps it until the transaction ends.
# Source: PostgreSQL manual, 13.3.1 (ROW EXCLUSIVE) and 53.12 (pg_locks, virtualtransaction).
_WRITERS: Final = text(
    "SELECT virtualtransaction, pid FROM pg_locks"
    " WHERE locktype = 'relation' AND relation = 'events'::regclass AND mode = 'RowExclusiveLock' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND pid IS DISTINCT FROM pg_backend_pid()"
)
_END_SESSION: Final = text("SELECT pg_terminate_backend(:pid)")
# Followers read every part: rows as plain values cost half of what objects cost that the session keeps track of.
_EVENT_COLUMNS: Final = [SQLModel.metadata.tables["events"].c[name] for name in ("seq", "type", "created_at", "data")]
_INSPECTIONS: Final = SQLModel.metadata.tables["inspections"]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it is stored."""

    seq: int
    type: str
    created_at: datetime
    data: Mapping[str, Any]


def page_after(
    session: Session, seq: int, limit: int, *, upto: int | None = None, types: Iterable[str] | None = None
) -> Sequence[StoredEvent]:
    """The next events after a number, and not after `upto`, oldest first; of some types, where these are given."""
    number = _EVENT_COLUMNS[0]
    query = select_columns(*_EVENT_COLUMNS).where(number > seq)
    if upto is not None:
        query = query.where(number <= upto)
    if types is not None:
        query = query.where(_EVENT_COLUMNS[1].in_(list(types)))
    return [StoredEvent(*row) for row in session.connection().execute(query.order_by(number).limit(limit))]


def numbers_after(session: Session, seq: int, limit: int) -> Sequence[int]:
    """The next numbers after one, ascending."""
    column = col(OutboxEvent.seq)
    query = select(column).where(column > seq).order_by(column).limit(limit)
    return [number for number in session.exec(query) if number is not None]


def oldest_seq(session: Session) -> int | None:
    """The number of the oldest event that is kept, None without any."""
    return session.exec(select(func.min(OutboxEvent.seq))).one()


def newest_seq(session: Session) -> int | None:
    """The number of the newest event, None without any."""
    return session.exec(select(func.max(OutboxEvent.seq))).one()


def oldest_times(session: Session, limit: int) -> Sequence[tuple[int, datetime]]:
    """Number and time of the oldest events."""
    query = select(col(OutboxEvent.seq), OutboxEvent.created_at).order_by(col(OutboxEvent.seq)).limit(limit)
    return [(int(seq), created_at) for seq, created_at in session.exec(query) if seq is not None]


def newest_of(session: Session, kind: str, limit: int) -> Sequence[OutboxEvent]:
    """The newest events of a type, newest first."""
    query = select(OutboxEvent).where(OutboxEvent.type == kind).order_by(col(OutboxEvent.seq).desc())
    return session.exec(query.limit(limit)).all()


def remove_upto(session: Session, seq: int) -> None:
    """Deletes the events up to a number."""
    session.exec(delete(OutboxEvent).where(col(OutboxEvent.seq) <= seq))


def inspections_of(session: Session, inspection_ids: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
    """The inspections of these ids that still exist, as values by column."""
    query = select_columns(_INSPECTIONS).where(_INSPECTIONS.c.id.in_(list(inspection_ids)))
    return {str(row["id"]): dict(row) for row in session.connection().execute(query).mappings()}


def writers(session: Session) -> Mapping[str, int | None]:
    """PostgreSQL only: the open transactions that have written events, each with the process that runs it."""
    return {str(transaction): pid for transaction, pid in session.connection().execute(_WRITERS)}


def end_session(session: Session, pid: int) -> bool:
    """PostgreSQL only: whether that process was told to end; its transaction is rolled back then."""
    return bool(session.connection().execute(_END_SESSION, {"pid": pid}).scalar_one())
