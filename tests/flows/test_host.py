"""The host of flows: whatever ends it or its runs, no run stays *Running* and no process stays behind."""

import os
import signal

import httpx
import pytest
from mlflow import MlflowClient

from models.bundle import Bundle
from registry.publish import publish_bundle
from registry.rest import MlflowRest
from registry.version import DEPLOYED, MODEL_NAME
from tests.flows.in_flow import start_in_flow
from tests.prefect_platform import PrefectPlatform, process_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.training]


@pytest.fixture
def long_run(platform: PrefectPlatform, tiny_bundle: Bundle) -> str:
    """A run that is at work and would go on for minutes."""
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    run_id = client.create_run("0").info.run_id
    version = publish_bundle(client, tiny_bundle, run_id=run_id, tags={}).version
    with MlflowRest(platform.mlflow_url) as rest:
        rest.set_alias(MODEL_NAME, DEPLOYED, version)
    flow_run = platform.run("benchmark", iterations=3_000_000)
    platform.wait_for(flow_run, "RUNNING")
    wait_until(lambda: process_of(flow_run), "the run has a process")
    return flow_run


def test_run_is_cancelled_when_the_host_is_told_to_stop(platform: PrefectPlatform, long_run: str) -> None:
    assert platform.stop("host", signal.SIGTERM) == 0
    assert platform.state_of(long_run)[0] == "CANCELLED"
    assert process_of(long_run) is None
    platform.start("host")


def test_run_is_crashed_and_its_process_gone_when_the_host_was_killed(platform: PrefectPlatform, long_run: str) -> None:
    platform.stop("host", signal.SIGKILL)
    platform.start("host")
    platform.wait_for(long_run, "CRASHED")
    wait_until(lambda: process_of(long_run) is None, "the orphan is gone")
    next_run = platform.run("benchmark", iterations=5)
    assert platform.wait_for(next_run, "COMPLETED", "FAILED", "CRASHED")[0] == "COMPLETED"


def test_run_is_crashed_when_its_process_is_killed(platform: PrefectPlatform, long_run: str) -> None:
    process = process_of(long_run)
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    platform.wait_for(long_run, "CRASHED")


def test_run_ends_when_it_is_cancelled(platform: PrefectPlatform, long_run: str) -> None:
    cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    httpx.post(f"{platform.api}/flow_runs/{long_run}/set_state", json=cancelling, trust_env=False).raise_for_status()
    platform.wait_for(long_run, "CANCELLED")
    wait_until(lambda: process_of(long_run) is None, "the process is gone")


def test_subflow_is_crashed_when_its_process_was_killed(platform: PrefectPlatform, long_run: str) -> None:
    """The parent's end is what a runner reports of a killed process; of a subflow nobody speaks."""
    imports, call = "from flows.benchmark import benchmark", "benchmark(iterations=3_000_001)"
    with start_in_flow(platform, imports, call) as process:
        child = wait_until(lambda: _run_with(platform, 3_000_001), "the subflow is at work")
        process.kill()
    parent = wait_until(lambda: _parent_of(platform, child), "the parent is found")
    assert platform.state_of(child)[0] == "RUNNING"
    crashed = {"state": {"type": "CRASHED", "name": "Crashed"}, "force": True}
    httpx.post(f"{platform.api}/flow_runs/{parent}/set_state", json=crashed, trust_env=False).raise_for_status()
    assert "it belongs to has ended" in platform.wait_for(child, "CRASHED")[1]
    assert platform.state_of(long_run)[0] == "RUNNING"  # which has no parent
    cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    httpx.post(f"{platform.api}/flow_runs/{long_run}/set_state", json=cancelling, trust_env=False).raise_for_status()
    platform.wait_for(long_run, "CANCELLED")


def _run_with(platform: PrefectPlatform, iterations: int) -> str | None:
    running = {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}
    found = httpx.post(f"{platform.api}/flow_runs/filter", json=running, trust_env=False).json()
    return next((str(run["id"]) for run in found if run["parameters"].get("iterations") == iterations), None)


def _parent_of(platform: PrefectPlatform, child: str) -> str:
    run = httpx.get(f"{platform.api}/flow_runs/{child}", trust_env=False).json()
    task_run = httpx.get(f"{platform.api}/task_runs/{run['parent_task_run_id']}", trust_env=False).json()
    return str(task_run["flow_run_id"])
