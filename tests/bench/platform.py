"""A platform to measure: `ussop up` on a data folder of its own, as a user starts it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ADMIN_PASSWORD = "bench-only-password"
_READY_DEADLINE_S = 180.0


@contextmanager
def running_platform(data_dir: Path, **extra_env: str) -> Iterator[tuple[httpx.Client, float]]:
    """A logged-in client of the platform, and the seconds from the start to the first healthy answer.

    Args:
        data_dir: Its data folder, which may be empty.
        extra_env: Settings beyond the defaults.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "DATA_DIR": str(data_dir),
        "API_PORT": str(port),
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "RATE_LIMIT_DEFAULT": "1000000/minute",
        "LOG_LEVEL": "WARNING",
    }
    ussop = shutil.which("ussop", path=str(Path(sys.executable).parent))
    if ussop is None:
        raise RuntimeError("the `ussop` command is not installed beside this Python")
    started = time.monotonic()
    process = subprocess.Popen([ussop, "up"], env={**os.environ, **settings, **extra_env}, stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0, trust_env=False) as client:
            _wait_until_healthy(client, process)
            ready_s = time.monotonic() - started
            login = {"username": "admin", "password": ADMIN_PASSWORD}
            token = client.post("/api/v1/auth/login", json=login).raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client, ready_s
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_healthy(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_DEADLINE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"`ussop up` ended with {process.returncode}")
        try:
            if client.get("/api/v1/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise RuntimeError("the API did not become healthy")
