"""Every query on alerts."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, func, select

from serving.tables import Alert


def find(session: Session, alert_id: str) -> Alert | None:
    """The alert of that identifier."""
    return session.get(Alert, alert_id)


def find_open(session: Session, dedupe_key: str) -> Alert | None:
    """The alert that tells of this cause and is not resolved yet."""
    query = select(Alert).where(Alert.dedupe_key == dedupe_key).where(col(Alert.resolved_at).is_(None))
    return session.exec(query).first()


def open_keys(session: Session) -> set[str]:
    """The causes of all alerts that are not resolved yet."""
    return set(session.exec(select(Alert.dedupe_key).where(col(Alert.resolved_at).is_(None))))


def open_since(session: Session) -> Mapping[str, datetime]:
    """The causes of all alerts that are not resolved yet, and when each was found last."""
    query = select(Alert.dedupe_key, Alert.last_seen_at).where(col(Alert.resolved_at).is_(None))
    return dict(session.exec(query).all())


def count_open(session: Session) -> Mapping[str, int]:
    """The number of alerts that are not resolved yet, by severity; a severity without any is missing."""
    query = select(Alert.severity, func.count()).where(col(Alert.resolved_at).is_(None)).group_by(Alert.severity)
    return dict(session.exec(query).all())


def add(session: Session, alert: Alert) -> None:
    """Store a new alert."""
    session.add(alert)
    session.flush()


def find_page(
    session: Session, severity: str | None, *, acknowledged: bool | None, limit: int, offset: int
) -> tuple[list[Alert], int]:
    """The alerts that match, newest first, and how many there are in all."""
    conditions: list[ColumnElement[bool]] = []
    if severity is not None:
        conditions.append(col(Alert.severity) == severity)
    if acknowledged is not None:
        conditions.append(col(Alert.acknowledged).is_(acknowledged))
    total = session.exec(select(func.count()).select_from(Alert).where(*conditions)).one()
    query = select(Alert).where(*conditions).order_by(col(Alert.created_at).desc(), col(Alert.id))
    return list(session.exec(query.limit(limit).offset(offset)).all()), total
