"""Whoever writes the database but lacks the key changes nothing unseen, on both databases."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlmodel import Session

from serving.audit import repository
from serving.audit.actor import Actor
from serving.audit.anchor import BEGINNING, Link
from serving.audit.chain import AuditChain
from serving.audit.record import record
from serving.audit.verify import verify
from serving.database import Database, create_engine, open_database
from serving.errors import ConfigurationError
from serving.schema import upgrade
from serving.settings import Settings
from tests.serving.postgres import is_installed, postgres

JO = Actor("user", "7", "jo", "10.0.0.7", "r-1")
DEADLINE_S = 30


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    if not is_installed():
        pytest.skip("PostgreSQL is not installed on this machine")
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def own_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    url = f"sqlite:///{tmp_path}/a.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    settings = Settings(_env_file=None, data_dir=tmp_path / "var", database_url=url)
    database = open_database(settings)
    upgrade(database.engine)
    yield settings
    database.write(lambda session: session.execute(text("DELETE FROM audit_log")).close()).result(DEADLINE_S)
    database.close()


@pytest.fixture
def log(own_settings: Settings) -> Iterator[Database]:
    """A log of five entries."""
    database = open_database(own_settings)
    for number in range(1, 6):
        act = partial(
            record,
            actor=JO,
            action="station.configured",
            subject=f"station/{number}",
            before={"mm_per_px": None},
            after={"mm_per_px": number / 10, "name": "Türe 3"},
        )
        assert database.write(act).result(DEADLINE_S) == number
    settle(database)
    yield database
    database.close()


def problems(database: Database, settings: Settings) -> list[str]:
    with database.read() as session:
        return [finding.problem for finding in verify(session, AuditChain.existing(settings)).findings]


def tamper(database: Database, *statements: str) -> None:
    """Change rows behind the platform's back."""

    def work(session: Session) -> None:
        for statement in statements:
            session.connection().exec_driver_sql(statement)

    database.write(work).result(DEADLINE_S)


def append(database: Database) -> int:
    seq = database.write(lambda s: record(s, JO, "station.configured", "station/x")).result(DEADLINE_S)
    settle(database)
    return seq


def settle(database: Database) -> None:
    """Wait until the writer has done what follows a commit: the next job begins after it."""
    database.write(lambda _session: None).result(DEADLINE_S)


def test_log_holds_when_nobody_touched_it(log: Database, own_settings: Settings) -> None:
    assert problems(log, own_settings) == []
    anchored = AuditChain.existing(own_settings).anchor.read()
    with log.read() as session:
        assert anchored == repository.last_link(session)
    for path in (own_settings.audit_key_file, own_settings.audit_anchor_file):
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        "actor_id = '8'",
        "actor_kind = 'platform'",
        "actor_name = 'al'",
        "address = NULL",
        "request_id = NULL",
        "action = 'station.seen'",
        "subject = 'station/4'",
        "before = NULL",
        """after = '{"mm_per_px":0.3,"name": "T"}'""",
        "at = '2020-01-01 00:00:00'",
        "mac = '00'",
    ],
)
def test_entry_is_named_when_any_value_of_it_was_edited(log: Database, own_settings: Settings, change: str) -> None:
    tamper(log, f"UPDATE audit_log SET {change} WHERE seq = 3")  # noqa: S608 - our own text
    assert problems(log, own_settings)[0].startswith("entry 3 was changed")


def test_entry_is_named_when_a_value_cannot_be_read(log: Database, own_settings: Settings) -> None:
    if log.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL takes no such value")
    tamper(log, "UPDATE audit_log SET at = 'yesterday' WHERE seq = 3")
    assert problems(log, own_settings)[0] == "entry 3 was changed: its values cannot be read"


@pytest.mark.parametrize(
    ("statements", "first_problem"),
    [
        (["DELETE FROM audit_log WHERE seq = 1"], "entry 1 is missing"),
        (["DELETE FROM audit_log WHERE seq IN (2, 3)"], "entries 2 to 3 are missing"),
        (
            ["DELETE FROM audit_log WHERE seq = 3", "UPDATE audit_log SET seq = seq - 1 WHERE seq > 3"],
            "entry 3 was changed",
        ),
        (
            [
                "UPDATE audit_log SET seq = 99 WHERE seq = 2",
                "UPDATE audit_log SET seq = 2 WHERE seq = 3",
                "UPDATE audit_log SET seq = 3 WHERE seq = 99",
            ],
            "entry 2 was changed",
        ),
        (["DELETE FROM audit_log WHERE seq = 5"], "entry 5 was cut off"),
        (["DELETE FROM audit_log WHERE seq > 1"], "entries 2 to 5 were cut off"),
        (["DELETE FROM audit_log"], "entries 1 to 5 were cut off"),
    ],
)
def test_first_bad_entry_is_named_when_entries_were_removed_or_moved(
    log: Database, own_settings: Settings, statements: list[str], first_problem: str
) -> None:
    tamper(log, *statements)
    assert problems(log, own_settings)[0].startswith(first_problem)


@pytest.mark.parametrize("seq", [6, 9, 0, -4])
def test_entry_is_named_when_it_was_copied_in(log: Database, own_settings: Settings, seq: int) -> None:
    columns = "at, actor_kind, actor_id, actor_name, address, request_id, action, subject, before, after, mac"
    copy = f"SELECT {seq}, {columns} FROM audit_log WHERE seq = 5"  # noqa: S608 - our own text
    tamper(log, f"INSERT INTO audit_log (seq, {columns}) {copy}")
    expected = {6: "entry 6 was changed", 9: "entries 6 to 8 are missing"}
    assert problems(log, own_settings)[0].startswith(expected.get(seq, f"entry {seq} has a number"))


