"""Who came in, who tried to, and from where: in the audit log, without a word of what was typed."""

from typing import Any

import httpx
import pytest

from serving.app import create_app
from serving.database import Database
from serving.settings import Settings
from tests.serving.conftest import PASSWORD, bearer, log_in
from tests.serving.server import serve

_LOGIN = "/api/v1/auth/login"
_GUESS = "guess"


def _try(client: httpx.Client, username: str, password: str = _GUESS, **headers: str) -> int:
    return client.post(_LOGIN, json={"username": username, "password": password}, headers=headers).status_code


def _events(client: httpx.Client) -> list[dict[str, Any]]:
    """The events before this call's own login, newest first."""
    token = log_in(client, "admin")
    entries: list[dict[str, Any]] = client.get(
        "/api/v1/audit", params={"action": "auth.", "limit": 500}, headers=bearer(token)
    ).json()["entries"]
    return entries[1:]


def _actions(client: httpx.Client) -> list[str]:
    return [event["action"] for event in _events(client)]


def test_login_and_logout_are_told_of_when_they_happen(client: httpx.Client, viewer_token: str) -> None:
    assert client.post("/api/v1/auth/logout", headers=bearer(viewer_token)).status_code == 200
    out, came = _events(client)
    for event, action in ((came, "auth.logged_in"), (out, "auth.logged_out")):
        assert (event["action"], event["subject"], event["address"]) == (action, "user/viewer", "127.0.0.1")
        assert (event["actor"]["kind"], event["actor"]["name"]) == ("user", "viewer")
    assert came["after"]["session_id"] == out["after"]["session_id"]


@pytest.mark.parametrize(
    ("username", "subject", "reason"),
    [("viewer", "user/viewer", "wrong password"), ("MyPassw0rd!typed-here", "user/unknown", "unknown user")],
)
def test_failure_is_told_of_when_a_login_fails(client: httpx.Client, username: str, subject: str, reason: str) -> None:
    assert _try(client, username) == 401
    (event,) = _events(client)
    assert (event["action"], event["subject"], event["after"]) == ("auth.login_failed", subject, {"reason": reason})
    assert (event["actor"]["kind"], event["address"]) == ("anonymous", "127.0.0.1")
    assert "MyPassw0rd" not in str(event)
    assert _GUESS not in str(event)


def test_lock_out_is_told_of_once_when_it_begins(client: httpx.Client) -> None:
    assert [_try(client, "viewer") for _ in range(14)] == [401] * 10 + [429] * 4
    actions = _actions(client)
    assert actions.count("auth.login_failed") == 10
    assert actions.count("auth.locked_out") == 1
    assert actions[0] == "auth.locked_out"


def test_disabled_account_is_told_of_when_it_tries(client: httpx.Client, admin_token: str) -> None:
    users = client.get("/api/v1/users", headers=bearer(admin_token)).json()["users"]
    viewer = next(user["id"] for user in users if user["username"] == "viewer")
    client.put(f"/api/v1/users/{viewer}", json={"is_active": False}, headers=bearer(admin_token))
    assert _try(client, "viewer", PASSWORD) == 401
    assert _events(client)[0]["after"] == {"reason": "disabled"}


def test_stolen_token_is_told_of_when_it_is_used_again(client: httpx.Client) -> None:
    tokens = client.post(_LOGIN, json={"username": "viewer", "password": PASSWORD}).json()
    body = {"refresh_token": tokens["refresh_token"]}
    successor = client.post("/api/v1/auth/refresh", json=body).json()
    client.post("/api/v1/auth/refresh", json={"refresh_token": successor["refresh_token"]}).raise_for_status()
    assert [client.post("/api/v1/auth/refresh", json=body).status_code for _ in range(2)] == [401, 401]
    assert _actions(client) == ["auth.refresh_reused", "auth.logged_in"]
    assert tokens["refresh_token"] not in str(_events(client))


@pytest.mark.parametrize(("trusted", "address"), [((), "127.0.0.1"), (("127.0.0.1",), "10.9.8.7")])
def test_address_is_that_of_the_header_when_a_trusted_proxy_wrote_it(
    settings: Settings, trusted: tuple[str, ...], address: str
) -> None:
    app = create_app(settings.model_copy(update={"trusted_proxies": trusted}))
    with serve(app) as url, httpx.Client(base_url=url, timeout=20.0, trust_env=False) as client:
        assert _try(client, "viewer", **{"X-Forwarded-For": "1.1.1.1, 10.9.8.7", "X-Real-IP": "2.2.2.2"}) == 401
        assert _events(client)[0]["address"] == address


def test_nobody_comes_in_unseen_when_the_log_cannot_be_written(client: httpx.Client, database: Database) -> None:
    def put_away(name: str, other: str) -> None:
        database.write(
            lambda session: session.connection().exec_driver_sql(f"ALTER TABLE {name} RENAME TO {other}").close()
        ).result(timeout=20)

    put_away("audit_log", "away")
    assert _try(client, "viewer", PASSWORD) == 503
    assert _try(client, "viewer") == 503
    put_away("away", "audit_log")
    assert _try(client, "viewer", PASSWORD) == 200
