"""What users do to their own account."""

import json
from typing import Any

import httpx
import pytest

from serving.command.service_account import ensure_service_account
from serving.settings import Settings
from tests.serving.conftest import PASSWORD, bearer, log_in

_ME = "/api/v1/users/me"
_FRESH = "another long password"


def _change(client: httpx.Client, token: str, old: str = PASSWORD, new: str = _FRESH) -> httpx.Response:
    body = {"old_password": old, "new_password": new}
    return client.put(f"{_ME}/password", json=body, headers=bearer(token))


def test_address_is_changed_when_it_is_ones_own(client: httpx.Client, viewer_token: str) -> None:
    answer = client.put(_ME, json={"email": "v@plant.example"}, headers=bearer(viewer_token))
    assert (answer.status_code, answer.json()["email"]) == (200, "v@plant.example")
    assert client.get("/api/v1/auth/me", headers=bearer(viewer_token)).json()["email"] == "v@plant.example"
    assert client.put(_ME, json={"email": None}, headers=bearer(viewer_token)).json()["email"] is None


@pytest.mark.parametrize("body", [{}, {"email": "nobody"}, {"email": "a@b.example", "roles": ["admin"]}, {"email": 5}])
def test_nothing_is_changed_when_the_request_is_wrong(
    client: httpx.Client, viewer_token: str, body: dict[str, Any]
) -> None:
    assert client.put(_ME, json=body, headers=bearer(viewer_token)).status_code == 422
    assert client.get("/api/v1/auth/me", headers=bearer(viewer_token)).json()["roles"] == ["viewer"]


def test_every_other_session_ends_when_the_password_is_changed(client: httpx.Client) -> None:
    first = client.post("/api/v1/auth/login", json={"username": "viewer", "password": PASSWORD}).json()
    here = log_in(client, "viewer")
    for token in (first["access_token"], here):
        assert client.get("/api/v1/auth/me", headers=bearer(token)).status_code == 200
    answer = _change(client, here)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    for token in (first["access_token"], here):
        assert client.get("/api/v1/auth/me", headers=bearer(token)).status_code == 401
    refreshed = client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert refreshed.status_code == 401
    fresh = answer.json()
    assert client.get("/api/v1/auth/me", headers=bearer(fresh["access_token"])).status_code == 200
    again = client.post("/api/v1/auth/refresh", json={"refresh_token": fresh["refresh_token"]})
    assert again.status_code == 200
    assert client.post("/api/v1/auth/login", json={"username": "viewer", "password": PASSWORD}).status_code == 401
    log_in(client, "viewer", _FRESH)


def test_other_name_of_the_field_is_taken_when_it_comes(client: httpx.Client, viewer_token: str) -> None:
    body = {"current_password": PASSWORD, "new_password": _FRESH}
    assert client.put(f"{_ME}/password", json=body, headers=bearer(viewer_token)).status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("wrong", _FRESH, 403),
        (PASSWORD, "short", 422),
        (PASSWORD, "viewer-viewer", 422),
        (PASSWORD, PASSWORD, 422),
        (PASSWORD, "x" * 2000, 422),
    ],
)
def test_password_stays_when_the_change_is_refused(
    client: httpx.Client, viewer_token: str, old: str, new: str, status: int
) -> None:
    answer = _change(client, viewer_token, old, new)
    assert answer.status_code == status
    assert new not in answer.text
    assert client.get("/api/v1/auth/me", headers=bearer(viewer_token)).status_code == 200
    log_in(client, "viewer")


def test_account_is_closed_when_the_old_password_is_guessed(client: httpx.Client, viewer_token: str) -> None:
    statuses = [_change(client, viewer_token, f"guess {n}").status_code for n in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    assert _change(client, viewer_token).status_code == 429
    assert client.post("/api/v1/auth/login", json={"username": "viewer", "password": PASSWORD}).status_code == 429


def test_written_password_is_gone_when_the_first_admin_chose_another(
    client: httpx.Client, admin_token: str, settings: Settings
) -> None:
    settings.first_password_file.write_text(PASSWORD, encoding="utf-8")
    answer = _change(client, admin_token)
    assert answer.json()["must_change_password"] is False
    assert not settings.first_password_file.exists()


def test_account_of_the_platform_keeps_its_password_when_it_asks(client: httpx.Client, settings: Settings) -> None:
    account = json.loads(ensure_service_account(settings).read_text(encoding="utf-8"))
    token = log_in(client, "service", account["password"])
    assert _change(client, token, account["password"]).status_code == 409
    assert client.put(_ME, json={"email": "s@plant.example"}, headers=bearer(token)).status_code == 409
