"""Every query on stations."""

from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from serving.tables import Station


def find(session: Session, station_id: str) -> Station | None:
    """The station of that id."""
    return session.get(Station, station_id)


def list_all(session: Session) -> Sequence[Station]:
    """Every station, by id."""
    return session.exec(select(Station).order_by(col(Station.id))).all()


def count(session: Session) -> int:
    """The number of stations."""
    return session.exec(select(func.count()).select_from(Station)).one()


def add(session: Session, station: Station) -> None:
    """Stores a new station, at once visible to foreign keys."""
    session.add(station)
    session.flush()
