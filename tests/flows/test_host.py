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
from tests.prefect_platform import PrefectPlatform, process_of, wait_until

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
