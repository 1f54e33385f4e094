"""Every query on the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, func, or_, select

from serving.audit.anchor import BEGINNING, Link
from serving.tables import AuditEntry

_LOCK_NUMBER: Final = 0x7573736F70  # "ussop"; any number that nobody else takes in this database


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries to list; None means all.

    Attributes:
        actor: Id or name of who acted.
        action: The action, or with a dot at its end every action of that noun.
        subject: What it was done to.
        since: The earliest moment, UTC.
        until: The moment before which it was, UTC.
    """

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def lock_chain(session: Session) -> None:
    """Let no other writer add an entry before this transaction ends. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})


def last_link(session: Session) -> Link:
    """The newest entry's place, the beginning of the chain where there is none."""
    query = select(AuditEntry.seq, AuditEntry.mac).order_by(col(AuditEntry.seq).desc()).limit(1)
    row = session.exec(query).first()
    return BEGINNING if row is None else Link(*row)


def link_at(session: Session, seq: int) -> Link | None:
    """The place of that entry, None if it is not there."""
    row = session.exec(select(AuditEntry.seq, AuditEntry.mac).where(AuditEntry.seq == seq)).first()
    return None if row is None else Link(*row)


def add(session: Session, entry: AuditEntry) -> None:
    """Store a new entry; the next one of this transaction follows it."""
    session.add(entry)
    session.flush()


def count(session: Session) -> int:
    """The number of entries."""
    return session.exec(select(func.count()).select_from(AuditEntry)).one()


def list_after(session: Session, seq: int | None, limit: int) -> Sequence[AuditEntry]:
    """The next entries after a number, in the chain's order; None begins with the very first."""
    query = select(AuditEntry).order_by(col(AuditEntry.seq)).limit(limit)
    return session.exec(query if seq is None else query.where(col(AuditEntry.seq) > seq)).all()


def next_seq(session: Session, seq: int | None) -> int | None:
    """The number of the next entry after a number, None at the end."""
    query = select(func.min(AuditEntry.seq))
    return session.exec(query if seq is None else query.where(col(AuditEntry.seq) > seq)).one()


def list_page(session: Session, chosen: AuditFilter, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
    """Entries older than the number `before`, newest first."""
    conditions = _conditions(chosen)
    if before is not None:
        conditions.append(col(AuditEntry.seq) < before)
    query = select(AuditEntry).where(*conditions).order_by(col(AuditEntry.seq).desc())
    return session.exec(query.limit(limit)).all()


def _conditions(chosen: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if chosen.actor is not None:
        conditions.append(or_(col(AuditEntry.actor_id) == chosen.actor, col(AuditEntry.actor_name) == chosen.actor))
    if chosen.action is not None:
        action = col(AuditEntry.action)
        whole = chosen.action.endswith(".")
        conditions.append(action.startswith(chosen.action, autoescape=True) if whole else action == chosen.action)
    if chosen.subject is not None:
        conditions.append(col(AuditEntry.subject) == chosen.subject)
    if chosen.since is not None:
        conditions.append(col(AuditEntry.at) >= chosen.since)
    if chosen.until is not None:
        conditions.append(col(AuditEntry.at) < chosen.until)
    return conditions
