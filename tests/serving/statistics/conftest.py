"""Statistics beside the application, on both databases, with a clock that the test sets."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from serving.audit.chain import AuditChain
from serving.database import Database, create_engine, open_database
from serving.metrics.registry import Metrics
from serving.schema import upgrade
from serving.settings import Settings
from serving.statistics.keeper import TallyKeeper
from serving.statistics.service import Statistics
from tests.serving.past import Past
from tests.serving.postgres import is_installed, postgres


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Plant(Past):
    """A database with statistics of it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.clock = SetClock(datetime(2026, 6, 10, 12, 7, 30, tzinfo=UTC))
        self.statistics = self.in_zone("UTC")
        self.keeper = TallyKeeper(database, self.statistics.tallied, Metrics(), self.clock)

    def in_zone(self, timezone: str) -> Statistics:
        """Statistics on the clock of a zone; nothing is cached yet."""
        return Statistics(self.database, lambda: ZoneInfo(timezone), self.clock)


@pytest.fixture(scope="package")
def postgres_url() -> Iterator[str]:
    """A cluster for the tests of this folder."""
    if not is_installed():
        pytest.skip("PostgreSQL is not installed on this machine")
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def plant(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Plant]:
    """A plant without history, on either database."""
    if request.param == "sqlite":
        database = open_database(settings)
        yield Plant(database)
        database.close()
        return
    engine = create_engine(str(request.getfixturevalue("postgres_url")))
    upgrade(engine)
    database = Database(engine, queue_size=64, audit=AuditChain.open(settings))
    yield Plant(database)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    database.close()
