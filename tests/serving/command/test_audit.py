"""`ussop audit` on a database of its own."""

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.command.audit import app
from serving.database import Database
from serving.errors import ConfigurationError, Conflict
from serving.settings import Settings

_JO = Actor("user", "7", "jo")


@pytest.fixture(autouse=True)
def _installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings, database: Database) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(settings.data_dir))
    _act(database, 4)


def _act(database: Database, times: int) -> None:
    for _ in range(times):
        database.write(partial(record, actor=_JO, action="station.configured", subject="x")).result(timeout=20)
    database.write(lambda _session: None).result(timeout=20)


def _run(command: str) -> str:
    return CliRunner().invoke(app, [command], catch_exceptions=False).output


def _tamper(database: Database, statement: str) -> None:
    database.write(lambda session: session.execute(text(statement)).close()).result(timeout=20)


def test_log_is_said_to_hold_when_it_does(database: Database) -> None:
    assert "holds: 4 entries" in _run("verify")


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("UPDATE audit_log SET actor_name = 'al' WHERE seq = 2", 2),
        ("DELETE FROM audit_log WHERE seq = 3", 3),
        ("DELETE FROM audit_log WHERE seq = 4", 4),
    ],
)
def test_first_bad_entry_is_named_when_the_log_does_not_hold(database: Database, statement: str, entry: int) -> None:
    _tamper(database, statement)
    with pytest.raises(Conflict, match=f"from entry {entry} on"):
        _run("verify")


def test_log_is_taken_as_it_is_when_accepted_after_a_restore(database: Database) -> None:
    _tamper(database, "DELETE FROM audit_log WHERE seq > 2")
    assert "2 entries accepted" in _run("accept")
    assert "holds: 3 entries" in _run("verify")  # the acceptance is one of them
    _act(database, 1)
    assert "holds: 4 entries" in _run("verify")


def test_nothing_is_accepted_when_an_entry_was_edited(database: Database) -> None:
    _tamper(database, "UPDATE audit_log SET actor_name = 'al' WHERE seq = 2")
    with pytest.raises(Conflict, match="do not hold"):
        _run("accept")


def test_no_key_is_made_when_there_is_none(settings: Settings) -> None:
    settings.audit_key_file.unlink()
    with pytest.raises(ConfigurationError, match="no key"):
        _run("verify")
    assert not settings.audit_key_file.exists()
