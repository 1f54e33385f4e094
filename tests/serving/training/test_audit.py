"""What people order from Prefect is in the audit log."""

import json
from collections.abc import Iterator

import httpx
import pytest

pytest.importorskip("prefect", reason="needs the train extra")

from serving.app import create_app
from serving.settings import Settings
from tests.contracts.reference import as_documented
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve
from tests.serving.training.conftest import PrefectServer
from tests.serving.training.test_training import label

pytestmark = [pytest.mark.slow, pytest.mark.training]


@pytest.fixture
def admin(settings: Settings, prefect: PrefectServer) -> Iterator[httpx.Client]:
    """An administrator on an application that reads this Prefect server."""
    app = create_app(settings.model_copy(update={"prefect_port": prefect.port}))
    with serve(app) as url, httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "admin")))
        yield client


def _told(client: httpx.Client, answer: httpx.Response) -> tuple[str, str, str]:
    """Action, subject and name of the one entry that this request left."""
    entries = client.get("/api/v1/audit").json()["entries"]
    told = [entry for entry in entries if entry["request_id"] == answer.headers["X-Request-ID"]]
    (entry,) = [entry for entry in told if not entry["action"].startswith("dataset.")]
    return entry["action"], entry["subject"], entry["actor"]["name"]


def test_training_is_in_the_log_when_started_and_stopped(admin: httpx.Client, prefect: PrefectServer) -> None:
    label(admin, defective=15, good=8)
    started = admin.post("/api/v1/training/start", json={"epochs": 3})
    assert started.status_code == 202, started.text
    job = f"training/{started.json()['job_id']}"
    assert _told(admin, started) == ("training.started", job, "admin")
    prefect.set_state(started.json()["job_id"], "RUNNING")
    stopped = admin.post("/api/v1/training/stop")
    assert stopped.status_code == 202, stopped.text
    assert _told(admin, stopped) == ("training.stopped", job, "admin")
    assert json.loads(stopped.content)["state"] == "stopping"


def test_cleanup_is_in_the_log_when_started(admin: httpx.Client, prefect: PrefectServer) -> None:
    prefect.deploy("retention", "flows.retention.retention")
    started = admin.post("/api/v1/storage/cleanup", json={"allow_more": True})
    assert as_documented(started)["status"] == "started"
    assert _told(admin, started) == ("storage.cleanup_started", f"job/{started.json()['job_id']}", "admin")
