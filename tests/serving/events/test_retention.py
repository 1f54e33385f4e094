"""What is kept, and that it is forgotten in small steps."""

from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from serving.clock import utc_now
from serving.database import Database
from serving.events.outbox import publish
from serving.events.retention import STEP_ROWS, EventRetention
from serving.storage.clock_watch import ClockWatch
from serving.tables import OutboxEvent

NOW = utc_now()


def happened(database: Database, ages_h: list[float]) -> None:
    """Store events of these ages, the first one first."""

    def write(session: Session) -> None:
        for age_h in ages_h:
            publish(session, "station", {}, NOW - timedelta(hours=age_h))
            session.flush()

    database.write(write).result(30)


def kept(database: Database) -> list[int]:
    """The numbers that are left."""
    with database.read() as session:
        return [seq for seq in session.exec(select(OutboxEvent.seq).order_by(col(OutboxEvent.seq))) if seq]


def retention(database: Database, *, keep_rows: int = 1_000_000, jump_h: float = 0) -> EventRetention:
    """That of a day, with a clock that may have jumped since the start."""
    watch = ClockWatch(lambda: NOW - timedelta(hours=jump_h))
    return EventRetention(database, lambda: NOW, watch, keep_days=1, keep_rows=keep_rows)


async def test_only_older_ones_go_when_the_window_has_moved(database: Database) -> None:
    happened(database, [50, 30, 25, 23, 1, 0])
    await retention(database).sweep()
    assert kept(database) == [4, 5, 6]


async def test_newest_stays_when_all_are_old(database: Database) -> None:
    happened(database, [90, 80, 70])
    await retention(database).sweep()
    assert kept(database) == [3]


async def test_oldest_go_when_there_are_too_many(database: Database) -> None:
    happened(database, [3, 2, 1, 0])
    await retention(database, keep_rows=2).sweep()
    assert kept(database) == [3, 4]


async def test_nothing_is_old_when_the_clock_was_set_forward(database: Database) -> None:
    happened(database, [50, 30, 0])
    await retention(database, jump_h=24 * 30).sweep()
    assert kept(database) == [1, 2, 3]


@pytest.mark.parametrize("count", [2 * STEP_ROWS + 100])
async def test_steps_are_small_when_much_is_old(database: Database, count: int) -> None:
    happened(database, [48.0] * count + [0])
    pauses_s = [await retention(database).sweep() for _ in range(3)]
    assert pauses_s[0] < 1
    assert pauses_s[2] > 10
    assert kept(database) == [count + 1]
