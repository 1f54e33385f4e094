"""On PostgreSQL a number is handed out before its commit: none may be passed over, whoever commits last."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from serving.clock import utc_now
from serving.database import Database, create_engine
from serving.events import repository
from serving.events.frontier import Frontier
from serving.schema import upgrade
from serving.tables import OutboxEvent
from tests.serving.postgres import is_installed, postgres

DEADLINE_S = 20.0
pytestmark = pytest.mark.skipif(not is_installed(), reason="PostgreSQL is not installed on this machine")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres() as url:
        engine = create_engine(url)
        upgrade(engine)
        engine.dispose()
        yield url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Connections of another process."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE events RESTART IDENTITY"))
    yield engine
    engine.dispose()


@pytest.fixture
def database(url: str, engine: Engine) -> Iterator[Database]:
    database = Database(create_engine(url), queue_size=8)
    yield database
    database.close()


def write(connection: Connection, kind: str = "station") -> int:
    """The number of an event that is not committed yet."""
    columns = OutboxEvent.metadata.tables["events"]
    values = {"type": kind, "created_at": utc_now(), "data": {}}
    return int(connection.execute(columns.insert().values(values).returning(columns.c.seq)).scalar_one())


@contextmanager
def writer(engine: Engine) -> Iterator[Connection]:
    """A transaction of its own, rolled back unless it was committed."""
    with engine.connect() as connection:
        yield connection


def settled(frontier: Frontier) -> int:
    """Where the frontier comes to, given the time for the steps that it takes."""
    for _ in range(4):
        frontier.advance()
    assert frontier.position is not None
    return frontier.position


def begun(database: Database, patience_s: float = 30.0) -> Frontier:
    """A frontier that has found its place."""
    frontier = Frontier(database, patience_s=patience_s)
    settled(frontier)
    return frontier


def test_later_number_waits_when_an_earlier_one_is_not_committed(database: Database, engine: Engine) -> None:
    frontier = begun(database)
    with writer(engine) as early, writer(engine) as late:
        assert (write(early), write(late)) == (1, 2)
        late.commit()
        assert settled(frontier) == 0
        assert frontier.is_waiting
        early.commit()
        assert settled(frontier) == 2
        assert not frontier.is_waiting


def test_others_do_not_wait_for_a_number_that_comes_after_them(database: Database, engine: Engine) -> None:
    frontier = begun(database)
    with writer(engine) as first, writer(engine) as second:
        write(first)
        first.commit()
        write(second)
        assert settled(frontier) == 1
        second.commit()
        assert settled(frontier) == 2


def test_number_is_passed_over_when_it_was_rolled_back(database: Database, engine: Engine) -> None:
    frontier = begun(database)
    with writer(engine) as undone, writer(engine) as kept:
        write(undone)
        write(kept)
        kept.commit()
        assert settled(frontier) == 0
        undone.rollback()
        assert settled(frontier) == 2
    with database.read() as session:
        assert repository.numbers_after(session, 0, 10) == [2]


def test_gap_ends_when_only_those_who_came_later_are_left(database: Database, engine: Engine) -> None:
    frontier = begun(database)
    with writer(engine) as early, writer(engine) as late, writer(engine) as newcomer:
        write(early)
        write(late)
        late.commit()
        assert settled(frontier) == 0
        assert write(newcomer) == 3  # it holds the lock too, and cannot hold a missing number
        early.commit()
        assert settled(frontier) == 2
        newcomer.commit()
        assert settled(frontier) == 3


def test_place_is_not_found_before_open_writers_have_ended_when_starting(database: Database, engine: Engine) -> None:
    with writer(engine) as early, writer(engine) as late:
        write(early)
        write(late)
        late.commit()
        frontier = Frontier(database)
        for _ in range(4):
            assert frontier.advance() is None
        early.commit()
        assert settled(frontier) == 2


def test_writer_is_ended_when_it_hangs(database: Database, engine: Engine) -> None:
    frontier = begun(database, patience_s=0.0)
    with writer(engine) as hanging, writer(engine) as kept:
        write(hanging)
        write(kept)
        kept.commit()
        give_up_at = time.monotonic() + DEADLINE_S
        while settled(frontier) < 2:
            assert time.monotonic() < give_up_at
        with pytest.raises(DBAPIError):
            hanging.execute(text("SELECT 1"))
    with database.read() as session:
        assert repository.numbers_after(session, 0, 10) == [2]


def test_every_number_is_passed_in_order_when_many_write_at_once(database: Database, engine: Engine) -> None:
    frontier = begun(database)
    chance = random.Random(4)  # noqa: S311 - a test's dice
    plans = [[(chance.random() * 0.01, chance.random() < 0.2) for _ in range(40)] for _ in range(6)]
    committed: set[int] = set()
    noted = threading.Lock()

    def work(plan: list[tuple[float, bool]]) -> None:
        waiting = threading.Event()
        with engine.connect() as connection:
            for pause_s, is_undone in plan:
                seq = write(connection)
                waiting.wait(pause_s)
                if is_undone:
                    connection.rollback()
                    continue
                with noted:
                    committed.add(seq)
                connection.commit()

    threads = [threading.Thread(target=work, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    heard: list[int] = []
    position, give_up_at = 0, time.monotonic() + DEADLINE_S
    while any(thread.is_alive() for thread in threads) or position < max(committed, default=0):
        assert time.monotonic() < give_up_at
        moved_to = frontier.advance() or 0
        with database.read() as session:
            heard += [seq for seq in repository.numbers_after(session, position, 1000) if seq <= moved_to]
        position = moved_to
    assert heard == sorted(committed)
