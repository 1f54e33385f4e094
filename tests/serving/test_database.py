"""The writer: what it promises is on disk, and one bad job harms no other."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from serving.database import Database, create_engine
from serving.errors import ConfigurationError, StorageBusy, StorageUnavailable

_DEADLINE_S = 20.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE parts (name TEXT PRIMARY KEY)")
        connection.execute("CREATE TABLE marks (part TEXT NOT NULL REFERENCES parts (name))")
    return path


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(create_engine(f"sqlite:///{path}", busy_timeout_ms=50), queue_size=4)
    yield database
    database.close()


def _insert(session: Session, name: str) -> str:
    session.execute(text("INSERT INTO parts VALUES (:name)"), {"name": name})
    return name


def _stored(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM parts ORDER BY name")]


class _Pause:
    """A job that holds the writer until it is let go."""

    def __init__(self, database: Database) -> None:
        self.let_go = threading.Event()
        begun = threading.Event()

        def hold(_session: Session) -> None:
            begun.set()
            assert self.let_go.wait(_DEADLINE_S)

        self.done = database.write(hold)
        assert begun.wait(_DEADLINE_S)


def test_row_is_seen_by_others_when_the_future_is_done(database: Database, path: Path) -> None:
    for number in range(50):
        name = database.write(lambda session, n=number: _insert(session, f"{n:02}")).result(_DEADLINE_S)  # type: ignore[misc]
        assert _stored(path)[-1] == name


def test_only_the_bad_job_fails_when_a_group_is_committed(database: Database, path: Path) -> None:
    pause = _Pause(database)
    good = database.write(lambda session: _insert(session, "good"))
    twice = database.write(lambda session: (_insert(session, "half"), _insert(session, "good")))
    late = database.write(lambda session: _insert(session, "late"))
    pause.let_go.set()
    assert good.result(_DEADLINE_S) == "good"
    assert late.result(_DEADLINE_S) == "late"
    with pytest.raises(IntegrityError):
        twice.result(_DEADLINE_S)
    assert _stored(path) == ["good", "late"]


def test_error_of_our_own_arrives_unchanged_when_a_job_raises(database: Database, path: Path) -> None:
    def refuse(session: Session) -> None:
        _insert(session, "no")
        raise LookupError("no such part")

    with pytest.raises(LookupError, match="no such part"):
        database.write(refuse).result(_DEADLINE_S)
    assert _stored(path) == []


def test_foreign_keys_hold_when_a_row_points_nowhere(database: Database) -> None:
    job = database.write(lambda session: session.execute(text("INSERT INTO marks VALUES ('nobody')")).close())
    with pytest.raises(IntegrityError):
        job.result(_DEADLINE_S)


def test_writer_says_busy_when_the_queue_is_full(database: Database, path: Path) -> None:
    pause = _Pause(database)
    waiting = [database.write(lambda session, n=n: _insert(session, str(n))) for n in range(4)]  # type: ignore[misc]
    assert database.writes_waiting == 4
    with pytest.raises(StorageBusy) as caught:
        database.write(lambda session: _insert(session, "too much"))
    assert caught.value.retry_after_s is not None
    pause.let_go.set()
    assert [job.result(_DEADLINE_S) for job in waiting] == ["0", "1", "2", "3"]
    assert _stored(path) == ["0", "1", "2", "3"]


def test_job_is_not_run_when_its_caller_gave_up(database: Database, path: Path) -> None:
    pause = _Pause(database)
    unwanted = database.write(lambda session: _insert(session, "unwanted"))
    assert unwanted.cancel()
    pause.let_go.set()
    database.write(lambda session: _insert(session, "wanted")).result(_DEADLINE_S)
    assert _stored(path) == ["wanted"]


def test_writer_recovers_when_another_process_held_the_lock(database: Database, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable):
            database.write(lambda session: _insert(session, "a")).result(_DEADLINE_S)
        other.execute("ROLLBACK")
    assert database.write(lambda session: _insert(session, "b")).result(_DEADLINE_S) == "b"
    assert _stored(path) == ["b"]


def test_nothing_is_acknowledged_when_the_disk_is_full(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA max_page_count=8").close())
    database = Database(engine, queue_size=200)
    pause = _Pause(database)
    jobs = [
        database.write(lambda session, n=n: _insert(session, f"{n:04}" + "x" * 400))  # type: ignore[misc]
        for n in range(150)
    ]
    pause.let_go.set()
    acknowledged = []
    for job in jobs:
        error = job.exception(_DEADLINE_S)
        if error is None:
            acknowledged.append(job.result())
        else:
            assert isinstance(error, StorageUnavailable)
    assert len(acknowledged) < len(jobs)
    assert set(acknowledged) <= set(_stored(path))
    # Smaller things may still fit, and the writer is alive to try.
    database.write(lambda session: session.execute(text("DELETE FROM parts")).close()).result(_DEADLINE_S)
    database.close()


def test_accepted_jobs_are_done_when_the_database_closes(path: Path) -> None:
    database = Database(create_engine(f"sqlite:///{path}"), queue_size=100)
    jobs = [database.write(lambda session, n=n: _insert(session, f"{n:02}")) for n in range(90)]  # type: ignore[misc]
    database.close()
    assert all(job.done() for job in jobs)
    assert len(_stored(path)) == 90
    with pytest.raises(StorageUnavailable):
        database.write(lambda session: _insert(session, "after"))


def _insert_row(connection: Connection, name: str) -> int:
    connection.execute(text("INSERT INTO parts VALUES (:name)"), {"name": name})
    return threading.get_ident()


def test_rows_are_on_disk_by_ones_own_hand_when_nobody_else_writes(database: Database, path: Path) -> None:
    told: list[int] = []
    database.tell_commits(lambda: told.append(threading.get_ident()))
    done = database.write_rows(lambda connection: _insert_row(connection, "a"), at_once=True)
    assert done.done()
    assert [done.result(), *told] == [threading.get_ident()] * 2
    assert _stored(path) == ["a"]
    with pytest.raises(IntegrityError):
        database.write_rows(lambda connection: _insert_row(connection, "a"), at_once=True).result()


def test_rows_are_left_to_the_writer_when_it_is_at_work(database: Database, path: Path) -> None:
    pause = _Pause(database)
    done = database.write_rows(lambda connection: _insert_row(connection, "a"), at_once=True)
    assert not done.done()
    pause.let_go.set()
    assert done.result(_DEADLINE_S) != threading.get_ident()
    assert _stored(path) == ["a"]


def test_writers_by_their_own_hand_lose_nothing_when_they_come_at_once(path: Path) -> None:
    database = Database(create_engine(f"sqlite:///{path}"), queue_size=400)

    def write(start: int) -> None:
        for number in range(start, 100, 4):
            job = partial(_insert_row, name=f"{number:02}")
            database.write_rows(job, at_once=number % 3 > 0).result(_DEADLINE_S)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    database.close()
    assert _stored(path) == [f"{number:02}" for number in range(100)]


def test_closing_waits_when_somebody_writes_by_their_own_hand(database: Database, path: Path) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        begun.set()
        assert let_go.wait(_DEADLINE_S)
        _insert_row(connection, "a")

    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(database.write_rows, hold, at_once=True)
        assert begun.wait(_DEADLINE_S)
        closing_it = pool.submit(database.close)
        with pytest.raises(TimeoutError):
            closing_it.result(0.2)
        let_go.set()
        closing_it.result(_DEADLINE_S)
        writing.result(_DEADLINE_S)
    assert _stored(path) == ["a"]


def test_reader_keeps_its_view_when_a_write_comes_between(database: Database) -> None:
    count = text("SELECT count(*) FROM parts")
    with database.read() as session:
        assert session.execute(count).scalar_one() == 0
        database.write(lambda session: _insert(session, "new")).result(_DEADLINE_S)
        assert session.execute(count).scalar_one() == 0
    with database.read() as session:
        assert session.execute(count).scalar_one() == 1


def test_reading_is_a_storage_fault_when_the_table_is_gone(database: Database) -> None:
    with pytest.raises(StorageUnavailable), database.read() as session:
        session.execute(text("SELECT * FROM nowhere"))


def test_commits_wait_for_the_disk_when_connected(database: Database) -> None:
    with database.read() as session:
        assert session.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
        assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


@pytest.mark.parametrize("url", ["sqlite", "postgresql+pg_none://host/db", "postgresql+asyncmy://host/db", "://"])
def test_url_is_refused_when_it_cannot_be_used(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        create_engine(url)
