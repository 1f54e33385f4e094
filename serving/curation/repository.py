"""Every query of curation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, insert, select

from serving.tables import Annotation, AuditDraw, AuditDrawItem, Inspection, ReviewItem

_FETCHED_AT_ONCE: Final = 2000

Place = tuple[datetime, str]
"""Time and id of an inspection: where a page begins."""


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """Which inspections to list: those of [since, until); None means all.

    Attributes:
        since: First moment.
        until: The moment after the last.
        station_id: Their station.
        decision: The verdict on them.
    """

    since: datetime
    until: datetime
    station_id: str | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A pass that may be drawn."""

    inspection_id: str
    station_id: str
    model_version: str


@dataclass(frozen=True, slots=True)
class DrawnPass:
    """A drawn pass and what people say of it.

    Attributes:
        draw_id: The draw.
        lot: Its lot.
        state: Of its picture in the review queue, None if that is gone.
        has_defect: Whether a person marked any.
    """

    draw_id: str
    lot: float
    state: str | None
    has_defect: bool


def candidates(
    session: Session, chosen: CandidateFilter, *, after: Place | None, limit: int
) -> Sequence[tuple[Inspection, ReviewItem | None]]:
    """The next inspections whose picture is still here, oldest first, each with the queue's item of its content."""
    created_at, own_id = col(Inspection.created_at), col(Inspection.id)
    query = (
        select(Inspection, ReviewItem)
        .join(ReviewItem, col(ReviewItem.image_sha256) == col(Inspection.image_sha256), isouter=True)
        .where(created_at >= chosen.since, created_at < chosen.until, col(Inspection.picture_deleted_at).is_(None))
    )
    if chosen.station_id is not None:
        query = query.where(Inspection.station_id == chosen.station_id)
    if chosen.decision is not None:
        query = query.where(Inspection.decision == chosen.decision)
    if after is not None:
        since, last_id = after
        query = query.where((created_at > since) | ((created_at == since) & (own_id > last_id)))
    return session.exec(query.order_by(created_at, own_id).limit(limit)).all()


def passes(session: Session, since: datetime, until: datetime) -> Iterator[Passed]:
    """Every pass of [since, until) whose picture is still here. Nothing else of it is asked: see docs/curation.md."""
    query = select(Inspection.id, Inspection.station_id, Inspection.model_version).where(
        Inspection.decision == "pass",
        col(Inspection.created_at) >= since,
        col(Inspection.created_at) < until,
        col(Inspection.picture_deleted_at).is_(None),
    )
    for row in session.exec(query.execution_options(yield_per=_FETCHED_AT_ONCE)):
        yield Passed(*row)


def last_draw_end(session: Session) -> datetime | None:
    """Where the window of the latest draw ends, None before the first."""
    query = select(AuditDraw.until).order_by(col(AuditDraw.until).desc()).limit(1)
    return session.exec(query).first()


def add_draw(session: Session, draw: AuditDraw, items: Sequence[AuditDrawItem]) -> None:
    """Stores a draw and what was drawn."""
    session.add(draw)
    session.flush()
    if items:
        session.execute(insert(AuditDrawItem), [item.model_dump() for item in items])


def draws_since(session: Session, since: datetime) -> Sequence[AuditDraw]:
    """The draws whose window reaches beyond a moment, oldest first."""
    query = select(AuditDraw).where(col(AuditDraw.until) > since)
    return session.exec(query.order_by(col(AuditDraw.until))).all()


def drawn_passes(
    session: Session, since: datetime, *, station_id: str | None = None, model_version: str | None = None
) -> Mapping[str, list[DrawnPass]]:
    """What came of the drawn passes, by draw, of the draws that `draws_since` gives."""
    marked = select(Annotation.id).where(Annotation.item_id == ReviewItem.id).exists()
    query = (
        select(AuditDrawItem.draw_id, AuditDrawItem.lot, ReviewItem.state, marked)
        .join(AuditDraw, col(AuditDraw.id) == col(AuditDrawItem.draw_id))
        .join(ReviewItem, col(ReviewItem.id) == col(AuditDrawItem.item_id), isouter=True)
        .where(col(AuditDraw.until) > since)
    )
    if station_id is not None:
        query = query.where(AuditDrawItem.station_id == station_id)
    if model_version is not None:
        query = query.where(AuditDrawItem.model_version == model_version)
    found: dict[str, list[DrawnPass]] = {}
    for draw_id, lot, state, has_defect in session.exec(query):
        found.setdefault(draw_id, []).append(DrawnPass(draw_id, lot, state, bool(has_defect)))
    return found
