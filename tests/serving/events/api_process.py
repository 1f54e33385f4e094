"""The API as a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from serving.settings import Settings
from tests.ports import free_port

_ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def api_process(settings: Settings, log: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """A client of the real process, which logs everything it can, and the process."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(settings.data_dir),
        "API_PORT": str(port),
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "RATE_LIMIT_DEFAULT": "100000/minute",
        "STORAGE_RESERVE_MB": "0",
    }
    with log.open("wb") as file:
        command = [sys.executable, "-m", "serving.main"]
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=file, stderr=file)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
            give_up_at = time.monotonic() + 60
            while True:
                with suppress(httpx.TransportError):
                    client.get("/api/v1/health")
                    break
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < give_up_at
                time.sleep(0.1)
            yield client, process
    finally:
        process.terminate()
        process.wait(30)
