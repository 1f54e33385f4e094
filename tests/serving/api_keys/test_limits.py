"""What a key may reach and how often; when its use is written down; how soon a revoked one is dead elsewhere."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from serving.api_keys import service
from serving.api_keys.book import MAX_AGE_S, KeyBook
from serving.api_keys.schemas import ApiKeyIn
from serving.api_keys.secret import new_secret
from serving.app import create_app
from serving.audit.actor import PLATFORM
from serving.auth.principal import ROLES
from serving.clock import utc_now
from serving.database import Database
from serving.settings import Settings
from serving.tables import ApiKey
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve


def make_key(database: Database, **wanted: Any) -> tuple[str, str]:
    """Id and secret of a new key, made behind the API's back."""
    secret = new_secret()
    order = ApiKeyIn.model_validate({"name": f"key {secret[6:12]}", **wanted})
    made = database.write(lambda session: service.create(session, order, secret, by=PLATFORM, now=utc_now())).result(
        timeout=20
    )
    return made.id, secret


def _revoke(database: Database, key_id: str) -> None:
    database.write(lambda session: service.revoke(session, key_id, by=PLATFORM, now=utc_now())).result(timeout=20)


@pytest.fixture
def keyed(client: httpx.Client, database: Database, png: bytes) -> httpx.Client:
    """A client with the key of an operator for the stations `a` and `b`; something was inspected at `c`."""
    engineer = bearer(log_in(client, "engineer"))
    for station in ("a", "c"):
        answer = client.post(
            "/api/v1/inspect", files={"file": ("x", png)}, data={"station_id": station}, headers=engineer
        )
        assert answer.status_code == 200
    client.headers["X-API-Key"] = make_key(database, stations=["b", "a"])[1]
    return client


def test_other_stations_are_shut_when_the_key_names_some(keyed: httpx.Client, png: bytes) -> None:
    def inspect(data: dict[str, str], params: dict[str, str]) -> int:
        return keyed.post("/api/v1/inspect", files={"file": ("x", png)}, data=data, params=params).status_code

    assert inspect({"station_id": "b"}, {}) == 200
    assert inspect({}, {"station_id": "a"}) == 200
    assert inspect({"station_id": "c"}, {}) == 403
    assert inspect({"station_id": "c"}, {"station_id": "a"}) == 403  # the form field decides
    assert inspect({}, {}) == 403  # the station `default` is not among them
    assert keyed.post("/api/v1/inspect/camera", params={"station_id": "c"}).status_code == 403
    assert keyed.post("/api/v1/inspect/camera", params={"station_id": "a"}).status_code == 200
    assert keyed.get("/api/v1/auth/me").json()["stations"] == ["a", "b"]


def test_only_their_inspections_are_shown_when_the_key_names_stations(keyed: httpx.Client) -> None:
    page = keyed.get("/api/v1/inspections").json()
    assert ([row["station_id"] for row in page["inspections"]], page["total"]) == (["a"], 1)
    assert keyed.get("/api/v1/inspections", params={"station_id": "b"}).json()["total"] == 0
    assert keyed.get("/api/v1/inspections", params={"station_id": "c"}).status_code == 403
    own = page["inspections"][0]
    assert keyed.get(f"/api/v1/inspect/{own['id']}").status_code == 200
    assert keyed.get(own["image_url"]).status_code == 200


def test_other_inspection_is_not_there_when_the_key_names_stations(
    client: httpx.Client, database: Database, png: bytes
) -> None:
    engineer = bearer(log_in(client, "engineer"))
    other = client.post(
        "/api/v1/inspect", files={"file": ("x", png)}, data={"station_id": "c"}, headers=engineer
    ).json()
    key = {"X-API-Key": make_key(database, stations=["a"])[1]}
    assert client.get(f"/api/v1/inspect/{other['id']}", headers=key).status_code == 404
    assert client.get(other["image_url"].partition("?")[0], headers=key).status_code == 403
    assert client.get("/api/v1/stations", headers=key).json() == {"stations": []}
    assert client.get("/api/v1/stations/c", headers=key).status_code == 404