def test_loss_stays_known_when_new_entries_follow(log: Database, own_settings: Settings) -> None:
    anchored = AuditChain.existing(own_settings).anchor.read()
    tamper(log, "DELETE FROM audit_log WHERE seq > 3")
    assert [append(log) for _ in range(4)] == [4, 5, 6, 7]
    assert AuditChain.existing(own_settings).anchor.read() == anchored
    assert problems(log, own_settings)[0].startswith("entry 5 is not the one that was noted")


def test_loss_is_known_when_the_anchor_was_removed(log: Database, own_settings: Settings) -> None:
    own_settings.audit_anchor_file.unlink()
    assert "is missing: later entries may be, too" in problems(log, own_settings)[0]
    append(log)
    assert not own_settings.audit_anchor_file.exists()
    own_settings.audit_anchor_file.write_text("{", encoding="utf-8")
    assert "cannot be read" in problems(log, own_settings)[0]


def test_nothing_holds_when_the_key_is_another_one(log: Database, own_settings: Settings) -> None:
    other = own_settings.model_copy(update={"audit_key": SecretStr("another key of more than 32 bytes!")})
    assert problems(log, other)[0].startswith("entry 1 was changed")
    own_settings.audit_key_file.unlink()
    with pytest.raises(ConfigurationError, match="no key"):
        problems(log, own_settings)


def test_act_and_entry_go_together_when_the_transaction_fails(log: Database, own_settings: Settings) -> None:
    def half(session: Session) -> None:
        record(session, JO, "station.configured", "station/9")
        raise LookupError("no such station")

    with pytest.raises(LookupError):
        log.write(half).result(DEADLINE_S)
    assert append(log) == 6
    assert problems(log, own_settings) == []


def test_chain_stays_single_when_several_processes_write(log: Database, own_settings: Settings) -> None:
    others = [open_database(own_settings) for _ in range(3)]  # each with a writer of its own, as processes have

    def write(database: Database) -> list[int]:
        return [append(database) for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for written in pool.map(write, [log, *others]) for number in written]
    for database in others:
        database.close()
    assert sorted(numbers) == list(range(6, 46))
    assert problems(log, own_settings) == []
    assert AuditChain.existing(own_settings).anchor.read() == _last(log)


def test_anchor_catches_up_when_it_was_left_behind(log: Database, own_settings: Settings) -> None:
    chain = AuditChain.existing(own_settings)
    with log.read() as session:
        third = repository.link_at(session, 3)
    assert third is not None
    chain.anchor.replace(third)  # as after a crash between commit and anchor
    assert problems(log, own_settings) == []
    append(log)
    assert chain.anchor.read() == _last(log)


def test_act_succeeds_when_the_anchor_cannot_be_written(log: Database, own_settings: Settings) -> None:
    scratch = own_settings.audit_anchor_file.with_suffix(".new")
    scratch.mkdir()  # nothing can be written there
    assert append(log) == 6
    scratch.rmdir()
    assert problems(log, own_settings) == []
    assert append(log) == 7
    assert AuditChain.existing(own_settings).anchor.read() == _last(log)


@pytest.mark.parametrize("kept", [0, 3])
def test_long_log_is_read_page_by_page_when_verified(log: Database, own_settings: Settings, kept: int) -> None:
    def many(session: Session) -> None:
        for _ in range(600):
            record(session, JO, "station.configured", "station/x")

    log.write(many).result(DEADLINE_S)
    assert problems(log, own_settings) == []
    tamper(log, f"UPDATE audit_log SET subject = '' WHERE seq = {600 + kept}")  # noqa: S608 - our own text
    assert problems(log, own_settings)[0].startswith(f"entry {600 + kept} was changed")


def test_record_is_refused_when_the_database_has_no_chain(own_settings: Settings) -> None:
    record_one: Callable[[Session], int] = partial(record, actor=JO, action="station.configured", subject="x")
    database = Database(create_engine(own_settings.database_url), queue_size=1)
    with pytest.raises(RuntimeError):
        database.write(record_one).result(DEADLINE_S)
    database.close()


def _last(database: Database) -> Link:
    with database.read() as session:
        return repository.last_link(session)


def test_newest_of_several_is_anchored_when_they_come_in_one_transaction(own_settings: Settings) -> None:
    database = open_database(own_settings)

    def several(session: Session) -> None:
        for _ in range(3):
            record(session, JO, "station.configured", "station/x")

    database.write(several).result(DEADLINE_S)  # the very first entries
    settle(database)
    assert AuditChain.existing(own_settings).anchor.read() == _last(database)
    assert problems(database, own_settings) == []
    database.close()


def test_anchor_catches_up_when_the_first_entry_was_not_anchored(own_settings: Settings) -> None:
    database = open_database(own_settings)
    append(database)
    chain = AuditChain.existing(own_settings)
    chain.anchor.replace(BEGINNING)  # as after a crash between commit and anchor
    assert problems(database, own_settings) == []
    append(database)
    assert chain.anchor.read() == _last(database)
    database.close()


def test_chain_begins_without_an_anchor_when_the_key_comes_from_the_settings(own_settings: Settings) -> None:
    given = own_settings.model_copy(update={"audit_key": SecretStr("k" * 32), "data_dir": own_settings.data_dir / "b"})
    database = open_database(given)
    append(database)
    assert problems(database, given) == []
    assert AuditChain.existing(given).anchor.read() == _last(database)
    database.close()
