"""The platform's own account: one user, one private file, no limit on how often it asks."""

import json

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from serving.app import create_app
from serving.audit.actor import PLATFORM
from serving.client import ClientError, ServiceAccount, UssopClient
from serving.clock import utc_now
from serving.command.service_account import ensure_service_account
from serving.database import Database
from serving.errors import ConfigurationError
from serving.settings import Settings
from serving.users import repository, service
from serving.users.passwords import checked_hash
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import PASSWORD
from tests.serving.server import serve


def test_file_is_private_and_opens_the_api_when_made(client: httpx.Client, settings: Settings) -> None:
    path = ensure_service_account(settings)
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_text(encoding="utf-8")
    assert ensure_service_account(settings).read_text(encoding="utf-8") == first
    account = ServiceAccount.read(path)
    assert account.password.get_secret_value() not in repr(account)
    with UssopClient(str(client.base_url), account) as platform:
        assert platform.inspect(png_bytes(square_picture("red"))).decision == "fail"


def test_account_follows_when_the_key_changes_or_somebody_changed_its_password(
    settings: Settings, database: Database
) -> None:
    ensure_service_account(settings)
    taken_over = checked_hash("somebody else's password")
    database.write(
        lambda session: service.set_password(
            session, "service", taken_over, must_change_password=False, by=PLATFORM, now=utc_now()
        )
    ).result(timeout=20)
    other = settings.model_copy(update={"secret_key": SecretStr("another key of at least 32 bytes!")})
    for changed in (settings, other):
        account = json.loads(ensure_service_account(changed).read_text(encoding="utf-8"))
        with serve(create_app(changed)) as url, httpx.Client(base_url=url, trust_env=False) as client:
            assert client.post("/api/v1/auth/login", json=account).status_code == 200


def test_start_is_refused_when_a_person_has_the_name(settings: Settings, database: Database) -> None:
    person = service.new_user("service", PASSWORD, ["viewer"])
    database.write(lambda session: repository.add(session, person)).result(timeout=20)
    with pytest.raises(ConfigurationError, match="belongs to the platform"):
        ensure_service_account(settings)


@pytest.fixture
def narrow_app(settings: Settings) -> FastAPI:
    return create_app(settings.model_copy(update={"rate_limit_default": "2/minute"}))


def test_nothing_is_refused_when_the_platform_asks_often(narrow_app: FastAPI, settings: Settings) -> None:
    own = ServiceAccount.read(ensure_service_account(settings))
    person = ServiceAccount(username="operator", password=SecretStr(PASSWORD))
    picture = png_bytes(square_picture(None))
    with serve(narrow_app) as url, UssopClient(url, own) as platform, UssopClient(url, person) as somebody:
        assert [platform.inspect(picture).decision for _ in range(4)] == ["pass"] * 4
        assert [somebody.inspect(picture).decision for _ in range(2)] == ["pass"] * 2
        with pytest.raises(ClientError) as caught:
            somebody.inspect(picture)
    assert caught.value.status == 429
    assert caught.value.is_passing
    assert caught.value.retry_after_s is not None


def test_client_says_so_when_nobody_answers_or_the_file_is_damaged(settings: Settings) -> None:
    path = ensure_service_account(settings)
    with UssopClient("http://127.0.0.1:1", ServiceAccount.read(path)) as platform:
        with pytest.raises(ClientError, match="does not answer") as caught:
            platform.inspect(b"")
        assert caught.value.is_passing
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ClientError, match="cannot be read"):
        ServiceAccount.read(path)
