"""An API process that can be killed and is back at once.

Most of a start is importing libraries. A parent imports them once and forks; the child then runs the very entry point
of the API, `serving.api_process.run`, and is what gets killed. Run as a program, this file is that parent.
"""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from serving.settings import Settings

_START_DEADLINE_S = 60.0
_LOOK_EVERY_S = 0.01


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def environment_of(settings: "Settings") -> dict[str, str]:
    """The settings of an API on a prepared data folder and a port of its own, without OpenVINO."""
    assert settings.secret_key is not None
    return {
        "DATA_DIR": str(settings.data_dir),
        "API_PORT": str(free_port()),
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "RATE_LIMIT_DEFAULT": "1000000/minute",
        "OPENVINO_ENABLED": "false",
        "STORAGE_RESERVE_MB": "0",
        "LOG_FORMAT": "json",
    }


class KillableApi:
    """The API of a data folder, in a process of its own.

    Args:
        environment: Its settings.
        log: File for what it writes.
        before: Function of `tests.faults.faulty` that is called in the process before the API starts.
        prefix: Command under which Python runs, for instance strace.
    """

    def __init__(
        self, environment: dict[str, str], log: Path, *, before: str = "", prefix: tuple[str, ...] = ()
    ) -> None:
        self.base_url = f"http://127.0.0.1:{environment['API_PORT']}"
        self._log = log.open("ab")
        self._parent = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.faults.killable", *([before] if before else [])],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._pid = 0

    def start(self) -> None:
        """Starts the API and waits until it is healthy."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(b"start\n")
        self._parent.stdin.flush()
        self._pid = int(self._parent.stdout.readline())
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        """Waits for the health endpoint's yes."""
        give_up_at, pause = time.monotonic() + _START_DEADLINE_S, threading.Event()
        with httpx.Client(base_url=self.base_url, trust_env=False, timeout=5.0) as client:
            while time.monotonic() < give_up_at:
                try:
                    if client.get("/api/v1/health").status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                pause.wait(_LOOK_EVERY_S)
        raise AssertionError("the API did not become healthy")

    def kill(self) -> None:
        """SIGKILL, and waits until the process is gone."""
        os.kill(self._pid, signal.SIGKILL)
        self.wait_until_gone()

    def wait_until_gone(self) -> None:
        """Waits for the end of a process that dies by itself."""
        assert self._parent.stdout is not None
        assert self._parent.stdout.readline() == b"gone\n"
        self._pid = 0

    def close(self) -> None:
        """Ends the API and its parent."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._parent.kill()
        self._parent.wait(timeout=30)
        self._parent.stdin.close()
        self._parent.stdout.close()
        self._log.close()


def _serve_orders() -> None:
    import serving.api_process  # noqa: PLC0415 - only the parent needs it, before it forks

    for name in sys.argv[1:]:
        getattr(importlib.import_module("tests.faults.faulty"), name)()

    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            serving.api_process.run()
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        os.waitpid(pid, 0)
        sys.stdout.write("gone\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve_orders()
