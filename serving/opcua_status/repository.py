"""Every query for the OPC UA process."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Integer, case, cast, extract
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, select

from serving.tables import Inspection, OutboxEvent


def newest_of_each(session: Session, station_ids: Sequence[str]) -> Mapping[str, Inspection]:
    """The newest inspection of each station; stations without any are missing."""
    found: dict[str, Inspection] = {}
    for station_id in station_ids:  # one step down the index each; a window function would walk through all of it
        query = select(Inspection).where(Inspection.station_id == station_id)
        row = session.exec(query.order_by(col(Inspection.created_at).desc()).limit(1)).first()
        if row is not None:
            found[station_id] = row
    return found


def count_buckets(session: Session, since: datetime, bucket_s: int) -> Mapping[str, list[tuple[int, int, int]]]:
    """By station the buckets since then: number, passed, all."""
    bucket = cast(extract("epoch", col(Inspection.created_at)), Integer) // bucket_s
    passed = func.sum(case((col(Inspection.decision) == "pass", 1), else_=0))
    station = col(Inspection.station_id)
    query = select_columns(station, bucket, passed, func.count()).where(col(Inspection.created_at) >= since)
    buckets: dict[str, list[tuple[int, int, int]]] = {}
    for station_id, number, good, total in session.connection().execute(query.group_by(station, bucket)):
        buckets.setdefault(str(station_id), []).append((int(number), int(good), int(total)))
    return buckets


def inspections_after(session: Session, seq: int, limit: int) -> list[str]:
    """The inspections of the events after a number, as far as this session sees them."""
    query = select(OutboxEvent).where(col(OutboxEvent.seq) > seq, OutboxEvent.type == "inspection")
    return [str(event.data["id"]) for event in session.exec(query.order_by(col(OutboxEvent.seq)).limit(limit))]


def results_between(
    session: Session, station_id: str, since: datetime, until: datetime, *, newest_first: bool, limit: int
) -> Sequence[Inspection]:
    """Inspections of a station in [since, until], at most `limit`."""
    at, own_id = col(Inspection.created_at), col(Inspection.id)
    query = select(Inspection).where(Inspection.station_id == station_id, at >= since, at <= until)
    order = (at.desc(), own_id.desc()) if newest_first else (at, own_id)
    return session.exec(query.order_by(*order).limit(limit)).all()
