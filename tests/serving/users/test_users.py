"""`/api/v1/users`, over the wire."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from serving.command.service_account import ensure_service_account
from serving.settings import Settings
from tests.serving.conftest import PASSWORD, bearer, log_in

_URL = "/api/v1/users"
_FRESH = "another long password"


@pytest.fixture
def admin(client: httpx.Client, admin_token: str) -> httpx.Client:
    """The client, as an administrator."""
    client.headers.update(bearer(admin_token))
    return client


def _id_of(admin: httpx.Client, username: str) -> str:
    users = admin.get(_URL).json()["users"]
    return str(next(user["id"] for user in users if user["username"] == username))


def _create(admin: httpx.Client, **changes: Any) -> httpx.Response:
    return admin.post(_URL, json={"username": "jo", "password": _FRESH, "roles": ["operator"]} | changes)


def _tokens(client: httpx.Client, username: str, password: str = PASSWORD) -> dict[str, Any]:
    answer = client.post("/api/v1/auth/login", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _reaches(client: httpx.Client, tokens: dict[str, Any]) -> tuple[int, int]:
    """What the access and the refresh token of a session are answered."""
    me = client.get("/api/v1/auth/me", headers=bearer(tokens["access_token"])).status_code
    again = client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code
    return me, again


def test_every_user_is_listed_when_asked_for(admin: httpx.Client, settings: Settings) -> None:
    ensure_service_account(settings)
    body = admin.get(_URL).json()
    assert [user["username"] for user in body["users"]] == ["admin", "engineer", "operator", "service", "viewer"]
    assert [user["username"] for user in body["users"] if user["is_platform"]] == ["service"]
    assert body["total"] == 5
    assert "password_hash" not in body["users"][0]


def test_user_can_log_in_when_created(admin: httpx.Client) -> None:
    answer = _create(admin, email="jo@plant.example")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["username"], made["roles"], made["email"]) == ("jo", ["operator"], "jo@plant.example")
    tokens = _tokens(admin, "jo", _FRESH)
    assert tokens["must_change_password"] is True
    assert tokens["user"] == {"id": made["id"], "username": "jo", "roles": ["operator"]}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"username": "viewer"}, 409),
        ({"username": "VIEWER"}, 409),
        ({"username": "service"}, 409),
        ({"username": "Service"}, 409),
        ({"username": ""}, 422),
        ({"username": "a b"}, 422),
        ({"username": "x" * 65}, 422),
        ({"password": "short"}, 422),
        ({"password": "aaaaaaaaaaaaaaaa"}, 422),
        ({"password": "x" * 257}, 422),
        ({"username": "operations", "password": "Operations-1"}, 422),
        ({"roles": []}, 422),
        ({"roles": ["root"]}, 422),
        ({"email": "jo"}, 422),
        ({"email": "jo@plant.example\x00"}, 422),
        ({"is_admin": True}, 422),
    ],
)
def test_nobody_is_made_when_the_request_is_wrong(admin: httpx.Client, changes: dict[str, Any], status: int) -> None:
    answer = _create(admin, **changes)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    if "password" in changes:
        assert changes["password"] not in answer.text
    assert admin.get(_URL).json()["total"] == 4


def test_one_is_made_when_many_ask_for_the_same_name(admin: httpx.Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(lambda _: _create(admin).status_code, range(4)))
    assert statuses == [201, 409, 409, 409]


@pytest.mark.parametrize("change", [{"roles": ["viewer"]}, {"is_active": False}, {"password": _FRESH}])
def test_sessions_end_at_once_when_the_account_is_changed(admin: httpx.Client, change: dict[str, Any]) -> None:
    sessions = [_tokens(admin, "engineer") for _ in range(2)]
    for tokens in sessions:
        assert admin.get("/api/v1/auth/me", headers=bearer(tokens["access_token"])).status_code == 200
    answer = admin.put(f"{_URL}/{_id_of(admin, 'engineer')}", json=change)
    assert answer.status_code == 200, answer.text
    assert [_reaches(admin, tokens) for tokens in sessions] == [(401, 401)] * 2


def test_sessions_go_on_when_nothing_of_weight_changes(admin: httpx.Client) -> None:
    tokens = _tokens(admin, "engineer")
    change = {"email": "e@plant.example", "roles": ["engineer"], "is_active": True}
    answer = admin.put(f"{_URL}/{_id_of(admin, 'engineer')}", json=change)
    assert answer.json()["email"] == "e@plant.example"
    assert _reaches(admin, tokens) == (200, 200)
    assert admin.put(f"{_URL}/{_id_of(admin, 'engineer')}", json={}).json()["email"] == "e@plant.example"
    assert admin.put(f"{_URL}/{_id_of(admin, 'engineer')}", json={"email": None}).json()["email"] is None


def test_user_must_choose_anew_when_an_admin_set_the_password(admin: httpx.Client) -> None:
    admin.put(f"{_URL}/{_id_of(admin, 'viewer')}", json={"password": _FRESH})
    assert _tokens(admin, "viewer", _FRESH)["must_change_password"] is True
    admin.put(f"{_URL}/{_id_of(admin, 'viewer')}", json={"password": PASSWORD, "must_change_password": False})
    assert _tokens(admin, "viewer")["must_change_password"] is False


@pytest.mark.parametrize("change", [{"roles": None}, {"is_active": None}, {"username": "x"}, {"password": "short"}])
def test_user_stays_when_the_change_is_wrong(admin: httpx.Client, change: dict[str, Any]) -> None:
    tokens = _tokens(admin, "viewer")
    assert admin.put(f"{_URL}/{_id_of(admin, 'viewer')}", json=change).status_code == 422
    assert _reaches(admin, tokens) == (200, 200)


def test_last_administrator_stays_when_to_be_removed(admin: httpx.Client) -> None:
    own = _id_of(admin, "admin")
    for change in ({"roles": ["engineer"]}, {"is_active": False}):
        answer = admin.put(f"{_URL}/{own}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert admin.delete(f"{_URL}/{own}").status_code == 409
    assert admin.get("/api/v1/auth/me").json()["roles"] == ["admin"]  # nothing happened, also to the session
    second = _create(admin, roles=["admin"]).json()["id"]
    assert admin.put(f"{_URL}/{second}", json={"is_active": False}).status_code == 200
    assert admin.delete(f"{_URL}/{own}").status_code == 409  # a disabled one does not count
    assert admin.put(f"{_URL}/{second}", json={"is_active": True}).status_code == 200
    assert admin.put(f"{_URL}/{own}", json={"roles": ["viewer"]}).status_code == 200
    assert admin.get(_URL).status_code == 401


def test_one_administrator_is_left_when_two_remove_each_other(admin: httpx.Client) -> None:
    _create(admin, username="second", roles=["admin"])
    other = bearer(log_in(admin, "second", _FRESH))
    first_id, second_id = _id_of(admin, "admin"), _id_of(admin, "second")
    headers = (admin.headers, other)

    def demote(number: int) -> int:
        target = (second_id, first_id)[number]
        return admin.put(f"{_URL}/{target}", json={"roles": ["viewer"]}, headers=headers[number]).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(demote, range(2)))
    assert statuses[0] == 200
    assert statuses[1] in {401, 403, 409}


def test_user_is_gone_when_deleted(admin: httpx.Client) -> None:
    tokens, user_id = _tokens(admin, "operator"), _id_of(admin, "operator")
    assert admin.delete(f"{_URL}/{user_id}").json() == {"status": "deleted", "id": user_id}
    assert _reaches(admin, tokens) == (401, 401)
    assert admin.delete(f"{_URL}/{user_id}").status_code == 404
    assert admin.put(f"{_URL}/{user_id}", json={}).status_code == 404
    login = admin.post("/api/v1/auth/login", json={"username": "operator", "password": PASSWORD})
    assert login.status_code == 401


def test_account_of_the_platform_stays_when_to_be_changed(admin: httpx.Client, settings: Settings) -> None:
    path = ensure_service_account(settings)
    for answer in (
        admin.put(f"{_URL}/service", json={"password": _FRESH}),
        admin.put(f"{_URL}/service", json={"roles": ["admin"]}),
        admin.delete(f"{_URL}/service"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    before = path.read_text(encoding="utf-8")
    assert ensure_service_account(settings).read_text(encoding="utf-8") == before
