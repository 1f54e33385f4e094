"""What is told, apart from inspections: each with the change that it tells of, or not at all."""

import httpx
import pytest
from fastapi import FastAPI

from serving.alerts.service import raise_alert, resolve_alert
from serving.audit.actor import PLATFORM
from serving.database import Database
from serving.stations import service
from serving.stations.schemas import StationUpdate
from tests.serving.conftest import bearer
from tests.serving.events.following import following, platform_of


def test_station_is_told_when_it_was_configured(client: httpx.Client, engineer_token: str, viewer_token: str) -> None:
    with following(client, viewer_token, station_id="line-1") as follower:
        body = {"name": "Line 1", "thresholds": {"scratch": {"accept_below": 0.1, "reject_above": 0.2}}}
        for station_id in ("line-2", "line-1"):
            answer = client.put(f"/api/v1/stations/{station_id}", json=body, headers=bearer(engineer_token))
            assert answer.status_code == 200
        told = follower.next_of("station")["data"]
    assert (told["station_id"], told["name"], told["revision"]) == ("line-1", "Line 1", answer.json()["revision"])


def test_alert_is_told_when_it_is_raised_and_when_it_ends(
    app: FastAPI, client: httpx.Client, viewer_token: str
) -> None:
    database = platform_of(app).database
    with following(client, viewer_token) as follower:
        database.write(lambda session: raise_alert(session, "error", "Camera", "unplugged", "camera")).result(20)
        raised = follower.next_of("alert")["data"]
        database.write(lambda session: resolve_alert(session, "camera")).result(20)
        ended = follower.next_of("alert")["data"]
    assert (raised["title"], raised["resolved_at"]) == ("Camera", None)
    assert ended["resolved_at"] is not None


def test_job_is_told_when_it_is_made_and_cancelled(app: FastAPI, client: httpx.Client, operator_token: str) -> None:
    folder = platform_of(app).settings.data_dir / "inbox"
    folder.mkdir()
    with following(client, operator_token) as follower:
        body = {"name": "shift 2", "input_dir": str(folder), "station_id": "line-1"}
        job = client.post("/api/v1/batch/jobs", json=body, headers=bearer(operator_token)).json()
        made = follower.next_of("job")["data"]
        client.post(f"/api/v1/batch/jobs/{job['id']}/cancel", headers=bearer(operator_token))
        cancelled = follower.next_of("job")["data"]
    assert {name: made[name] for name in ("kind", "id", "name", "station_id", "status")} == {
        "kind": "batch",
        "id": job["id"],
        "name": "shift 2",
        "station_id": "line-1",
        "status": "pending",
    }
    assert (cancelled["id"], cancelled["status"]) == (job["id"], "cancelled")


def test_nothing_is_told_when_the_change_is_rolled_back(app: FastAPI, client: httpx.Client, viewer_token: str) -> None:
    platform = platform_of(app)

    def fail(database: Database) -> None:
        def write(session: object) -> None:
            now = platform.clock()
            service.configure(session, "line-9", StationUpdate(name="never"), by=PLATFORM, now=now)  # type: ignore[arg-type]
            raise LookupError("and then something went wrong")

        with pytest.raises(LookupError):
            database.write(write).result(20)

    with following(client, viewer_token) as follower:
        fail(platform.database)
        platform.database.write(lambda session: raise_alert(session, "info", "t", "m", "key")).result(20)
        assert follower.next_of("station", "alert")["type"] == "alert"
    assert client.get("/api/v1/stations/line-9", headers=bearer(viewer_token)).status_code == 404