def test_everything_else_is_shut_when_the_key_names_stations(
    app: FastAPI, client: httpx.Client, database: Database
) -> None:
    """Every route of the document, as an administrator's key: what does not look at the station is closed."""
    key = {"X-API-Key": make_key(database, role="admin", stations=["a"])[1]}
    open_to_all = {"/api/v1/health", "/api/v1/auth/login", "/api/v1/auth/refresh", "/metrics"}
    reached = set()
    for path, operations in app.openapi()["paths"].items():
        for method in operations:
            if path in open_to_all or path.startswith("/static/images"):
                continue
            status = client.request(method.upper(), path.replace("{", "").replace("}", ""), headers=key).status_code
            if status != 403:
                reached.add((method.upper(), path))
    assert reached == {
        ("GET", "/api/v1/auth/me"),
        ("GET", "/api/v1/export/csv"),
        ("GET", "/api/v1/export/report"),
        ("GET", "/api/v1/export/report/{inspection_id}"),
        ("POST", "/api/v1/inspect"),
        ("GET", "/api/v1/inspect/{inspection_id}"),
        ("GET", "/api/v1/inspections"),
        ("GET", "/api/v1/events"),
        ("GET", "/api/v1/stations"),
        ("GET", "/api/v1/stations/{station_id}"),
        ("GET", "/api/v1/statistics"),
        ("GET", "/api/v1/statistics/parts"),
        ("GET", "/api/v1/trends"),
        ("POST", "/api/v1/query"),
    }  # and the camera, whose default station is not `a`


@pytest.mark.parametrize("role", ROLES)
def test_role_decides_when_a_key_names_no_station(client: httpx.Client, database: Database, role: str) -> None:
    key = {"X-API-Key": make_key(database, role=role)[1]}
    asked = [
        ("viewer", client.get("/api/v1/stations", headers=key)),
        ("operator", client.post("/api/v1/alerts/none/acknowledge", headers=key)),
        ("engineer", client.put("/api/v1/stations/s", json={}, headers=key)),
        ("admin", client.get("/api/v1/audit", headers=key)),
    ]
    for needed, answer in asked:
        assert (answer.status_code != 403) == (ROLES.index(role) >= ROLES.index(needed)), (needed, answer.text)


@pytest.fixture
def limited(settings: Settings) -> Iterator[httpx.Client]:
    app = create_app(settings.model_copy(update={"rate_limit_default": "5/minute"}))
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def test_each_key_has_its_own_limit_when_it_asks_often(limited: httpx.Client, database: Database) -> None:
    def ask(key: str, times: int) -> list[int]:
        return [limited.get("/api/v1/auth/me", headers={"X-API-Key": key}).status_code for _ in range(times)]

    plain, other, wide = (make_key(database)[1], make_key(database)[1], make_key(database, rate_limit="8/hour")[1])
    assert ask(plain, 6) == [200] * 5 + [429]
    assert ask(other, 6) == [200] * 5 + [429]
    assert ask(wide, 9) == [200] * 8 + [429]
    assert limited.get("/api/v1/health").status_code == 200  # the address is not charged
    assert ask("ussop_made-up", 5) == [401] * 4 + [429]  # but it is for keys that are none


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def test_revoked_key_is_dead_within_five_seconds_when_another_process_did_it(database: Database) -> None:
    monotonic = _Clock()
    book = KeyBook(monotonic=monotonic)
    book.open(database)
    key_id, secret = make_key(database)
    assert await book.find(secret) is not None
    _revoke(database, key_id)
    monotonic.now_s += 5.0
    assert await book.find(secret) is None
    assert MAX_AGE_S < 5.0


async def test_new_key_is_known_at_once_when_told(database: Database) -> None:
    book = KeyBook(monotonic=_Clock())
    book.open(database)
    assert await book.find("ussop_made-up") is None
    _, secret = make_key(database)
    assert await book.find(secret) is None  # not told yet
    book.forget()
    assert await book.find(secret) is not None


async def test_database_is_left_alone_when_a_key_comes_again(database: Database) -> None:
    monotonic = _Clock()
    book = KeyBook(monotonic=monotonic)
    book.open(database)
    key_id, secret = make_key(database)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    for _ in range(1000):
        assert await book.find(secret) is not None
        assert await book.find("ussop_made-up") is None
    database.write(lambda _session: None).result(timeout=20)
    assert len([text for text in statements if text.startswith("SELECT")]) == 1
    assert len([text for text in statements if text.startswith("UPDATE")]) == 1
    with database.read() as session:
        first = session.get(ApiKey, key_id)
    assert first is not None
    assert first.last_used_at is not None
    monotonic.now_s += 61.0
    assert await book.find(secret) is not None
    database.write(lambda _session: None).result(timeout=20)
    with database.read() as session:
        second = session.get(ApiKey, key_id)
    assert second is not None
    assert second.last_used_at is not None
    assert second.last_used_at > first.last_used_at


def test_none_is_made_when_there_are_too_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_KEYS", 2)
    make = partial(make_key, database)
    make()
    key_id, _ = make()
    with pytest.raises(Exception, match="2 keys already"):
        make()
    _revoke(database, key_id)
    make()
