"""The bound on stations, the audit of changes, and the book that remembers rules."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlmodel import Session, select

from serving.audit.actor import Actor
from serving.audit.service import to_out
from serving.database import Database
from serving.errors import InvalidRequest
from serving.stations import service
from serving.stations.book import StationBook
from serving.stations.schemas import StationUpdate
from serving.tables import AuditEntry

JO = Actor("user", "u1", "jo")
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def configure(database: Database, mm_per_px: float) -> None:
    update = StationUpdate(mm_per_px=mm_per_px)
    database.write(partial(_configure, update=update)).result(timeout=10)


def _configure(session: Session, update: StationUpdate) -> None:
    service.configure(session, "s", update, by=JO, now=NOW)


def test_no_station_is_made_when_there_are_as_many_as_allowed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_STATIONS", 2)

    def make(session: Session, station_id: str) -> None:
        service.ensure_exists(session, station_id, NOW)

    for station_id in ("a", "b", "a"):
        database.write(partial(make, station_id=station_id)).result(timeout=10)
    with pytest.raises(InvalidRequest):
        database.write(partial(make, station_id="c")).result(timeout=10)


def test_change_is_told_with_before_and_after_when_configured(database: Database) -> None:
    configure(database, 0.1)
    configure(database, 0.2)
    with database.read() as session:
        entries = [to_out(row) for row in session.exec(select(AuditEntry)).all()]
    changes = [(e.actor.id, e.before["mm_per_px"], e.after["mm_per_px"]) for e in entries]
    assert changes == [("u1", None, 0.1), ("u1", 0.1, 0.2)]


def test_book_follows_a_change_when_told_to_forget(database: Database) -> None:
    async def scenario() -> list[float | None]:
        book = StationBook(database)
        seen = [(await book.rules_of("s")).recipe.mm_per_px]
        configure(database, 0.1)
        seen.append((await book.rules_of("s")).recipe.mm_per_px)
        configure(database, 0.2)
        seen.append((await book.rules_of("s")).recipe.mm_per_px)  # not told yet: as remembered
        book.forget("s")
        seen.append((await book.rules_of("s")).recipe.mm_per_px)
        return seen

    assert asyncio.run(scenario()) == [None, 0.1, 0.1, 0.2]


def test_book_keeps_nothing_when_the_rules_changed_while_it_read(database: Database) -> None:
    configure(database, 0.1)

    async def scenario() -> float | None:
        book = StationBook(database)
        reading = asyncio.create_task(book.rules_of("s"))
        await asyncio.sleep(0)  # one turn of the loop: the read has begun
        book.forget("s")
        await reading
        configure(database, 0.2)
        return (await book.rules_of("s")).recipe.mm_per_px

    assert asyncio.run(scenario()) == 0.2
