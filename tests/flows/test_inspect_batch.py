"""Batch jobs from the API to the stored verdicts: a real API, a real Prefect server and the host of flows."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models.bundle import Bundle
from tests.contracts.reference import content_as_documented
from tests.flows.api_process import Api, api_process
from tests.pictures import png_bytes, square_picture
from tests.prefect_platform import PrefectPlatform, process_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.training]

_MANY = 1500
_CANCEL_WITHIN_S = 5.0
_START = ("POST", "/api/v1/batch/jobs/{job_id}/start")


@pytest.fixture(scope="module")
def api(platform: PrefectPlatform, tiny_bundle: Bundle) -> Iterator[Api]:
    """An API process on the platform's data folder, prepared as `ussop up` does."""
    with api_process(platform, tiny_bundle) as running:
        yield running


@pytest.fixture(scope="module")
def many_pictures(platform: PrefectPlatform) -> Path:
    """More pictures than are inspected in a few seconds."""
    folder = platform.folder / "inbox" / "many"
    folder.mkdir(parents=True)
    pictures = [png_bytes(square_picture(colour)) for colour in (None, "red", "pale_red")]
    for number in range(_MANY):
        (folder / f"{number:05}.png").write_bytes(pictures[number % 3])
    return folder


def test_every_picture_has_its_verdict_and_bad_files_are_named_when_completed(
    platform: PrefectPlatform, api: Api, tmp_path: Path
) -> None:
    folder = platform.folder / "inbox" / "shift_a"
    folder.mkdir(parents=True)
    for name, colour in {"a": None, "b": "red", "c": "blue", "d": "pale_red", "e": None}.items():
        (folder / f"{name}.png").write_bytes(png_bytes(square_picture(colour)))  # type: ignore[arg-type]
    (folder / "f.png").write_bytes(b"no picture")
    (folder / "g.txt").write_bytes(b"does not match")
    (tmp_path / "secret.png").write_bytes(png_bytes(square_picture("red")))
    (folder / "h.png").symlink_to(tmp_path / "secret.png")
    job_id = api.started(folder, "shift-a")
    assert api.status_of("POST", f"/batch/jobs/{job_id}/start") == 409
    job = api.wait_for(job_id, "completed")
    assert (job["total"], job["processed"], job["failed"], job["progress"]) == (6, 6, 1, 100.0)
    assert job["decisions"] == {"pass": 2, "fail": 2, "uncertain": 1}
    assert [error["file"] for error in job["errors"]] == ["f.png"]
    assert job["flow_run_url"].endswith(job["flow_run_id"])
    parts = {i["part_id"] for i in api.call("GET", "/inspections?station_id=shift-a")["inspections"]}
    assert parts == {"a.png", "b.png", "c.png", "d.png", "e.png"}
    wanted = {"artifacts": {"flow_run_id": {"any_": [job["flow_run_id"]]}}}
    artifacts = httpx.post(f"{platform.api}/artifacts/filter", json=wanted, trust_env=False).json()
    assert {a["type"] for a in artifacts} == {"progress", "table"}


def test_job_goes_on_without_doubles_when_its_process_was_killed(api: Api, many_pictures: Path) -> None:
    job_id = api.started(many_pictures, "killed")
    wait_until(lambda: api.job(job_id)["processed"] >= 30, "some pictures are inspected")
    process = process_of(api.job(job_id)["flow_run_id"])
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    failed = api.wait_for(job_id, "failed", deadline_s=60.0)
    assert 30 <= failed["processed"] < _MANY
    assert failed["error"]
    content_as_documented(_START, api.call("POST", f"/batch/jobs/{job_id}/start"))
    job = api.wait_for(job_id, "completed")
    assert job["decisions"] == {"pass": _MANY // 3, "fail": _MANY // 3, "uncertain": _MANY // 3}
    assert (job["error"], job["total"]) == (None, _MANY)
    assert api.stored("killed") == _MANY


def test_job_ends_within_seconds_when_it_is_cancelled(api: Api, many_pictures: Path) -> None:
    job_id = api.started(many_pictures, "cancelled")
    wait_until(lambda: api.job(job_id)["processed"] >= 10, "some pictures are inspected")
    flow_run = api.job(job_id)["flow_run_id"]
    began_s = time.monotonic()
    api.call("POST", f"/batch/jobs/{job_id}/cancel")
    wait_until(lambda: process_of(flow_run) is None, "the process is gone")
    assert time.monotonic() - began_s < _CANCEL_WITHIN_S
    job = api.wait_for(job_id, "cancelled", deadline_s=30.0)
    assert 10 <= job["processed"] == api.stored("cancelled") < _MANY


def test_run_fails_with_the_reason_when_the_folder_is_not_allowed(platform: PrefectPlatform, api: Api) -> None:
    run_id = platform.run("inspect-batch", input_dir="/etc")
    kind, message = platform.wait_for(run_id, "COMPLETED", "FAILED", "CRASHED")
    assert kind == "FAILED"
    assert "BATCH_ROOTS" in message
