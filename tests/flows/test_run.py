"""The command line of the flows, as a person types it: on real servers, with a bar, one line for a failure."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient

from models.bundle import Bundle
from registry.publish import publish_bundle
from tests.mlflow_server import ROOT
from tests.ports import free_port
from tests.prefect_platform import PrefectPlatform
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.training]
PYTHON = [sys.executable, "-m", "flows.run"]


@pytest.fixture(scope="module")
def version(platform: PrefectPlatform, tiny_bundle: Bundle) -> str:
    """A version to benchmark."""
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    return publish_bundle(client, tiny_bundle, run_id=client.create_run("0").info.run_id, tags={}).version


def _run(platform: PrefectPlatform, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**platform.environment, "PREFECT_LOGGING_LEVEL": "INFO", **variables}
    return subprocess.run(
        [*PYTHON, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def _newest_run(platform: PrefectPlatform) -> dict[str, Any]:
    wanted = {"flows": {"name": {"any_": ["benchmark"]}}, "sort": "EXPECTED_START_TIME_DESC", "limit": 1}
    runs = httpx.post(f"{platform.api}/flow_runs/filter", json=wanted, trust_env=False).json()
    newest: dict[str, Any] = runs[0]
    return newest


def test_result_is_on_stdout_and_the_way_there_on_stderr_when_a_flow_is_run(
    platform: PrefectPlatform, version: str
) -> None:
    done = _run(platform, "benchmark", "--version", version, "--iterations", "20")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == version
    assert f"The run is kept by the Prefect server http://127.0.0.1:{platform.prefect_port}." in done.stderr
    assert f"benchmark of version {version}: 0 %" in done.stderr
    assert f"benchmark of version {version}: 100 %" in done.stderr
    run = _newest_run(platform)
    assert (run["state_type"], run["tags"]) == ("COMPLETED", ["model"])
    assert run["parameters"] == {"version": version, "iterations": 20, "device": "AUTO"}


def test_one_line_and_an_exit_code_say_why_when_a_flow_fails(platform: PrefectPlatform) -> None:
    failed = _run(platform, "benchmark", "--version", "999", f"--server={platform.api}")
    assert failed.returncode == 1
    assert failed.stdout == ""
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("Error: ")]
    assert line.startswith("Error: benchmark: Failed: UnknownVersionError: ")
    assert "Traceback" not in failed.stderr
    assert "Traceback" in _run(platform, "benchmark", "--version", "999", "--traceback").stderr


def test_same_is_reached_by_the_platforms_own_command(platform: PrefectPlatform, version: str) -> None:
    command = [sys.executable, "-m", "serving.command.main", "flow", "benchmark", "--version", version]
    done = subprocess.run(
        [*command, "--iterations", "2"],
        cwd=ROOT,
        env=platform.environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == version


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["benchmark", "--iterations", "many"], "--iterations: Input should be a valid integer"),
        (["fine-tune", "--dataset", "x", "--epochs", "0"], "--epochs: Input should be greater than or equal to 1"),
        (["fine-tune", "--dataset", "x", "--grouping", "colour"], "'colour' is not one of 'picture', 'magnetic-tile'"),
        (["fine-tune"], "Missing option '--dataset'"),
        (["promotion"], "there is no flow 'promotion'; there are benchmark,"),
    ],
)
def test_refused_before_anything_runs_when_a_value_makes_no_sense(
    platform: PrefectPlatform, arguments: list[str], said: str
) -> None:
    refused = _run(platform, *arguments)
    assert refused.returncode == 2
    assert said in refused.stderr


def test_refused_when_the_named_server_does_not_answer(platform: PrefectPlatform) -> None:
    refused = _run(platform, "benchmark", "--server", f"http://127.0.0.1:{free_port()}")
    assert refused.returncode == 1
    assert "no Prefect server answers at" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_an_ephemeral_server_is_used_and_named_when_there_is_none(
    platform: PrefectPlatform, version: str, tmp_path: Path
) -> None:
    alone = {"DATA_DIR": str(tmp_path / "new" / "data"), "PREFECT_PORT": str(free_port())}
    done = _run(platform, "benchmark", "--version", version, "--iterations", "3", **alone)
    assert done.returncode == 0, done.stderr
    assert "an ephemeral one is used" in done.stderr
    assert json.loads(done.stdout)["version"] == version
    assert (tmp_path / "new" / "data" / "prefect-ephemeral" / "prefect.db").is_file()


def test_a_bar_is_drawn_when_a_person_watches(platform: PrefectPlatform, version: str) -> None:
    own, theirs = pty.openpty()
    command = [*PYTHON, "benchmark", "--version", version, "--iterations", "20"]
    environment = {**platform.environment, "PREFECT_LOGGING_LEVEL": "INFO", "COLUMNS": "120", "TERM": "xterm"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                block = os.read(own, 65536)
            except OSError:  # how Linux says that the other end of a terminal is closed
                break
            seen += block
        assert process.wait(60) == 0
    os.close(own)
    text = seen.decode()
    assert "━" in text
    assert "20/20" in text
    assert f"version {version}:" in text  # the log beside it


def test_run_does_not_stay_running_when_the_command_is_told_to_stop(platform: PrefectPlatform, version: str) -> None:
    command = [*PYTHON, "benchmark", "--version", version, "--iterations", "3000000"]
    with subprocess.Popen(command, cwd=ROOT, env=platform.environment, stderr=subprocess.DEVNULL) as process:

        def at_work() -> bool:
            run = _newest_run(platform)
            return bool(run["parameters"]["iterations"] == 3000000 and run["state_type"] == "RUNNING")

        wait_until(at_work, "the run is at work")
        process.send_signal(signal.SIGINT)
        # The state is told to the server first; on SQLite that may take several tries while others write.
        assert process.wait(120) != 0
    wait_until(lambda: _newest_run(platform)["state_type"] == "CRASHED", "the run has ended")
