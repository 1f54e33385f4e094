"""Every query on API keys."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select, update

from serving.tables import ApiKey


def find(session: Session, key_id: str) -> ApiKey | None:
    """The key of that id, also a revoked one; nobody else changes it before this transaction ends."""
    return session.exec(select(ApiKey).where(ApiKey.id == key_id).with_for_update()).one_or_none()


def list_all(session: Session, *, revoked: bool) -> Sequence[ApiKey]:
    """Every key, newest first; those that were revoked only where asked for."""
    query = select(ApiKey).order_by(col(ApiKey.created_at).desc(), col(ApiKey.id))
    return session.exec(query if revoked else query.where(col(ApiKey.revoked_at).is_(None))).all()


def name_is_taken(session: Session, name: str) -> bool:
    """Whether a key that is not revoked has this name."""
    query = select(ApiKey.id).where(ApiKey.name == name, col(ApiKey.revoked_at).is_(None))
    return session.exec(query).first() is not None


def count(session: Session) -> int:
    """Number of keys that are not revoked."""
    return session.exec(select(func.count()).select_from(ApiKey).where(col(ApiKey.revoked_at).is_(None))).one()


def add(session: Session, key: ApiKey) -> None:
    """Store a new key."""
    session.add(key)
    session.flush()


def note_use(session: Session, key_id: str, at: datetime) -> None:
    """Say when a key was last used."""
    session.exec(update(ApiKey).where(col(ApiKey.id) == key_id).values(last_used_at=at))
