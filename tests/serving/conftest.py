"""A real platform for each test: migrated database, deployed bundle, users of every role, a server on a free port."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
import structlog
from fastapi import FastAPI
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr

from models.bundle import Bundle
from registry.local_store import LocalStore
from serving.app import create_app
from serving.audit.chain import AuditChain
from serving.auth.principal import ROLES
from serving.database import Database, create_engine, open_database
from serving.schema import upgrade
from serving.settings import Settings
from serving.users import repository
from serving.users import service as users
from tests.serving.server import serve

PASSWORD = "correct horse battery"  # of each user; the user names are those of the roles
_MANY = "1000000/minute"
# A hash carries its own parameters: the platform's would cost each sign-in of each test a quarter of a second.
_CHEAP = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def _plain_log_lines() -> None:
    """Log without the pretty tracebacks, which would take most of the time of a test of faults."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])


def prepare(data_dir: Path, bundle: Bundle) -> None:
    """Fills a data folder as `ussop up` leaves it, with one user per role."""
    settings = Settings(_env_file=None, data_dir=data_dir, database_url=f"sqlite:///{data_dir / 'ussop.db'}")
    engine = create_engine(settings.database_url)
    upgrade(engine)
    database = Database(engine, queue_size=8, audit=AuditChain.open(settings))
    for role in ROLES:
        user = users.new_user(role, PASSWORD, [role])
        user.password_hash = _CHEAP.hash(PASSWORD)
        database.write(partial(repository.add, user=user)).result(timeout=30)
    database.close()
    store = LocalStore(settings.bundles_dir)
    store.point("deployed", store.install(bundle.root).digest)


def settings_on(data_dir: Path) -> Settings:
    """Settings on a data folder, with limits that do not get in the way."""
    return Settings(
        _env_file=None,
        data_dir=data_dir,
        database_url=f"sqlite:///{data_dir / 'ussop.db'}",
        secret_key=SecretStr("0123456789abcdef" * 2),
        rate_limit_default=_MANY,
        rate_limit_login=_MANY,
        inference_workers=2,
        # Whatever the disk of the machine is like; tests of full disks give their own.
        storage_alarm_free_percent=0,
        storage_reserve_mb=0,
        mlflow_port=1,  # nobody answers there; tests that need MLflow give their own
        prefect_port=1,
    )


@pytest.fixture(scope="session")
def prepared_data_dir(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle) -> Path:
    """A prepared data folder; tests work on copies."""
    data_dir = tmp_path_factory.mktemp("data")
    prepare(data_dir, tiny_bundle)
    return data_dir


@pytest.fixture
def settings(tmp_path: Path, prepared_data_dir: Path) -> Settings:
    """Settings on a data folder of the test's own."""
    data_dir = tmp_path / "var"
    shutil.copytree(prepared_data_dir, data_dir)
    return settings_on(data_dir)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The database of the settings, for tests that need no server."""
    database = open_database(settings)
    yield database
    database.close()


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    """The application, not started yet."""
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the application, which runs in a real server."""
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=20.0, trust_env=False) as client:
        yield client


def log_in(client: httpx.Client, username: str, password: str = PASSWORD) -> str:
    """The access token of a user."""
    response = client.post("/api/v1/auth/login", json={"username": username, "password": password})
    assert response.status_code == 200, response.text
    token = response.json()["access_token"]
    assert isinstance(token, str)
    return token


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def admin_token(client: httpx.Client) -> str:
    """The access token of an administrator."""
    return log_in(client, "admin")


@pytest.fixture
def engineer_token(client: httpx.Client) -> str:
    """The access token of an engineer."""
    return log_in(client, "engineer")


@pytest.fixture
def operator_token(client: httpx.Client) -> str:
    """The access token of an operator."""
    return log_in(client, "operator")


@pytest.fixture
def viewer_token(client: httpx.Client) -> str:
    """The access token of a viewer."""
    return log_in(client, "viewer")
