"""An API process that can be killed and is back at once.

Most of a start is importing libraries. A parent imports them once and forks; the child then runs the very entry point
of the API, `serving.api_process.run`, and is what gets killed. All tests of a session share one parent. Run as a
program, this file is that parent.
"""

import asyncio
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
import httpx

from tests.ports import free_port

if TYPE_CHECKING:
    from serving.settings import Settings

_START_DEADLINE_S = 90.0
_END_DEADLINE_S = 60.0
_LOOK_EVERY_S = 0.01


def environment_of(settings: "Settings", **more: str) -> dict[str, str]:
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
        **more,
    }


class Forker:
    """A process that has imported the API, and forks one whenever it is told to, by any thread.

    Args:
        prefix: Command under which Python runs, for instance strace.
    """

    def __init__(self, prefix: tuple[str, ...] = ()) -> None:
        command = [*prefix, sys.executable, "-m", "tests.faults.killable"]
        self._parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # Two threads that wait in `readline` may each get the other's answer, or lose it: the second one empties the
        # buffer in which the first has left its line (CPython 3.11, `_buffered_readline`).
        self._one_at_a_time = threading.Lock()

    def fork(self, environment: dict[str, str], log: Path, before: str) -> int:
        """The number of a new process."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        order = {"environment": environment, "log": str(log), "before": before}
        with self._one_at_a_time:
            self._parent.stdin.write(json.dumps(order).encode() + b"\n")
            self._parent.stdin.flush()
            return int(self._parent.stdout.readline())

    def close(self) -> None:
        """Ends it; what it forked must have ended before."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.kill()
        self._parent.wait(timeout=30)
        self._parent.stdin.close()
        self._parent.stdout.close()


class KillableApi:
    """The API of a data folder, in a process of its own.

    Args:
        forker: What starts it.
        environment: Its settings.
        log: File for what it writes.
        before: Function of `tests.faults.faulty` that is called in the process before the API starts.
    """

    def __init__(self, forker: Forker, environment: dict[str, str], log: Path, *, before: str = "") -> None:
        self.base_url = f"http://127.0.0.1:{environment['API_PORT']}"
        self.pid = 0
        self._forker, self._environment, self._log, self._before = forker, environment, log, before
        self._process = -1  # a descriptor: the number may be another one's tomorrow

    def start(self) -> None:
        """Starts the API and waits until it is healthy."""
        self.pid = self._forker.fork(self._environment, self._log, self._before)
        self._process = os.pidfd_open(self.pid)
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        """Waits for the health endpoint's yes."""
        give_up_at, pause = time.monotonic() + _START_DEADLINE_S, threading.Event()
        with httpx.Client(base_url=self.base_url, trust_env=False, timeout=5.0) as client:
            while time.monotonic() < give_up_at:
                assert not self.is_gone, f"the API ended: {self._log.read_text(errors='replace')[-2000:]}"
                try:
                    if client.get("/api/v1/health").status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                pause.wait(_LOOK_EVERY_S)
        raise AssertionError("the API did not become healthy")

    def kill(self) -> None:
        """SIGKILL, and waits until the process is gone."""
        signal.pidfd_send_signal(self._process, signal.SIGKILL)
        self.wait_until_gone()

    @property
    def is_gone(self) -> bool:
        """Whether it has ended."""
        return self._process < 0 or bool(select.select([self._process], [], [], 0)[0])

    def wait_until_gone(self) -> None:
        """Waits for the end of a process that dies by itself."""
        assert select.select([self._process], [], [], _END_DEADLINE_S)[0], "the API does not end"
        os.close(self._process)
        self._process = -1

    def close(self) -> None:
        """Ends the API."""
        if self._process >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signal.SIGKILL)
            self.wait_until_gone()


def _become_api(order: dict[str, Any]) -> None:
    sys.stdin.close()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order["environment"])
    os.environ[SUPERVISOR_PID] = str(os.getppid())  # nobody is left behind when the tests are killed
    if order["before"]:
        getattr(importlib.import_module("tests.faults.faulty"), order["before"])()
    serving.api_process.run()


def _import_what_a_start_imports() -> None:
    """Half of the processor time of a start is what libraries import when they are first used."""
    httpx.Client(trust_env=False).close()
    asyncio.run(anyio.lowlevel.checkpoint())
    gc.collect()
    gc.freeze()


def _serve_orders() -> None:
    for line in sys.stdin:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        pid = os.fork()
        if pid == 0:
            _become_api(json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    import serving.api_process
    from serving.command.parent import SUPERVISOR_PID

    _import_what_a_start_imports()
    _serve_orders()
