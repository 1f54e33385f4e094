"""Every query on deliveries. What is taken for a change is passed over where another replica is changing it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, literal_column, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, delete, func, select, update

from serving.tables import Alert, AlertDelivery
from serving.tables.alerts import STAGE_NEW, STAGE_RESOLVED

# Written out, not bound: SQLite takes a partial index only where it sees that its condition holds
# (sqlite.org/partialindex.html, section 3).
_PENDING: Final[ColumnElement[str]] = literal_column("'pending'")


def has_unplanned(session: Session) -> bool:
    """Whether there is an alert that somebody may have to be told of."""
    return session.exec(select(Alert.id).where(_unplanned()).limit(1)).first() is not None


def unplanned(session: Session, limit: int) -> Sequence[Alert]:
    """Alerts that somebody may have to be told of, oldest first, for a change."""
    query = select(Alert).where(_unplanned()).order_by(col(Alert.created_at), col(Alert.id)).limit(limit)
    return session.exec(query.with_for_update(skip_locked=True)).all()


def add(session: Session, delivery: AlertDelivery) -> None:
    """Store a delivery."""
    session.add(delivery)
    session.flush()


def told_lately(session: Session, target: str, dedupe_key: str, since: datetime) -> Sequence[AlertDelivery]:
    """What a target was or will be told of a cause, planned since then."""
    query = select(AlertDelivery).where(
        AlertDelivery.target == target,
        AlertDelivery.dedupe_key == dedupe_key,
        AlertDelivery.event == "raised",
        col(AlertDelivery.state).in_(("pending", "sent")),
        col(AlertDelivery.created_at) > since,
    )
    return session.exec(query).all()


def raised_of(session: Session, alert_id: str, target: str | None = None) -> Sequence[AlertDelivery]:
    """The deliveries that tell of an alert's beginning."""
    query = select(AlertDelivery).where(AlertDelivery.alert_id == alert_id, AlertDelivery.event == "raised")
    if target is not None:
        query = query.where(AlertDelivery.target == target)
    return session.exec(query).all()


def due(session: Session, target: str, now: datetime, limit: int) -> Sequence[int | None]:
    """Numbers of the deliveries to a target that are to be tried now, oldest first."""
    query = select(AlertDelivery.id).where(*_due(target, now)).order_by(col(AlertDelivery.id)).limit(limit)
    return session.exec(query).all()


def take(session: Session, number: int, target: str, now: datetime) -> AlertDelivery | None:
    """A delivery for a change, None if it is not due any more or another replica has it."""
    query = select(AlertDelivery).where(AlertDelivery.id == number, *_due(target, now))
    return session.exec(query.with_for_update(skip_locked=True, of=AlertDelivery)).first()


def find_for_change(session: Session, number: int) -> AlertDelivery | None:
    """A delivery for a change."""
    return session.exec(select(AlertDelivery).where(AlertDelivery.id == number).with_for_update()).first()


def find_alert(session: Session, alert_id: str) -> Alert | None:
    """The alert of a delivery."""
    return session.get(Alert, alert_id)


def find_page(
    session: Session, *, state: str | None, target: str | None, limit: int, offset: int
) -> tuple[Sequence[AlertDelivery], int]:
    """Deliveries, newest first, and how many there are in all."""
    conditions: list[ColumnElement[bool]] = []
    if state is not None:
        conditions.append(col(AlertDelivery.state) == state)
    if target is not None:
        conditions.append(col(AlertDelivery.target) == target)
    total = session.exec(select(func.count()).select_from(AlertDelivery).where(*conditions)).one()
    query = select(AlertDelivery).where(*conditions).order_by(col(AlertDelivery.id).desc())
    return session.exec(query.limit(limit).offset(offset)).all(), total


def count_by_state(session: Session, target: str, states: Sequence[str]) -> dict[str, int]:
    """How many deliveries to a target are in each of the states."""
    counted = select(AlertDelivery.state, func.count()).where(
        AlertDelivery.target == target, col(AlertDelivery.state).in_(states)
    )
    return dict(session.exec(counted.group_by(AlertDelivery.state)).all())


def pending_targets(session: Session) -> set[str]:
    """Every target that has yet to be told something."""
    return set(session.exec(select(AlertDelivery.target).where(col(AlertDelivery.state) == _PENDING).distinct()))


def open_causes(session: Session, prefix: str) -> set[str]:
    """The causes of open alerts that begin so."""
    query = select(Alert.dedupe_key).where(col(Alert.resolved_at).is_(None))
    return set(session.exec(query.where(col(Alert.dedupe_key).startswith(prefix, autoescape=True))))


def give_up(session: Session, target: str, reason: str, now: datetime) -> None:
    """End all that a target has yet to be told."""
    session.execute(
        update(AlertDelivery)
        .where(col(AlertDelivery.target) == target, col(AlertDelivery.state) == "pending")
        .values(state="failed", last_error=reason, ended_at=now)
    )


def forget_before(session: Session, moment: datetime, limit: int) -> int:
    """How many old deliveries that have ended were deleted."""
    old = select(AlertDelivery.id).where(col(AlertDelivery.created_at) < moment, AlertDelivery.state != "pending")
    ids = session.exec(old.limit(limit)).all()
    session.execute(delete(AlertDelivery).where(col(AlertDelivery.id).in_(ids)))
    return len(ids)


def _unplanned() -> ColumnElement[bool]:
    stage = col(Alert.delivery_stage)
    return and_(
        stage < literal_column(str(STAGE_RESOLVED)), or_(stage == STAGE_NEW, col(Alert.resolved_at).is_not(None))
    )


def _due(target: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    # That an alert is over is told after it was told: not while the first is still being tried.
    earlier = aliased(AlertDelivery)
    waits = exists().where(
        col(earlier.alert_id) == col(AlertDelivery.alert_id),
        col(earlier.target) == col(AlertDelivery.target),
        col(earlier.state) == "pending",
        col(earlier.id) < col(AlertDelivery.id),
    )
    return (
        col(AlertDelivery.target) == target,
        col(AlertDelivery.state) == _PENDING,
        col(AlertDelivery.next_try_at) <= now,
        ~waits,
    )
