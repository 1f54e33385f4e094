"""The limits hold on every path, per user and per address, whatever the headers say."""

import httpx
import pytest

from serving.app import create_app
from serving.errors import ConfigurationError
from serving.settings import Settings
from tests.serving.conftest import bearer, log_in
from tests.serving.declared import document
from tests.serving.server import serve


class _Any(dict[str, str]):
    """Fills every parameter of a path."""

    def __missing__(self, name: str) -> str:
        return "1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limit_default": "5/minute", "rate_limit_login": "3/minute"})


@pytest.mark.parametrize("path", ["/api/v1/health", "/metrics", "/nowhere", "/static-docs/swagger-ui.css", "/docs"])
def test_sixth_request_is_refused_when_five_are_allowed(client: httpx.Client, path: str) -> None:
    answers = [client.get(path) for _ in range(6)]
    assert [answer.status_code == 429 for answer in answers] == [False] * 5 + [True]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["x-ratelimit-limit"] == "5"
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_every_route_is_refused_when_the_allowance_is_used_up(client: httpx.Client) -> None:
    for _ in range(5):
        client.get("/api/v1/health")
    routes = [(method, path) for path, methods in document()["paths"].items() for method in methods]
    let_through = {
        (method, path) for method, path in routes if client.request(method, path.format_map(_Any())).status_code != 429
    }
    assert len(routes) > 80
    assert let_through == {("post", "/api/v1/auth/login"), ("get", "/static/images/{path}")}  # limits of their own


def test_limit_holds_when_forwarding_headers_rotate(client: httpx.Client) -> None:
    def ask(number: int) -> int:
        address = f"10.1.2.{number}"
        headers = {"X-Forwarded-For": address, "X-Real-IP": address, "Forwarded": f"for={address}"}
        return client.get("/api/v1/health", headers=headers).status_code

    assert [ask(number) for number in range(8)] == [200] * 5 + [429] * 3


def test_login_has_a_limit_of_its_own_when_called(client: httpx.Client) -> None:
    body = {"username": "nobody", "password": "guess"}
    statuses = [client.post("/api/v1/auth/login", json=body).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    assert client.get("/api/v1/health").status_code == 200


def test_users_do_not_share_a_limit_when_they_share_an_address(client: httpx.Client) -> None:
    tokens = [log_in(client, name) for name in ("operator", "viewer")]
    for token in tokens:
        statuses = [client.get("/api/v1/auth/me", headers=bearer(token)).status_code for _ in range(6)]
        assert statuses == [200] * 5 + [429]
    assert client.get("/api/v1/health").status_code == 200  # nor with those who have no token


def test_limit_of_the_address_holds_when_the_token_is_made_up(client: httpx.Client) -> None:
    statuses = [client.get("/api/v1/auth/me", headers=bearer(f"made.up.{n}")).status_code for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2


@pytest.mark.parametrize("trusted", ["127.0.0.1", "127.0.0.0/8"])
def test_callers_behind_a_proxy_are_told_apart_when_it_is_trusted(settings: Settings, trusted: str) -> None:
    app = create_app(settings.model_copy(update={"trusted_proxies": (trusted,)}))
    statuses = {}
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        for caller in ("10.0.0.1", "10.0.0.2"):
            headers = {"X-Forwarded-For": f"1.2.3.4, {caller}"}  # the left part is what the caller made up
            statuses[caller] = [client.get("/api/v1/health", headers=headers).status_code for _ in range(6)]
    assert statuses == {"10.0.0.1": [200] * 5 + [429], "10.0.0.2": [200] * 5 + [429]}


@pytest.mark.parametrize("name", ["rate_limit_default", "rate_limit_login"])
def test_limit_is_refused_when_it_cannot_be_read(settings: Settings, name: str) -> None:
    app = create_app(settings.model_copy(update={name: "many"}))
    with pytest.raises(ConfigurationError, match=name.upper()):
        app.build_middleware_stack()
