"""Every query on revisions of the configuration."""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, func, select

from serving.tables import ConfigRevision, Station


def newest_version(session: Session) -> int:
    """Number of the last change, 0 where there was none."""
    return session.exec(select(func.max(ConfigRevision.version))).one() or 0


def find(session: Session, version: int) -> ConfigRevision | None:
    """That change, None where there is none."""
    return session.get(ConfigRevision, version)


def find_page(session: Session, *, limit: int, offset: int) -> tuple[Sequence[ConfigRevision], int]:
    """Changes, newest first, and how many there are in all."""
    total = session.exec(select(func.count()).select_from(ConfigRevision)).one()
    query = select(ConfigRevision).order_by(col(ConfigRevision.version).desc()).limit(limit).offset(offset)
    return session.exec(query).all(), total


def add(session: Session, revision: ConfigRevision) -> None:
    """Store a change."""
    session.add(revision)
    session.flush()


def known_stations(session: Session, station_ids: Iterable[str]) -> set[str]:
    """Those of the stations that exist."""
    return set(session.exec(select(Station.id).where(col(Station.id).in_(list(station_ids)))))
