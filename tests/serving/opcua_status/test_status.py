"""What the API says of the OPC UA server, and what it tells that process."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from serving.client import ClientError, ServiceAccount
from serving.client_opcua import OpcUaClient
from serving.command.service_account import ensure_service_account
from serving.database import Database
from serving.opcua_status.schemas import BUCKET_S, Heartbeat
from serving.opcua_status.watch import SILENCE_S, OpcUaWatch
from serving.settings import Settings
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import PASSWORD, bearer
from tests.serving.past import Part, Past

_BEAT: dict[str, Any] = {
    "endpoint": "opc.tcp://127.0.0.1:4840/ussop",
    "nodes": ["station/line-1", "SystemStatus"],
    "station_count": 1,
    "sessions": 2,
    "subscriptions": 3,
    "insecure": False,
    "machine_vision": True,
    "certificate_expires_at": "2031-01-01T00:00:00Z",
    "last_seq": 7,
}


@pytest.fixture
def platform_client(client: httpx.Client, settings: Settings) -> Iterator[OpcUaClient]:
    """A client under the platform's own account."""
    account = ServiceAccount.read(ensure_service_account(settings))
    with OpcUaClient(str(client.base_url), account) as own:
        yield own


def test_server_is_not_running_when_nobody_was_heard(client: httpx.Client, viewer_token: str) -> None:
    told = client.get("/api/v1/opcua/status", headers=bearer(viewer_token)).json()
    assert {name: told[name] for name in ("enabled", "running", "endpoint", "station_count", "nodes")} == {
        "enabled": False,
        "running": False,
        "endpoint": "opc.tcp://127.0.0.1:4840/ussop",
        "station_count": 0,
        "nodes": [],
    }


def test_server_runs_when_it_was_heard(client: httpx.Client, viewer_token: str, platform_client: OpcUaClient) -> None:
    state = platform_client.opcua_heartbeat(Heartbeat.model_validate(_BEAT))
    assert (state.problem, state.camera_problem) == (None, None)
    told = client.get("/api/v1/opcua/status", headers=bearer(viewer_token)).json()
    assert (told["running"], told["nodes"], told["last_seq"]) == (True, _BEAT["nodes"], 7)


def test_server_is_dead_within_five_seconds_when_it_falls_silent(settings: Settings, database: Database) -> None:
    now_s = 100.0
    watch = OpcUaWatch(settings.model_copy(update={"opcua_enabled": True}), database, lambda: now_s)
    watch.hear(Heartbeat.model_validate(_BEAT), datetime.now(UTC))
    now_s += SILENCE_S - 0.1
    assert watch.status().running
    now_s += 0.2
    assert (watch.status().running, watch.status().nodes) == (False, [])
    assert SILENCE_S < 5


def test_snapshot_counts_all_time_when_taken(app: FastAPI, platform_client: OpcUaClient, database: Database) -> None:
    now = datetime.now(UTC)
    old = [Part(now - timedelta(days=40, seconds=n), "fail", "line-1") for n in range(3)]
    fresh = [Part(now - timedelta(seconds=n), "pass", "line-1") for n in range(2)]
    Past(database).store(*old, *fresh, Part(now, "uncertain", "line-2"))
    snapshot = platform_client.opcua_snapshot()
    by_id = {told.station_id: told for told in snapshot.stations}
    first, second = by_id["line-1"], by_id["line-2"]
    assert (first.passed, first.failed, first.uncertain) == (2, 3, 0)
    assert (second.passed, second.failed, second.uncertain) == (0, 0, 1)
    assert sum(bucket[1] for bucket in first.last_hour) == sum(bucket[2] for bucket in first.last_hour) == 2
    assert all(abs(bucket[0] * BUCKET_S - now.timestamp()) < 60 for bucket in first.last_hour)
    assert first.last is not None
    assert first.last.decision == "pass"


def test_nothing_is_counted_twice_when_events_follow_a_snapshot(
    client: httpx.Client, operator_token: str, platform_client: OpcUaClient
) -> None:
    files = {"file": ("part.png", png_bytes(square_picture("red")), "image/png")}
    ids = []
    for _ in range(3):
        answer = client.post("/api/v1/inspect", files=files, headers=bearer(operator_token))
        ids.append(answer.json()["id"])
    snapshot = platform_client.opcua_snapshot()
    page = platform_client.events(snapshot.seq, types="inspection", limit=100, wait_s=0)
    after = [str(event.data["id"]) for event in page.events if event.data["id"] not in snapshot.ahead]
    counted = sum(told.passed + told.failed + told.uncertain for told in snapshot.stations)
    assert counted + len(after) == 3


def test_results_come_in_order_when_asked_for_a_span(
    client: httpx.Client, viewer_token: str, database: Database
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    Past(database).store(*[Part(now - timedelta(minutes=n), "pass", "line-1", f"SN-{n}") for n in range(5)])
    query = {"station_id": "line-1", "since": (now - timedelta(minutes=3)).isoformat(), "until": now.isoformat()}
    headers = bearer(viewer_token)
    told = client.get("/api/v1/opcua/results", params=query | {"limit": "3"}, headers=headers).json()
    assert [row["part_id"] for row in told["results"]] == ["SN-3", "SN-2", "SN-1"]
    assert told["has_more"]
    newest = client.get("/api/v1/opcua/results", params=query | {"newest_first": "true"}, headers=headers).json()
    assert [row["part_id"] for row in newest["results"]] == ["SN-0", "SN-1", "SN-2", "SN-3"]
    assert not newest["has_more"]
    wrong = query | {"since": now.isoformat(), "until": query["since"]}
    assert client.get("/api/v1/opcua/results", params=wrong, headers=headers).status_code == 422


def test_logins_are_counted_once_when_the_password_is_wrong(platform_client: OpcUaClient) -> None:
    with pytest.raises(ClientError) as caught:
        platform_client.log_in_user("viewer", "wrong password 1")
    assert caught.value.status == 401
    tokens = platform_client.log_in_user("viewer", PASSWORD)
    assert platform_client.user_of(tokens.access_token).username == "viewer"
    assert platform_client.refresh_user(tokens.refresh_token).user.username == "viewer"
