"""A real MLflow server on a free port, as the platform starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.ports import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def mlflow_server(data_dir: Path, port: int = 0) -> Iterator[str]:
    """The base URL of a server on its own folder, on a free port unless told which; it ends with the block."""
    port = port or free_port()
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
    def answers() -> bool:
        assert process.poll() is None, f"MLflow ended:\n{log.read_text()[-2000:]}"
        try:
            return httpx.get(f"{url}/health", timeout=2.0, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, "MLflow answers")
