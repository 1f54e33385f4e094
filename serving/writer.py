"""Who writes to the database, one at a time: bounded queue, group commit, a savepoint per job.

SQLite has one write lock; threads that fight for it back off for up to a second each (measured: 4 threads write
slower than one, with 1.1 s at worst). One writer that commits what has gathered meanwhile is faster and even. Where
nobody else writes, a thread that has just made its rows may write them itself: waking the writer costs as much as half
of the transaction.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlmodel import Session

from serving.database_file import DatabaseFile
from serving.errors import InvalidRequest, StorageBusy, StorageUnavailable

T = TypeVar("T")
GROUP_SIZE = 64
FILE_OPTION = "database_file"  # of an engine for SQLite: its `DatabaseFile`
_log = structlog.get_logger(__name__)


class _Job(NamedTuple, Generic[T]):
    work: Callable[[Connection], T]
    future: "Future[T]"


class Writer:
    """Runs jobs one after another, up to 64 in one transaction; a future resolves only after the COMMIT."""

    def __init__(self, engine: Engine, queue_size: int) -> None:
        self._engine = engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        # SQLite: taking a connection from the pool for each transaction costs a quarter of it. On PostgreSQL the pool
        # finds out beforehand whether the server is still there.
        self._file: DatabaseFile | None = engine.get_execution_options().get(FILE_OPTION)
        self._kept: Connection | None = None  # belongs to whoever has the turn
        self._queue: queue.Queue[_Job[Any] | None] = queue.Queue(maxsize=queue_size)
        self._gate = threading.Lock()
        self._turn = threading.Lock()  # whoever holds it writes
        self._is_next = False  # the writer's thread has a job and waits for its turn: nobody goes before it
        self._closed = False
        self.on_commit: Callable[[], None] | None = None  # called after each COMMIT, in the thread that wrote
        self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T], *, at_once: bool = False) -> "Future[T]":
        """The future result of a job. Its changes are committed for it; return values, not rows still attached.

        Args:
            work: The job.
            at_once: Whether this thread may do it where nobody else writes or waits; it blocks for the commit then.

        Raises:
            StorageBusy: The queue is full.
            StorageUnavailable: The writer was closed.
        """
        job = _Job(work, Future())
        with self._gate:
            if self._closed:
                raise StorageUnavailable("the database is closed")
            is_free = self._queue.empty() and not self._is_next
            is_own_turn = at_once and is_free and self._turn.acquire(blocking=False)
            if not is_own_turn:
                try:
                    self._queue.put_nowait(job)
                except queue.Full:
                    raise StorageBusy from None
        if is_own_turn:
            try:
                job.future.set_running_or_notify_cancel()
                self._commit_single(job)
            finally:
                self._turn.release()
        return job.future

    @property
    def waiting(self) -> int:
        """Number of jobs not yet begun."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish every accepted job, then end the thread; a job that its own thread does is waited for."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join()
        with self._turn:
            self._drop_connection()

    def _run(self) -> None:
        ended = False
        while not ended:
            first = self._queue.get()
            self._is_next = True
            with self._turn:
                self._is_next = False
                group, ended = self._gather(first)
                if group:
                    self._commit_group(group)

    def _gather(self, first: _Job[Any] | None) -> tuple[list[_Job[Any]], bool]:
        """Whatever waits from `first` on, at most 64 jobs; True when the end was reached."""
        group: list[_Job[Any]] = []
        item = first
        while item is not None:
            if item.future.set_running_or_notify_cancel():
                group.append(item)
            if len(group) >= GROUP_SIZE:
                return group, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit_group(self, group: list[_Job[Any]]) -> None:
        if len(group) == 1:
            self._commit_single(group[0])
            return
        outcomes: list[tuple[_Job[Any], Any, BaseException | None]] = []
        try:
            with self._transaction() as connection:
                outcomes.extend((job, *_run_in_savepoint(connection, job)) for job in group)
        except Exception as error:  # noqa: BLE001 - the loop's supervisor: no group may end the thread
            _log.exception("group_commit_failed", jobs=len(group))
            failure = as_storage_error(error)
            for job in group:
                job.future.set_exception(failure)
            return
        for job, value, job_error in outcomes:
            if job_error is None:
                job.future.set_result(value)
            else:
                job.future.set_exception(as_storage_error(job_error))
        self._tell()

    def _commit_single(self, job: _Job[Any]) -> None:
        # Nobody else's changes are at stake, so the transaction itself does what a savepoint would.
        try:
            with self._transaction() as connection:
                value = job.work(connection)
        except Exception as error:  # noqa: BLE001 - handed to the caller through the future
            failure = as_storage_error(error)
            if failure is not error:
                _log.exception("commit_failed")
            job.future.set_exception(failure)
        else:
            job.future.set_result(value)
            self._tell()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed after the block; rolled back if it raises."""
        if self._file is None:
            with self._engine.begin() as connection:
                yield connection
            return
        if self._kept is None:
            self._kept = self._engine.connect()
        try:
            with self._kept.begin():
                yield self._kept
            self._file.require_in_place()  # after the commit: a file that is gone takes commits too, and loses them
        except BaseException:
            self._drop_connection()  # nobody can say what state it is in
            raise

    def _drop_connection(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _tell(self) -> None:
        """After the futures: whoever asked for the write is served first."""
        tell = self.on_commit
        if tell is None:
            return
        try:
            tell()
        except Exception:  # noqa: BLE001 - the loop's supervisor: a listener that fails may not end the thread
            _log.exception("commit_listener_failed")


@contextmanager
def joined_session(connection: Connection) -> Iterator[Session]:
    """A session whose changes belong to the connection's transaction (or savepoint), and are in it after the block."""
    with Session(bind=connection, join_transaction_mode="rollback_only", expire_on_commit=False) as session:
        yield session
        session.commit()


def _run_in_savepoint(connection: Connection, job: _Job[T]) -> tuple[T | None, BaseException | None]:
    """The job's value, or its error after its own changes (and nobody else's) were rolled back."""
    savepoint = connection.begin_nested()
    try:
        value = job.work(connection)
        savepoint.commit()
    except Exception as error:  # noqa: BLE001 - handed to the caller through the future
        # May fail, and then must: SQLite ends the whole transaction by itself when the disk is full, savepoints and
        # all (Source: sqlite.org/lang_transaction.html, section 3), and the group with it.
        savepoint.rollback()
        return None, error
    return value, None


def as_storage_error(error: BaseException) -> BaseException:
    """`StorageUnavailable` for faults of the database itself; any other error unchanged.

    A value that the database cannot hold (PostgreSQL: a text with a NUL, a number beyond the column) is the fault of
    whoever sent it: `InvalidRequest`.
    """
    if isinstance(error, DataError):
        refusal = InvalidRequest("a value is not one that the database can hold")
        refusal.__cause__ = error
        return refusal
    if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError):
        failure = StorageUnavailable()
        failure.__cause__ = error
        return failure
    return error
