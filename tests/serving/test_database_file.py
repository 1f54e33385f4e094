"""Whether the database lies where it was opened: nothing is written or read beside it."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from serving.database import Database, create_engine
from serving.errors import StorageUnavailable
from serving.writer import FILE_OPTION


def insert(session: Session) -> None:
    session.connection().execute(text("INSERT INTO parts VALUES (1)"))


def count(database: Database) -> int:
    with database.read() as session:
        return int(session.connection().execute(text("SELECT count(*) FROM parts")).scalar_one())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "parts.db"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    """One that was made by the same engine, as a first start does."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE parts (number INTEGER)"))
    database = Database(engine, queue_size=8)
    database.write(insert).result(timeout=30)
    yield database
    database.close()


@pytest.mark.parametrize("name", ["parts.db", "parts.db-wal"])
def test_nothing_is_written_or_read_when_a_file_is_gone(database: Database, file: Path, name: str) -> None:
    away = file.with_name("away")
    file.with_name(name).rename(away)
    with pytest.raises(StorageUnavailable, match="removed or replaced"):
        database.write(insert).result(timeout=30)
    with pytest.raises(StorageUnavailable, match="removed or replaced"):
        count(database)
    assert not file.with_name(name).exists()
    away.rename(file.with_name(name))
    before = count(database)
    database.write(insert).result(timeout=30)
    assert count(database) == before + 1


def test_nothing_is_written_or_read_when_another_file_is_in_its_place(database: Database, file: Path) -> None:
    shutil.copyfile(file, file.with_name("copy"))
    file.with_name("copy").replace(file)
    with pytest.raises(StorageUnavailable, match="removed or replaced"):
        database.write(insert).result(timeout=30)
    with pytest.raises(StorageUnavailable, match="removed or replaced"):
        count(database)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can say what this process has open")
def test_work_goes_on_when_the_file_system_numbers_the_file_anew(database: Database) -> None:
    """As some of user space do; the file is still the one that the connections have open."""
    file = database.engine.get_execution_options()[FILE_OPTION]
    file._opened = file._opened._replace(file=(1, 2))
    database.write(insert).result(timeout=30)
    assert count(database) == 2


def test_other_files_are_fine_when_every_connection_was_closed(database: Database, file: Path) -> None:
    database.close()
    assert not file.with_name("parts.db-wal").exists()  # it goes with the last connection
    again = Database(database.engine, queue_size=8)
    again.write(insert).result(timeout=30)
    assert count(again) == 2
    again.close()
