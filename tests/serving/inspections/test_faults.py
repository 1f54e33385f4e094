"""Faults while inspecting: an error status, no row, no file, an alert where people must act; never a pass."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, event

from registry.local_store import LocalStore
from serving.app import create_app
from serving.settings import Settings
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve
from tests.tiny_bundle import Fault, build_tiny_bundle

GOOD = png_bytes(square_picture(None))


@contextmanager
def operator_of(app: FastAPI) -> Iterator[httpx.Client]:
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        yield client


def send(client: httpx.Client, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/api/v1/inspect", files={"file": ("x", GOOD)}, headers=headers)


def assert_nothing_stored(client: httpx.Client, settings: Settings) -> None:
    assert client.get("/api/v1/inspections").json()["total"] == 0
    assert [path for path in settings.media_dir.rglob("*.png") if path.is_file()] == []


def alerts_of(client: httpx.Client, wait_for: Callable[[list[str]], bool]) -> list[str]:
    titles: list[str] = []
    for _ in range(200):  # alerts are written beside the request; each round trip is a wait of its own
        titles = [alert["title"] for alert in client.get("/api/v1/alerts").json()["alerts"]]
        if wait_for(titles):
            break
    return titles


def test_inspection_fails_with_an_alert_when_the_picture_cannot_be_stored(app: FastAPI, settings: Settings) -> None:
    with operator_of(app) as client:
        # A plain file where the folder of the year should be: the tests may run as root, who ignores mode bits.
        blocked = [settings.media_dir / str(year) for year in range(2024, 2100)]
        for path in blocked:
            path.write_bytes(b"")
        response = send(client, "k")
        assert (response.status_code, response.json()["code"]) == (503, "storage")
        assert "Retry-After" in response.headers
        assert_nothing_stored(client, settings)
        assert "Storage failing" in alerts_of(client, lambda titles: "Storage failing" in titles)
        for path in blocked:
            path.unlink()
        assert send(client, "k").status_code == 200


def test_nothing_is_left_when_the_database_is_full(app: FastAPI, settings: Settings) -> None:
    with operator_of(app) as client:
        engine = app.state.platform.database.engine

        def allow_no_growth(connection: Connection) -> None:
            connection.exec_driver_sql("PRAGMA max_page_count=1")

        assert send(client).status_code == 200
        kept = client.get("/api/v1/inspections").json()["total"]
        event.listen(engine, "begin", allow_no_growth)
        statuses = [send(client).status_code for _ in range(60)]
        event.remove(engine, "begin", allow_no_growth)
        assert set(statuses) == {200, 503}  # free pages take some, then the file would have to grow
        kept += statuses.count(200)
        assert client.get("/api/v1/inspections").json()["total"] == kept
        assert len([path for path in settings.media_dir.rglob("*.png") if path.is_file()]) == kept


@pytest.mark.parametrize("fault", ["nan", "negative_scores", "missing_prototypes"])
def test_there_is_no_verdict_when_the_network_gives_nonsense(settings: Settings, tmp_path: Path, fault: Fault) -> None:
    store = LocalStore(settings.bundles_dir)
    bundle = build_tiny_bundle(tmp_path / "broken", fault=fault, with_golden=False)
    store.point("deployed", store.install(bundle.root).digest)
    with operator_of(create_app(settings)) as client:
        response = send(client)
        assert response.status_code == 503
        assert "decision" not in response.json()
        assert_nothing_stored(client, settings)


def test_there_is_no_verdict_when_no_model_is_deployed(settings: Settings) -> None:
    (settings.bundles_dir / "deployed.json").unlink()
    with operator_of(create_app(settings)) as client:
        response = send(client)
        assert (response.status_code, response.json()["code"]) == (503, "not_ready")
        assert_nothing_stored(client, settings)
        assert client.get("/api/v1/health").status_code == 503


def test_there_is_no_verdict_when_a_bundle_was_altered(settings: Settings) -> None:
    model = next(settings.bundles_dir.glob("*/model.onnx"))
    model.write_bytes(model.read_bytes()[:-1] + b"\0")
    with operator_of(create_app(settings)) as client:
        assert send(client).status_code == 503


def test_requests_are_sent_away_when_more_wait_than_can_be_done(settings: Settings) -> None:
    async def storm(base_url: str, headers: httpx.Headers) -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=60)
        async with httpx.AsyncClient(
            base_url=base_url, headers=headers, limits=limits, timeout=30, trust_env=False
        ) as client:
            return await asyncio.gather(
                *(client.post("/api/v1/inspect", files={"file": ("x", GOOD)}) for _ in range(60))
            )

    app = create_app(settings)
    with operator_of(app) as client:
        app.state.platform.live.admission._most_jobs = 2
        responses = asyncio.run(storm(str(client.base_url), client.headers))
        stored = client.get("/api/v1/inspections").json()["total"]
        assert send(client).status_code == 200
    turned_away = [response for response in responses if response.status_code == 503]
    assert {response.status_code for response in responses} == {200, 503}
    assert {response.json()["code"] for response in turned_away} == {"overloaded"}
    assert all("Retry-After" in response.headers for response in turned_away)
    assert stored == len(responses) - len(turned_away)
