"""An API process on the data folder of a test's platform, and what an administrator sees of it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from models.bundle import Bundle
from registry.local_store import LocalStore
from registry.rest import MlflowRest
from registry.version import DEPLOYED, MODEL_NAME
from serving.command.first_admin import ensure_admin
from serving.command.preparation import prepare_data_dir, prepare_database
from serving.command.service_account import ensure_service_account
from serving.secrets_file import with_secret_key
from serving.settings import Settings
from tests.mlflow_server import ROOT
from tests.prefect_platform import PrefectPlatform
from tests.waiting import wait_until

_PASSWORD = "correct horse battery"


class Api:
    """The API process, as an administrator sees it."""

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


@contextmanager
def api_process(platform: PrefectPlatform, bundle: Bundle) -> Iterator[Api]:
    """The process, prepared as `ussop up` does, with this bundle deployed; it ends with the block."""
    settings = Settings(_env_file=None, data_dir=platform.folder, admin_password=SecretStr(_PASSWORD))
    prepare_data_dir(settings)
    settings = with_secret_key(settings)
    prepare_database(settings)
    store = LocalStore(settings.bundles_dir)
    store.point(DEPLOYED, store.install(bundle.root).digest)
    _forget_aliases(platform)
    ensure_admin(settings)
    ensure_service_account(settings)
    limits = {"RATE_LIMIT_DEFAULT": "100000/minute", "MODEL_POLL_S": "3600"}
    with (platform.folder / "api.log").open("ab") as log:
        command = [sys.executable, "-m", "serving.main"]
        process = subprocess.Popen(command, cwd=ROOT, env=platform.environment | limits, stdout=log, stderr=log)
    try:
        api = Api(f"http://127.0.0.1:{platform.api_port}")
        yield api
        api.close()
    finally:
        process.terminate()
        process.wait(30)


def _forget_aliases(platform: PrefectPlatform) -> None:
    """Where another test left a deployed version in the registry, the API would follow it."""
    with MlflowRest(platform.mlflow_url) as rest:
        for alias in {alias for version in rest.versions(MODEL_NAME) for alias in version.aliases}:
            rest.delete_alias(MODEL_NAME, alias)
