"""Making, using and revoking API keys, over the wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import col, select, update

from serving.database import Database
from serving.tables import ApiKey, AuditEntry
from tests.serving.conftest import bearer

_URL = "/api/v1/api-keys"


@pytest.fixture
def admin(client: httpx.Client, admin_token: str) -> dict[str, str]:
    """The headers of an administrator."""
    return bearer(admin_token)


def make_key(client: httpx.Client, admin: dict[str, str], **changes: Any) -> dict[str, Any]:
    answer = client.post(_URL, json={"name": "line 3 PLC", **changes}, headers=admin)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def status_with(client: httpx.Client, key: str, path: str = "/api/v1/auth/me") -> int:
    return client.get(path, headers={"X-API-Key": key}).status_code


def test_secret_is_shown_once_when_a_key_is_made(
    client: httpx.Client, admin: dict[str, str], database: Database
) -> None:
    answer = client.post(_URL, json={"name": "line 3 PLC"}, headers=admin)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    secret = made["key"]
    assert secret.startswith("ussop_")
    assert len(secret) >= 48
    assert (made["role"], made["stations"], made["created_by"]) == ("operator", None, "admin")
    listed = client.get(_URL, headers=admin)
    assert listed.json()["total"] == 1
    assert listed.json()["api_keys"][0]["prefix"] == secret[:12]
    with database.read() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "api_key.created")).one()
        row = session.exec(select(ApiKey)).one()
    for text in (listed.text, str(entry.model_dump()), str(row.model_dump())):
        assert secret not in text
        assert secret[12:] not in text


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_key_opens_the_api_when_sent_in_either_header(client: httpx.Client, admin: dict[str, str], header: str) -> None:
    made = make_key(client, admin, role="viewer")
    value = made["key"] if header == "X-API-Key" else f"Bearer {made['key']}"
    me = client.get("/api/v1/auth/me", headers={header: value})
    assert me.status_code == 200
    body = me.json()
    assert (body["id"], body["username"], body["roles"], body["kind"]) == (
        made["id"],
        "line 3 PLC",
        ["viewer"],
        "api_key",
    )
    assert client.get("/api/v1/inspections", headers={header: value}).status_code == 200
    assert client.post("/api/v1/inspect/camera", headers={header: value}).status_code == 403


def test_picture_is_inspected_in_the_keys_name_when_sent(
    client: httpx.Client, admin: dict[str, str], png: bytes
) -> None:
    made = make_key(client, admin)
    headers = {"X-API-Key": made["key"], "Idempotency-Key": "a"}
    first = client.post("/api/v1/inspect", files={"file": ("x", png)}, headers=headers)
    again = client.post("/api/v1/inspect", files={"file": ("x", png)}, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["id"] == first.json()["id"]


@pytest.mark.parametrize(
    "key", ["ussop_", "ussop_made-up", "made-up", "ussop_" + "x" * 43, "\xff\xfe", "ussop_\xe4", "x" * 5000]
)
def test_door_stays_shut_when_the_key_is_made_up(client: httpx.Client, admin: dict[str, str], key: str) -> None:
    make_key(client, admin)
    for headers in ({b"X-API-Key": key.encode("latin-1")}, {b"Authorization": f"Bearer {key}".encode("latin-1")}):
        answer = client.get("/api/v1/auth/me", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        body = client.post("/api/v1/alerts/x/acknowledge", headers=headers, content=b"{}")
        assert body.status_code == 401


def test_token_counts_for_nothing_when_a_bad_key_comes_with_it(client: httpx.Client, admin: dict[str, str]) -> None:
    assert client.get("/api/v1/auth/me", headers={**admin, "X-API-Key": "ussop_made-up"}).status_code == 401
    viewer = make_key(client, admin, role="viewer")
    assert client.get(_URL, headers={**admin, "X-API-Key": viewer["key"]}).status_code == 403


def test_key_is_dead_at_once_when_revoked(client: httpx.Client, admin: dict[str, str]) -> None:
    made, other = make_key(client, admin), make_key(client, admin, name="other")
    assert status_with(client, made["key"]) == 200
    assert client.delete(f"{_URL}/{made['id']}", headers=admin).json() == {"status": "revoked", "id": made["id"]}
    assert status_with(client, made["key"]) == 401
    assert status_with(client, other["key"]) == 200
    assert client.delete(f"{_URL}/{made['id']}", headers=admin).status_code == 404
    assert [key["name"] for key in client.get(_URL, headers=admin).json()["api_keys"]] == ["other"]
    every = client.get(_URL, params={"revoked": True}, headers=admin).json()["api_keys"]
    assert {key["name"]: key["revoked_by"] for key in every} == {"other": None, "line 3 PLC": "admin"}
    make_key(client, admin)  # the name is free again


def test_key_is_dead_when_it_has_expired(client: httpx.Client, admin: dict[str, str], database: Database) -> None:
    made = make_key(client, admin, expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert status_with(client, made["key"]) == 200
    past = datetime.now(UTC) - timedelta(seconds=1)
    statement = update(ApiKey).where(col(ApiKey.id) == made["id"]).values(expires_at=past)
    database.write(lambda session: session.exec(statement)).result(timeout=20)
    client.delete(f"{_URL}/{make_key(client, admin, name='x')['id']}", headers=admin)  # lets the API read them anew
    assert status_with(client, made["key"]) == 401


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"name": ""}, 422),
        ({"name": "  "}, 422),
        ({"name": "x" * 65}, 422),
        ({"name": "a\nb"}, 422),
        ({"name": "taken"}, 409),
        ({"role": "root"}, 422),
        ({"stations": []}, 422),
        ({"stations": ["a b"]}, 422),
        ({"rate_limit": "many"}, 422),
        ({"rate_limit": "0/minute"}, 422),
        ({"rate_limit": "10/fortnight"}, 422),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422),
        ({"expires_at": "2120-01-01T00:00:00"}, 422),
        ({"secret": "my own"}, 422),
    ],
)
def test_no_key_is_made_when_the_request_is_wrong(
    client: httpx.Client, admin: dict[str, str], changes: dict[str, Any], status: int
) -> None:
    make_key(client, admin, name="taken")
    answer = client.post(_URL, json={"name": "new", **changes}, headers=admin)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert client.get(_URL, headers=admin).json()["total"] == 1


def test_key_makes_nobody_else_when_it_is_an_administrators(client: httpx.Client, admin: dict[str, str]) -> None:
    made = make_key(client, admin, role="admin")
    headers = {"X-API-Key": made["key"]}
    user = {"username": "jo", "password": "another long password"}
    password = {"old_password": "x", "new_password": "another long password"}
    answers = [
        client.get(_URL, headers=headers),
        client.post(_URL, json={"name": "another"}, headers=headers),
        client.delete(f"{_URL}/{made['id']}", headers=headers),
        client.get("/api/v1/users", headers=headers),
        client.post("/api/v1/users", json=user, headers=headers),
        client.put("/api/v1/users/me", json={"email": None}, headers=headers),
        client.put("/api/v1/users/me/password", json=password, headers=headers),
        client.post("/api/v1/auth/logout", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert client.get("/api/v1/audit", headers=headers).status_code == 200
    entries = client.get("/api/v1/audit", params={"action": "user."}, headers=headers).json()["entries"]
    assert entries == []


def test_acts_are_told_of_the_key_when_it_did_them(client: httpx.Client, admin: dict[str, str]) -> None:
    made = make_key(client, admin, role="engineer")
    answer = client.put("/api/v1/stations/s", json={"name": "S"}, headers={"X-API-Key": made["key"]})
    assert answer.status_code == 200
    entry = client.get("/api/v1/audit", params={"action": "station."}, headers=admin).json()["entries"][0]
    assert entry["actor"] == {"kind": "api_key", "id": made["id"], "name": "line 3 PLC"}
    assert entry["address"] == "127.0.0.1"


def test_key_will_do_where_a_token_does_when_documented(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["ApiKey"]["name"] == "X-API-Key"
    assert {"ApiKey": []} in document["paths"]["/api/v1/inspect"]["post"]["security"]
    assert {"ApiKey": []} not in document["paths"][_URL]["post"]["security"]
    assert document["paths"]["/api/v1/inspect"]["post"]["security"].count({"ApiKey": []}) == 1
