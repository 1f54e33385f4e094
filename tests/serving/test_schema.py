"""The migrations lead to the tables as they are declared, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, text

from serving.database import Database, create_engine
from serving.errors import ConfigurationError
from serving.schema import config_for, is_current, upgrade
from serving.users import repository, service
from tests.serving.postgres import is_installed, postgres


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    if not is_installed():
        pytest.skip("PostgreSQL is not installed on this machine")
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/a.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    engine = create_engine(url)
    yield engine
    engine.dispose()


# The plans of the queries show that it is there: tests/serving/inspections/test_overruling.py.
@pytest.mark.filterwarnings("ignore:.*expression-based index .?ix_inspections_effective")
def test_declared_tables_are_reached_and_left_when_migrating(engine: Engine) -> None:
    assert not is_current(engine)
    upgrade(engine)
    assert is_current(engine)
    with engine.connect() as connection:
        command.check(config_for(connection))  # raises when a table differs from its declaration
    with engine.begin() as connection:
        command.downgrade(config_for(connection), "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    upgrade(engine)
    database = Database(engine, queue_size=4)
    jo = service.new_user("jo", "a long password", ["viewer"])
    database.write(lambda session: repository.add(session, jo)).result(timeout=20)
    with database.read() as session:
        user = repository.find_by_username(session, "jo")
        assert user is not None
        assert user.created_at.utcoffset() is not None
    database.close()


def test_database_is_refused_when_a_newer_version_made_it(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/a.db")
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="another version"):
        upgrade(engine)
    assert not is_current(engine)
    engine.dispose()


def test_database_is_refused_when_the_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"this is not a database, it is a text of some length" * 100)
    engine = create_engine(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(ConfigurationError, match="cannot be prepared"):
        upgrade(engine)
    engine.dispose()
