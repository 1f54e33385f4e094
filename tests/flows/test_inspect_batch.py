"""Batch jobs from the API to the stored verdicts: a real API, a real Prefect server and the host of flows."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from models.bundle import Bundle
from registry.local_store import LocalStore
from serving.command.first_admin import ensure_admin
from serving.command.preparation import prepare_data_dir, prepare_database
from serving.command.service_account import ensure_service_account
from serving.secrets_file import with_secret_key
from serving.settings import Settings
from tests.mlflow_server import ROOT
from tests.pictures import png_bytes, square_picture
from tests.prefect_platform import PrefectPlatform, process_of, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.training]

_PASSWORD = "correct horse battery"
_MANY = 1500
_CANCEL_WITHIN_S = 5.0


class _Api:
    """The API process, as an operator sees it."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.Client(base_url=f"{base_url}/api/v1", timeout=20.0, trust_env=False)
        wait_until(self._log_in, "the API answers")

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    def _log_in(self) -> bool:
        try:
            answer = self._client.post("/auth/login", json={"username": "admin", "password": _PASSWORD})
        except httpx.TransportError:
            return False
        if answer.status_code == 200:
            self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer.status_code == 200

    def call(self, method: str, path: str, **content: Any) -> Any:
        """The JSON of a call that must succeed."""
        answer = self._client.request(method, path, **content)
        assert answer.is_success, answer.text
        return answer.json()

    def status_of(self, method: str, path: str) -> int:
        """The HTTP status of a call that may fail."""
        return self._client.request(method, path).status_code

    def started(self, folder: Path, station_id: str) -> str:
        """The id of a job that was started, once somebody can run it."""
        wanted = {"name": "Shift A", "input_dir": str(folder), "file_pattern": "*.png", "station_id": station_id}
        job_id = str(self.call("POST", "/batch/jobs", json=wanted)["id"])
        wait_until(lambda: self.status_of("POST", f"/batch/jobs/{job_id}/start") == 200, "the job is started")
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        """The job now."""
        job: dict[str, Any] = self.call("GET", f"/batch/jobs/{job_id}")
        return job

    def wait_for(self, job_id: str, status: str, deadline_s: float = 120.0) -> dict[str, Any]:
        """The job, once it has ended."""
        wait_until(lambda: self.job(job_id)["status"] not in {"pending", "running"}, "the job ends", deadline_s)
        job = self.job(job_id)
        assert job["status"] == status, job
        return job

    def stored(self, station_id: str) -> int:
        """Number of stored inspections of a station."""
        return int(self.call("GET", f"/inspections?station_id={station_id}&limit=1")["total"])


@pytest.fixture(scope="module")
def api(platform: PrefectPlatform, tiny_bundle: Bundle) -> Iterator[_Api]:
    """An API process on the platform's data folder, prepared as `ussop up` does."""
    settings = Settings(_env_file=None, data_dir=platform.folder, admin_password=SecretStr(_PASSWORD))
    prepare_data_dir(settings)
    settings = with_secret_key(settings)
    prepare_database(settings)
    store = LocalStore(settings.bundles_dir)
    store.point("deployed", store.install(tiny_bundle.root).digest)
    ensure_admin(settings)
    ensure_service_account(settings)
    limits = {"RATE_LIMIT_DEFAULT": "100000/minute", "MODEL_POLL_S": "3600"}
    with (platform.folder / "api.log").open("ab") as log:
        command = [sys.executable, "-m", "serving.main"]
        process = subprocess.Popen(command, cwd=ROOT, env=platform.environment | limits, stdout=log, stderr=log)
    try:
        api = _Api(f"http://127.0.0.1:{platform.api_port}")
        yield api
        api.close()
    finally:
        process.terminate()
        process.wait(30)


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
    platform: PrefectPlatform, api: _Api, tmp_path: Path
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


def test_job_goes_on_without_doubles_when_its_process_was_killed(api: _Api, many_pictures: Path) -> None:
    job_id = api.started(many_pictures, "killed")
    wait_until(lambda: api.job(job_id)["processed"] >= 30, "some pictures are inspected")
    process = process_of(api.job(job_id)["flow_run_id"])
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    failed = api.wait_for(job_id, "failed", deadline_s=60.0)
    assert 30 <= failed["processed"] < _MANY
    assert failed["error"]
    api.call("POST", f"/batch/jobs/{job_id}/start")
    job = api.wait_for(job_id, "completed")
    assert job["decisions"] == {"pass": _MANY // 3, "fail": _MANY // 3, "uncertain": _MANY // 3}
    assert (job["error"], job["total"]) == (None, _MANY)
    assert api.stored("killed") == _MANY


def test_job_ends_within_seconds_when_it_is_cancelled(api: _Api, many_pictures: Path) -> None:
    job_id = api.started(many_pictures, "cancelled")
    wait_until(lambda: api.job(job_id)["processed"] >= 10, "some pictures are inspected")
    flow_run = api.job(job_id)["flow_run_id"]
    began_s = time.monotonic()
    api.call("POST", f"/batch/jobs/{job_id}/cancel")
    wait_until(lambda: process_of(flow_run) is None, "the process is gone")
    assert time.monotonic() - began_s < _CANCEL_WITHIN_S
    job = api.wait_for(job_id, "cancelled", deadline_s=30.0)
    assert 10 <= job["processed"] == api.stored("cancelled") < _MANY


def test_run_fails_with_the_reason_when_the_folder_is_not_allowed(platform: PrefectPlatform, api: _Api) -> None:
    run_id = platform.run("inspect-batch", input_dir="/etc")
    kind, message = platform.wait_for(run_id, "COMPLETED", "FAILED", "CRASHED")
    assert kind == "FAILED"
    assert "BATCH_ROOTS" in message
