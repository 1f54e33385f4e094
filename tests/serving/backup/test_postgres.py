"""The same on PostgreSQL, by its own programs."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from models.bundle import Bundle
from serving.backup.making import make_backup
from serving.backup.restoring import restore_backup
from serving.clock import utc_now
from serving.database import create_engine, open_database
from serving.errors import InvalidRequest, NotInstalled
from serving.schema import upgrade
from serving.settings import Settings
from tests.serving.conftest import settings_on
from tests.serving.past import Part, Past
from tests.serving.postgres import is_installed, postgres


def _on(url: str, folder: Path) -> Settings:
    return settings_on(folder).model_copy(update={"database_url": url})


@pytest.mark.skipif(not is_installed() or shutil.which("pg_dump") is None, reason="PostgreSQL is not installed")
def test_rows_come_back_when_the_database_is_postgres(tmp_path: Path, tiny_bundle: Bundle) -> None:
    with postgres() as url:
        for name in ("one", "two"):
            maker = create_engine(url).execution_options(isolation_level="AUTOCOMMIT")
            with maker.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            maker.dispose()
        base = url.rpartition("/")[0]
        old, new = _on(f"{base}/one", tmp_path / "old"), _on(f"{base}/two", tmp_path / "new")
        old.data_dir.mkdir()
        engine = create_engine(old.database_url)
        upgrade(engine)
        engine.dispose()
        database = open_database(old)
        Past(database).store(*(Part(utc_now(), "pass", "line-1") for _ in range(3)))
        database.close()
        archive = tmp_path / "archive"
        made = make_backup(old, archive)
        assert len(made.missing_pictures) == 1  # that past has one path for all, and no picture
        restored = restore_backup(new, archive, replace=False)
        assert restored.audit_problems == ()
        engine = create_engine(new.database_url)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM inspections")).scalar_one() == 3
        engine.dispose()
        with pytest.raises(InvalidRequest, match="not empty"):
            restore_backup(_on(new.database_url, tmp_path / "third"), archive, replace=False)


def test_missing_program_is_named_when_the_database_is_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "var").mkdir()
    with pytest.raises(NotInstalled, match="`pg_dump` is needed"):
        make_backup(_on("postgresql://ussop@127.0.0.1:1/none", tmp_path / "var"), tmp_path / "archive")
