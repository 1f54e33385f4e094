"""A real Prefect server, MLflow server and host of flows, started as the platform starts them, on free ports."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.mlflow_server import ROOT, mlflow_server
from tests.ports import free_port
from tests.waiting import wait_until


def process_of(flow_run: str) -> psutil.Process | None:
    """The living process of a flow run, None where there is none."""
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and process.environ().get("PREFECT__FLOW_RUN_ID") == flow_run:
                return process
        except psutil.Error:
            continue
    return None


@dataclass
class PrefectPlatform:
    """The running servers, and the host, which a test may stop or kill and start again."""

    folder: Path
    mlflow_url: str
    prefect_port: int
    api_port: int = field(default_factory=free_port)
    _processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def api(self) -> str:
        """Base URL of Prefect's API."""
        return f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def environment(self) -> dict[str, str]:
        """Settings of the platform, as environment variables."""
        mlflow_port = self.mlflow_url.rpartition(":")[2]
        ports = {"PREFECT_PORT": str(self.prefect_port), "MLFLOW_PORT": mlflow_port, "API_PORT": str(self.api_port)}
        return {**os.environ, "DATA_DIR": str(self.folder), **ports, "PREFECT_LOGGING_LEVEL": "WARNING"}

    def start(self, what: str) -> "subprocess.Popen[bytes]":
        """Starts `server` or `host`."""
        with (self.folder / f"{what}.log").open("ab") as log:
            command = [sys.executable, "-m", "flows.serve", what]
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        self._processes[what] = process
        return process

    def stop(self, what: str, sent: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and gives the exit code."""
        process = self._processes.pop(what)
        process.send_signal(sent)
        return process.wait(60)

    def stop_all(self) -> None:
        """Ends the host first: it needs the server to say goodbye."""
        for what in ("host", "server"):
            if what in self._processes:
                self.stop(what)

    def wait_for_server(self) -> None:
        """Waits until the server answers."""

        def healthy() -> bool:
            try:
                return httpx.get(f"{self.api}/health", timeout=2.0, trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        wait_until(healthy, "the Prefect server answers")

    def deployment_id(self, flow_name: str) -> str:
        """The id of a flow's deployment `default`, once the host has made it."""

        def find() -> str | None:
            answer = httpx.get(f"{self.api}/deployments/name/{flow_name}/default", timeout=10.0, trust_env=False)
            return str(answer.json()["id"]) if answer.status_code == 200 else None

        return str(wait_until(find, f"deployment {flow_name}/default exists"))

    def run(self, flow_name: str, **parameters: Any) -> str:
        """The id of a new run of a flow's deployment."""
        url = f"{self.api}/deployments/{self.deployment_id(flow_name)}/create_flow_run"

        def create() -> str | None:
            answer = httpx.post(url, json={"parameters": parameters}, timeout=10.0, trust_env=False)
            # On SQLite the server answers 503 while another request holds the lock; its own client retries too.
            return None if answer.status_code == 503 else str(answer.raise_for_status().json()["id"])

        return str(wait_until(create, f"a run of {flow_name} is created"))

    def state_of(self, run_id: str) -> tuple[str, str]:
        """Type and message of a run's state."""
        answer = httpx.get(f"{self.api}/flow_runs/{run_id}", timeout=10.0, trust_env=False).raise_for_status().json()
        state = answer.get("state") or {}
        return str(answer["state_type"]), str(state.get("message") or "")

    def wait_for(self, run_id: str, *types: str) -> tuple[str, str]:
        """The run's state, once its type is one of these."""

        def reached() -> tuple[str, str] | None:
            state = self.state_of(run_id)
            return state if state[0] in types else None

        found: tuple[str, str] = wait_until(reached, f"run {run_id} is {types}, now {self.state_of(run_id)}")
        return found


@contextmanager
def prefect_platform(folder: Path) -> Iterator[PrefectPlatform]:
    """The three processes on a data folder of their own; they start beside each other and end with the block."""
    (folder / "mlflow").mkdir(parents=True)
    mlflow_port = free_port()
    platform = PrefectPlatform(folder, f"http://127.0.0.1:{mlflow_port}", free_port())
    with ExitStack() as ending:
        ending.callback(platform.stop_all)  # also where MLflow does not start
        platform.start("server")
        platform.start("host")  # it waits for the server by itself
        ending.enter_context(mlflow_server(folder / "mlflow", mlflow_port))
        ending.callback(platform.stop_all)  # before MLflow ends: a run may have a word to say at its end
        platform.wait_for_server()
        yield platform
