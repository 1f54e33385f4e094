"""By which names the API answers."""

import httpx
import pytest
from fastapi import FastAPI

from serving.app import create_app
from serving.settings import Settings
from tests.serving.server import serve


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings.model_copy(update={"allowed_hosts": ("localhost", "[::1]", "line-1.plant.example")}))


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "LOCALHOST", "[::1]:8080", "[::1]", "line-1.plant.example", "127.0.0.1"]
)
def test_api_answers_when_the_name_is_allowed(client: httpx.Client, host: str) -> None:
    assert client.get("/api/v1/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "a/?x=",
        "localhost@evil.example",
        "localhost:@evil",
        "[::2]",
        "[::1",
        "",
        "127.0.0.2",
    ],
)
def test_api_refuses_when_the_name_is_foreign(client: httpx.Client, host: str) -> None:
    response = client.get("/api/v1/health", headers={"Host": host})
    assert response.status_code == 400


def test_every_name_is_good_when_a_star_allows_it(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"allowed_hosts": ("*",)}))
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/api/v1/health", headers={"Host": "anything.example"}).status_code == 200
