"""A real MLflow server on a free port, as the platform starts it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

_READY_DEADLINE_S = 90.0
ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """A port of this machine that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mlflow_server(data_dir: Path) -> Iterator[str]:
    """The base URL of a server on its own folder; it ends with the block."""
    port = free_port()
    command = [sys.executable, "-m", "registry.server", "--data-dir", str(data_dir), "--port", str(port)]
    with (data_dir.parent / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ}, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, data_dir.parent / "mlflow.log")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _READY_DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=2.0, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"MLflow did not start:\n{log.read_text()[-2000:]}")
