"""Login, refresh, logout and me, over the wire."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx
import pytest
from sqlmodel import Session

from serving.database import Database
from serving.tables import RefreshToken
from serving.users import repository as users
from tests.serving.conftest import PASSWORD, bearer, log_in


def _login(client: httpx.Client, username: str = "admin") -> dict[str, str]:
    response = client.post("/api/v1/auth/login", json={"username": username, "password": PASSWORD})
    assert response.status_code == 200
    body: dict[str, str] = response.json()
    return body


def _refresh(client: httpx.Client, token: str) -> httpx.Response:
    return client.post("/api/v1/auth/refresh", json={"refresh_token": token})


def _me(client: httpx.Client, token: str) -> int:
    return client.get("/api/v1/auth/me", headers=bearer(token)).status_code


def test_tokens_and_user_are_given_when_the_password_is_right(client: httpx.Client) -> None:
    response = client.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD})
    body = response.json()
    assert response.status_code == 200
    assert set(body) >= {"access_token", "refresh_token", "token_type", "user"}
    assert body["token_type"] == "bearer"
    assert set(body["user"]) == {"id", "username", "roles"}
    assert (body["user"]["username"], body["user"]["roles"]) == ("admin", ["admin"])
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("username", "password"),
    [("admin", "admin"), ("admin", PASSWORD + "x"), ("nobody", PASSWORD), ("Admin", PASSWORD), ("admin", " ")],
)
def test_answer_is_the_same_when_name_or_password_is_wrong(client: httpx.Client, username: str, password: str) -> None:
    response = client.post("/api/v1/auth/login", json={"username": username, "password": password})
    assert response.status_code == 401
    assert response.json() == {"detail": "wrong username or password", "code": "not_authenticated"}
    assert response.headers["www-authenticate"] == "Bearer"


def test_account_is_closed_when_ten_logins_failed(client: httpx.Client) -> None:
    def attempt(number: int) -> int:
        headers = {"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.0.{number}"}
        body = {"username": "admin", "password": "guess"}
        return client.post("/api/v1/auth/login", json=body, headers=headers).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(attempt, range(14)))
    assert statuses == [401] * 10 + [429] * 4
    locked = client.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD})
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 900
    log_in(client, "operator")  # other accounts are not affected


def test_failures_are_forgotten_when_a_login_succeeds(client: httpx.Client) -> None:
    for _ in range(2):
        for _ in range(9):
            wrong = client.post("/api/v1/auth/login", json={"username": "viewer", "password": "guess"})
            assert wrong.status_code == 401
        log_in(client, "viewer")


def test_profile_is_given_when_asked_for(client: httpx.Client, operator_token: str) -> None:
    response = client.get("/api/v1/auth/me", headers=bearer(operator_token))
    body = response.json()
    assert response.status_code == 200
    assert (body["username"], body["roles"], body["is_active"]) == ("operator", ["operator"], True)
    assert datetime.fromisoformat(body["created_at"]).utcoffset() is not None
    assert "password_hash" not in body


def test_new_tokens_are_given_when_refreshing(client: httpx.Client) -> None:
    first = _login(client)
    second = _refresh(client, first["refresh_token"])
    assert second.status_code == 200
    assert second.json()["refresh_token"] != first["refresh_token"]
    assert _me(client, second.json()["access_token"]) == 200


def test_whole_session_ends_when_a_refresh_token_is_used_after_its_successor(client: httpx.Client) -> None:
    first = _login(client)
    other_session = _login(client)
    second = _refresh(client, first["refresh_token"]).json()
    third = _refresh(client, second["refresh_token"]).json()
    assert _refresh(client, first["refresh_token"]).status_code == 401
    assert _refresh(client, third["refresh_token"]).status_code == 401
    assert _me(client, third["access_token"]) == 401
    assert _refresh(client, other_session["refresh_token"]).status_code == 200


def test_one_successor_comes_out_when_many_refresh_at_once(client: httpx.Client) -> None:
    token = _login(client)["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _refresh(client, token), range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert _refresh(client, successors.pop()).status_code == 200


def test_refresh_is_refused_when_it_is_given_an_access_token(client: httpx.Client, admin_token: str) -> None:
    assert _refresh(client, admin_token).status_code == 401


def test_refresh_token_opens_nothing_when_used_as_access_token(client: httpx.Client) -> None:
    assert _me(client, _login(client)["refresh_token"]) == 401


def test_session_ends_when_logging_out_without_a_body(client: httpx.Client) -> None:
    tokens = _login(client)
    assert _me(client, tokens["access_token"]) == 200
    response = client.post("/api/v1/auth/logout", headers=bearer(tokens["access_token"]))
    assert response.status_code == 200
    assert _me(client, tokens["access_token"]) == 401
    assert _refresh(client, tokens["refresh_token"]).status_code == 401


def test_named_session_ends_when_logging_out_with_its_refresh_token(client: httpx.Client) -> None:
    here, there = _login(client), _login(client)
    body = {"refresh_token": there["refresh_token"]}
    assert client.post("/api/v1/auth/logout", headers=bearer(here["access_token"]), json=body).status_code == 200
    assert _refresh(client, there["refresh_token"]).status_code == 401
    assert _refresh(client, here["refresh_token"]).status_code == 200


def test_session_of_somebody_else_lives_when_a_stranger_logs_it_out(client: httpx.Client, viewer_token: str) -> None:
    admin = _login(client)
    body = {"refresh_token": admin["refresh_token"]}
    assert client.post("/api/v1/auth/logout", headers=bearer(viewer_token), json=body).status_code == 401
    assert _refresh(client, admin["refresh_token"]).status_code == 200


def _change_operator(database: Database, **values: object) -> None:
    def change(session: Session) -> None:
        user = users.find_by_username(session, "operator")
        assert user is not None
        for name, value in values.items():
            setattr(user, name, value)
        session.add(user)

    database.write(change).result(timeout=20)


@pytest.mark.parametrize("change", [{"is_active": False}, {"token_generation": 1}])
def test_new_session_checks_refuse_when_the_account_was_changed(
    client: httpx.Client, database: Database, change: dict[str, object]
) -> None:
    tokens = _login(client, "operator")
    _change_operator(database, **change)
    assert _me(client, tokens["access_token"]) == 401  # not asked for before: nothing is remembered
    assert _refresh(client, tokens["refresh_token"]).status_code == 401


def test_disabled_user_cannot_log_in_when_the_password_is_right(client: httpx.Client, database: Database) -> None:
    _change_operator(database, is_active=False)
    response = client.post("/api/v1/auth/login", json={"username": "operator", "password": PASSWORD})
    assert response.status_code == 401


def test_expired_tokens_are_removed_when_their_user_logs_in(client: httpx.Client, database: Database) -> None:
    _login(client, "viewer")

    def expire(session: Session) -> str:
        user = users.find_by_username(session, "viewer")
        assert user is not None
        user_id = user.id
        old = {
            "jti": "old",
            "family": "old",
            "user_id": user_id,
            "expires_at": datetime.fromisoformat("2020-01-01T00:00:00Z"),
        }
        session.add(RefreshToken.model_validate(old))
        return user_id

    database.write(expire).result(timeout=20)
    _login(client, "viewer")
    with database.read() as session:
        assert session.get(RefreshToken, "old") is None


def test_password_is_not_repeated_when_the_request_is_malformed(client: httpx.Client) -> None:
    response = client.post("/api/v1/auth/login", json={"username": {"a": "S3CRET"}, "password": ["S3CRET"]})
    assert response.status_code == 422
    assert isinstance(response.json()["detail"], str)
    assert "S3CRET" not in response.text
