"""Retention from the API to the files that are gone: a real API, a real Prefect server and the host of flows."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from models.bundle import Bundle
from serving.database import open_database
from serving.media.store import MediaStore
from serving.settings import Settings
from tests.flows.api_process import Api, api_process
from tests.prefect_platform import PrefectPlatform, process_of
from tests.serving.storage.stock import CONTENT, Stock
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.training]

ENDED = ("COMPLETED", "FAILED", "CRASHED")


@pytest.fixture(scope="module")
def api(platform: PrefectPlatform, tiny_bundle: Bundle) -> Iterator[Api]:
    """An API process on the platform's data folder."""
    with api_process(platform, tiny_bundle) as running:
        yield running


@pytest.fixture
def stock(platform: PrefectPlatform, api: Api) -> Iterator[Stock]:
    """Pictures of any age beside those of earlier tests."""
    settings = Settings(_env_file=None, data_dir=platform.folder)
    database = open_database(settings)
    yield Stock(database, MediaStore(settings.media_dir))
    database.close()


def cleanup(platform: PrefectPlatform, api: Api, **wanted: bool) -> dict[str, Any]:
    """The clean-up that was started, once the host has announced the flow."""
    platform.deployment_id("retention")
    started: dict[str, Any] = api.call("POST", "/storage/cleanup", json=wanted)
    return started


def artifacts(platform: PrefectPlatform, run_id: str) -> dict[str, dict[str, Any]]:
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    found = httpx.post(f"{platform.api}/artifacts/filter", json=wanted, trust_env=False).json()
    return {artifact["type"]: artifact for artifact in found}


def scheduled_runs(platform: PrefectPlatform) -> list[Any]:
    wanted = {
        "flows": {"name": {"any_": ["retention"]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "tags": {"all_": ["auto-scheduled"]}},
    }
    runs: list[Any] = httpx.post(f"{platform.api}/flow_runs/filter", json=wanted, trust_env=False).json()
    return runs


def some(api: Api) -> int:
    """So many pictures that they are more than a twentieth of all."""
    return int(api.call("GET", "/inspections?limit=1")["total"]) // 10 + 60


def test_old_pictures_go_when_the_clean_up_is_told_to(platform: PrefectPlatform, api: Api, stock: Stock) -> None:
    wait_until(lambda: scheduled_runs(platform), "the schedule has planned the nights to come")
    old, young = stock.add("pass", 60, count=some(api)), stock.add("pass", 2, count=30)
    refused = cleanup(platform, api)
    assert api.status_of("POST", "/storage/cleanup") == 409
    kind, message = platform.wait_for(refused["job_id"], *ENDED)
    assert (kind, message.partition(":")[0]) == ("FAILED", "Refused")
    assert "allow_more" in message
    assert "may go" in artifacts(platform, refused["job_id"])["markdown"]["data"]
    assert stock.left_of(old) == old
    assert "Retention refused" in stock.open_alerts()  # other tests' stations may have alerts of their own

    told = cleanup(platform, api, allow_more=True)
    assert told["url"].endswith(told["job_id"])
    kind, message = platform.wait_for(told["job_id"], *ENDED)
    assert (kind, message.split(" of ")[0]) == ("COMPLETED", str(len(old))), message
    assert (stock.left_of(old), stock.left_of(young)) == ([], young)
    assert "Retention refused" not in stock.open_alerts()
    made = artifacts(platform, told["job_id"])
    assert made["progress"]["data"] == 100.0
    assert f"{len(old)} of" in made["markdown"]["data"]
    last = api.call("GET", "/storage/usage")["last_cleanup"]
    assert (last["state"], last["started_by"]) == ("finished", "service")
    assert (last["deleted"], last["deleted_bytes"]) == (len(old), len(old) * len(CONTENT))
    actions = {entry["action"]: entry["actor"] for entry in api.call("GET", "/audit")["entries"]}
    assert {"storage.cleanup_started", "retention.begun", "retention.finished", "retention.refused"} <= set(actions)


def test_next_run_goes_on_when_the_process_was_killed(platform: PrefectPlatform, api: Api, stock: Stock) -> None:
    old = stock.add("pass", 60, count=some(api) + 400)
    run_id = platform.run("retention", allow_more=True, chunk=1)

    def deleted() -> int:
        last = api.call("GET", "/storage/usage")["last_cleanup"]
        return int(last["deleted"]) if last else 0

    before = deleted()
    process = wait_until(lambda: process_of(run_id), "the run has a process")
    wait_until(lambda: deleted() not in {0, before}, "some pictures are gone")
    os.kill(process.pid, signal.SIGKILL)
    assert platform.wait_for(run_id, *ENDED)[0] in {"FAILED", "CRASHED"}
    left = stock.left_of(old)
    assert 0 < len(left) < len(old)
    again = cleanup(platform, api, allow_more=True)
    assert platform.wait_for(again["job_id"], *ENDED)[0] == "COMPLETED"
    assert (stock.left_of(old), stock.to_remove()) == ([], [])


def test_nothing_goes_when_it_is_a_dry_run(platform: PrefectPlatform, api: Api, stock: Stock) -> None:
    old = stock.add("pass", 60, count=some(api))
    run_id = cleanup(platform, api, dry_run=True)["job_id"]
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "COMPLETED"
    assert message.startswith(f"Dry run: {len(old)} of")
    assert stock.left_of(old) == old
