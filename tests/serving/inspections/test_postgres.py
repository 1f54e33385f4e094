"""The same way on PostgreSQL, and through a break of its connections."""

from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from sqlalchemy import text

from serving.app import create_app
from serving.database import Database, create_engine
from serving.schema import upgrade
from serving.settings import Settings
from serving.users import repository
from serving.users import service as users
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import PASSWORD, bearer, log_in
from tests.serving.postgres import is_installed, postgres
from tests.serving.server import serve

RED = png_bytes(square_picture("red"))

pytestmark = pytest.mark.skipif(not is_installed(), reason="PostgreSQL is not installed on this machine")


@pytest.fixture
def url() -> Iterator[str]:
    with postgres() as url:
        engine = create_engine(url)
        upgrade(engine)
        database = Database(engine, queue_size=8)
        user = users.new_user("engineer", PASSWORD, ["engineer"])
        database.write(partial(repository.add, user=user)).result(timeout=30)
        database.close()
        yield url


@pytest.fixture
def engineer(settings: Settings, url: str) -> Iterator[httpx.Client]:
    app = create_app(settings.model_copy(update={"database_url": url}))
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=30, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "engineer")))
        yield client


def send(client: httpx.Client, key: str) -> httpx.Response:
    return client.post("/api/v1/inspect", files={"file": ("x", RED)}, headers={"Idempotency-Key": key})


def test_inspections_are_stored_listed_replayed_and_deleted_when_on_postgresql(engineer: httpx.Client) -> None:
    first, second = send(engineer, "a").json(), send(engineer, "b").json()
    assert first["decision"] == "fail"
    assert send(engineer, "a").headers["Idempotency-Replayed"] == "true"
    page = engineer.get("/api/v1/inspections", params={"decision": "fail", "station_id": "default"}).json()
    assert [row["id"] for row in page["inspections"]] == [second["id"], first["id"]]
    assert page["inspections"][1]["detections"] == first["detections"]
    assert page["inspections"][1]["created_at"] == first["created_at"]
    assert engineer.get(first["image_url"]).content == RED
    config = {"thresholds": {"scratch": {"accept_below": 0.9, "reject_above": 0.95}}}
    assert engineer.put("/api/v1/stations/default", json=config).status_code == 200
    assert engineer.delete(f"/api/v1/inspect/{first['id']}").status_code == 200
    assert engineer.get("/api/v1/inspections").json()["total"] == 1


def test_each_key_gives_one_row_when_the_connections_are_cut(engineer: httpx.Client, url: str) -> None:
    cutter = create_engine(url)
    cut = text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    for number in range(10):
        key = str(number)
        with cutter.connect() as connection:
            connection.execute(cut)
        answers = [send(engineer, key) for _ in range(3)]  # a cut connection may cost one attempt, not the key
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert answers[-1].status_code == 200
    cutter.dispose()
    assert engineer.get("/api/v1/inspections").json()["total"] == 10
