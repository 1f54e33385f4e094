"""The database: one engine, many readers, one writer."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy import create_engine as sqlalchemy_create_engine
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlmodel import Session

from serving.errors import ConfigurationError
from serving.writer import Writer, as_storage_error

T = TypeVar("T")
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
        event.listen(engine, "connect", partial(_prepare_sqlite, busy_timeout_ms))
        event.listen(engine, "begin", _begin_sqlite)
    return engine


class Database:
    """What the services get: `read` beside `write`."""

    def __init__(self, engine: Engine, *, queue_size: int) -> None:
        self.engine = engine
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
        return self._writer.submit(work)

    @property
    def writes_waiting(self) -> int:
        """Number of write jobs not yet begun."""
        return self._writer.waiting

    def close(self) -> None:
        """Finish the accepted writes and close every connection."""
        self._writer.close()
        self.engine.dispose()


def _prepare_sqlite(busy_timeout_ms: int, connection: sqlite3.Connection, _record: Any) -> None:
    # Transactions are begun by `_begin_sqlite`: the driver's own logic begins late and breaks savepoints.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL: each commit waits for the disk. NORMAL may lose acknowledged commits when the power fails.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # The writer takes the lock at once: upgrading a read transaction later fails without waiting.
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))
