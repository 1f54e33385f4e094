"""The database: one engine, many readers, one writer."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy import create_engine as sqlalchemy_create_engine
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlmodel import Session

from serving.audit.chain import AFTER_COMMIT, SESSION_KEY, AuditChain
from serving.database_file import DatabaseFile
from serving.errors import ConfigurationError, ServingError
from serving.settings import Settings
from serving.writer import FILE_OPTION, Writer, as_storage_error, joined_session

T = TypeVar("T")
_log = structlog.get_logger(__name__)
BUSY_TIMEOUT_MS = 5000


def create_engine(url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Engine:
    """An engine for SQLite (write-ahead log, every commit on disk) or PostgreSQL (through psycopg).

    Args:
        url: SQLAlchemy URL; a plain `postgresql://` is served by psycopg 3.
        busy_timeout_ms: How long a connection to SQLite waits for a lock that another process holds.

    Raises:
        ConfigurationError: The URL cannot be read or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = sqlalchemy_create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except ArgumentError as error:
        raise ConfigurationError("DATABASE_URL cannot be read") from error
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"DATABASE_URL needs the package {error.name}, which is not installed") from error
    if parsed.get_backend_name() == "sqlite":
        _watch_sqlite(engine, DatabaseFile(Path(parsed.database or ":memory:")), busy_timeout_ms)
    return engine


class Database:
    """What the services get: `read` beside `write`."""

    def __init__(self, engine: Engine, *, queue_size: int, audit: AuditChain | None = None) -> None:
        """Takes the engine and starts the writer.

        Args:
            engine: Of `create_engine`.
            queue_size: Write jobs that may wait.
            audit: What `serving.audit.record` needs; without it no privileged act can be written.
        """
        self.engine = engine
        self._audit = audit
        self._writer = Writer(engine, queue_size)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state; nothing done in it is kept.

        Raises:
            StorageUnavailable: The database cannot be read.
        """
        try:
            with Session(self.engine, expire_on_commit=False) as session:
                yield session
        except DBAPIError as error:
            raise as_storage_error(error) from error

    def write(self, work: Callable[[Session], T]) -> "Future[T]":
        """The future result of `work`, resolved once its changes are on disk; await it by `asyncio.wrap_future`.

        Jobs run one after another in one thread, each in its own savepoint: keep them short and free of waiting.

        Raises:
            StorageBusy: Too many jobs wait already.
            StorageUnavailable: The database is closed.
        """

        after_commit: list[Callable[[], None]] = []

        def in_session(connection: Connection) -> T:
            with joined_session(connection) as session:
                session.info.update({SESSION_KEY: self._audit, AFTER_COMMIT: after_commit})
                return work(session)

        written = self._writer.submit(in_session)
        written.add_done_callback(partial(_run_after_commit, after_commit))
        return written

    def write_rows(self, work: Callable[[Connection], T], *, at_once: bool = False) -> "Future[T]":
        """As `write`, for the path of every part: `work` gets the bare connection, without a unit of work above it.

        Args:
            work: The job.
            at_once: Whether this thread may do it where nobody else writes or waits; it blocks for the commit then.

        Raises:
            StorageBusy: Too many jobs wait already.
            StorageUnavailable: The database is closed.
        """
        return self._writer.submit(work, at_once=at_once)

    def tell_commits(self, listener: Callable[[], None] | None) -> None:
        """Let `listener` be called after each commit of this process, one at a time, from the thread that wrote.

        None ends that.
        """
        self._writer.on_commit = listener

    @property
    def writes_waiting(self) -> int:
        """Number of write jobs not yet begun."""
        return self._writer.waiting

    def close(self) -> None:
        """Finish the accepted writes and close every connection."""
        self._writer.close()
        self.engine.dispose()


def open_database(settings: Settings, *, queue_size: int | None = None) -> Database:
    """The database of the settings, with the chain of its audit log.

    Args:
        settings: Name the database and the key of the audit log.
        queue_size: Write jobs that may wait; `WRITER_QUEUE_SIZE` if left out.

    Raises:
        ConfigurationError: The URL or the key cannot be used.
    """
    engine = create_engine(settings.database_url)
    return Database(engine, queue_size=queue_size or settings.writer_queue_size, audit=AuditChain.open(settings))


def _run_after_commit(callbacks: list[Callable[[], None]], written: "Future[Any]") -> None:
    """Do what waits for the commit. It happens before an event loop that awaits the future hears of it."""
    if written.cancelled() or written.exception() is not None:
        return
    for callback in callbacks:
        try:
            callback()
        except (OSError, ServingError):  # what was written is written: the caller must hear that
            _log.exception("after_commit_failed")


def _watch_sqlite(engine: Engine, file: DatabaseFile, busy_timeout_ms: int) -> None:
    engine.update_execution_options(**{FILE_OPTION: file})
    # In place of a file that is gone, a new connection would make an empty one.
    event.listen(engine, "do_connect", lambda *_: file.require_in_place())
    event.listen(engine, "connect", partial(_prepare_sqlite, file, busy_timeout_ms))
    event.listen(engine, "close", lambda *_: file.note_closed())
    event.listen(engine, "begin", partial(_begin_sqlite, file))


def _prepare_sqlite(file: DatabaseFile, busy_timeout_ms: int, connection: sqlite3.Connection, _record: Any) -> None:
    # Transactions are begun by `_begin_sqlite`: the driver's own logic begins late and breaks savepoints.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL: each commit waits for the disk. NORMAL may lose acknowledged commits when the power fails.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
    file.note_opened()


def _begin_sqlite(file: DatabaseFile, connection: Connection) -> None:
    # The writer takes the lock at once: upgrading a read transaction later fails without waiting.
    begin = connection.get_execution_options().get("sqlite_begin")
    if begin is None:
        file.require_in_place()  # the writer looks after its commit, which is what counts
    connection.exec_driver_sql(begin or "BEGIN")
