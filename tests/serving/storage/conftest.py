"""A stock of pictures, beside the application and on both databases."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from serving.audit.chain import AuditChain
from serving.database import Database, create_engine, open_database
from serving.media.store import MediaStore
from serving.schema import upgrade
from serving.settings import Settings
from tests.serving.conftest import bearer, log_in
from tests.serving.postgres import is_installed, postgres
from tests.serving.server import serve
from tests.serving.storage.stock import Stock


@pytest.fixture
def media(settings: Settings) -> MediaStore:
    """The folder of pictures."""
    store = MediaStore(settings.media_dir)
    store.prepare()
    return store


@pytest.fixture(scope="package")
def postgres_url() -> Iterator[str]:
    """A cluster for the tests of this folder."""
    if not is_installed():
        pytest.skip("PostgreSQL is not installed on this machine")
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def stock(request: pytest.FixtureRequest, settings: Settings, media: MediaStore) -> Iterator[Stock]:
    """A stock on either database, without an application."""
    if request.param == "sqlite":
        database = open_database(settings)
        yield Stock(database, media)
        database.close()
        return
    engine = create_engine(str(request.getfixturevalue("postgres_url")))
    upgrade(engine)
    database = Database(engine, queue_size=64, audit=AuditChain.open(settings))
    yield Stock(database, media)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    database.close()


@pytest.fixture
def admin(app: FastAPI) -> Iterator[httpx.Client]:
    """An administrator on the running application."""
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=30.0, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "admin")))
        yield client


@pytest.fixture
def shelf(app: FastAPI, admin: httpx.Client) -> Stock:
    """The stock of the running application."""
    platform = app.state.platform
    return Stock(platform.database, platform.live.media)
