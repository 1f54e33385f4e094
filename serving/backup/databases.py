"""A consistent copy of a database in use, and the way back."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from serving.backup import repository
from serving.database import create_engine
from serving.errors import ConfigurationError, InvalidRequest, NotInstalled, StorageUnavailable

_BUSY_S: Final = 30.0
SQLITE_HEAD: Final = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class DatabaseCopy:
    """A copy of the platform's database.

    Attributes:
        file: The copy.
        revision: Of its tables.
        pictures: Paths of the pictures that its rows need.
    """

    file: Path
    revision: str
    pictures: frozenset[str]


def kind_of(url: str) -> str:
    """`sqlite` or `postgresql`.

    Raises:
        ConfigurationError: The URL cannot be read.
    """
    return _parsed(url).get_backend_name()


def sqlite_file(url: str) -> Path:
    """Where a SQLite database lies.

    Raises:
        ConfigurationError: Nowhere: it lives in memory.
    """
    name = _parsed(url).database
    if not name or name == ":memory:":
        raise ConfigurationError("DATABASE_URL names no file")
    return Path(name).absolute()


def copy_database(url: str, target: Path) -> DatabaseCopy:
    """The copy, of one moment; who writes meanwhile does not wait for it.

    Raises:
        StorageUnavailable: It cannot be read, or the copy cannot be written.
        NotInstalled: PostgreSQL's own program for it is not here.
    """
    if kind_of(url) == "sqlite":
        copy_sqlite(sqlite_file(url), target)
        with _connected(f"sqlite:///{target}") as connection:
            return _described(connection, target)
    with _connected(url) as connection:
        # The dump and our own questions see the same moment.
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        copy = _described(connection, target)
        _run_postgres("pg_dump", url, "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={target}")
    return copy


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database that others may be writing to, as it is at one moment, and look it over.

    Raises:
        StorageUnavailable: It cannot be read or is damaged, or the copy cannot be written.
    """
    address = f"{source.absolute().as_uri()}?mode=rw"
    try:
        with (
            closing(sqlite3.connect(address, uri=True, timeout=_BUSY_S)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)  # in one step: in bits it would begin anew with each write of others
            copy.execute("PRAGMA journal_mode=DELETE").fetchone()  # one file, nothing beside it
            (found,) = copy.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise StorageUnavailable(f"{source} cannot be copied: {error}") from error
    if found != "ok":
        raise StorageUnavailable(f"{source} is damaged: {found}")


def require_sound_sqlite(file: Path) -> None:
    """See that a file is a sound database of SQLite.

    Raises:
        InvalidRequest: It is not.
    """
    try:
        with closing(sqlite3.connect(file)) as connection:
            (found,) = connection.execute("PRAGMA quick_check").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise InvalidRequest(f"the backup's database cannot be read: {error}") from error
    if not tables:  # SQLite takes a file of a few bytes for an empty database
        raise InvalidRequest("the backup's database cannot be read: it is empty")
    if found != "ok":
        raise InvalidRequest(f"the backup's database is damaged: {found}")


def restore_postgres(url: str, dump: Path) -> None:
    """Fill an empty PostgreSQL database, wholly or not at all.

    Raises:
        NotInstalled: PostgreSQL's own program for it is not here.
        StorageUnavailable: It cannot be written.
    """
    _run_postgres("pg_restore", url, "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", dump)


def require_empty_postgres(url: str) -> None:
    """See that a PostgreSQL database holds no table.

    Raises:
        InvalidRequest: It does.
        StorageUnavailable: It does not answer.
    """
    with _connected(url) as connection:
        if inspect(connection).get_table_names():
            raise InvalidRequest("the database of DATABASE_URL is not empty: restore into a new one")


def require_postgres_program(name: str) -> str:
    """The path of one of PostgreSQL's programs.

    Raises:
        NotInstalled: It is not here.
    """
    path = shutil.which(name)
    if path is None:
        raise NotInstalled(f"with PostgreSQL, `{name}` is needed (Debian: apt-get install postgresql-client)")
    return path


def _run_postgres(name: str, url: str, *arguments: str | Path) -> None:
    program = require_postgres_program(name)
    parsed = _parsed(url)
    given = {
        "PGHOST": parsed.host,
        "PGPORT": str(parsed.port) if parsed.port else None,
        "PGUSER": parsed.username,
        "PGPASSWORD": parsed.password,  # never as an argument, which every account of the machine can read
        "PGDATABASE": parsed.database,
        "PGSSLMODE": parsed.query.get("sslmode"),
    }
    environment = {**os.environ, **{key: str(value) for key, value in given.items() if value}}
    into = [f"--dbname={parsed.database or 'postgres'}"] if name == "pg_restore" else []
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL with arguments of our own
        [program, *into, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StorageUnavailable(f"{name} failed: {done.stderr.strip()[-500:]}")


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise StorageUnavailable(f"the database cannot be read: {error}") from error
    finally:
        engine.dispose()


def _described(connection: Connection, file: Path) -> DatabaseCopy:
    return DatabaseCopy(file, repository.revision(connection), frozenset(repository.stored_pictures(connection)))


def _parsed(url: str) -> URL:
    return make_url(url)
