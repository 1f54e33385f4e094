"""`ussop up` as a process: what it starts, keeps alive and ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.serving.conftest import PASSWORD

_ROOT = Path(__file__).resolve().parents[3]
_DEADLINE_S = 60.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")

pytestmark = pytest.mark.slow


class _Ussop:
    """Runs `ussop` in a folder of its own, on a port of its own."""

    def __init__(self, folder: Path, data_dir: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        self.environment = kept | {
            "DATA_DIR": str(data_dir),
            "API_PORT": str(self.port),
            "PYTHONPATH": str(_ROOT),
            "JOBS_ENABLED": "false",
            "RATE_LIMIT_DEFAULT": "100000/minute",
        }
        self.folder = folder
        self.log = folder / "log"

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The finished command."""
        command = [sys.executable, "-m", "serving.command.main", *arguments]
        environment = self.environment | variables
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=_DEADLINE_S, check=False
        )

    def start(self) -> subprocess.Popen[bytes]:
        """The running platform; its output goes to `log`."""
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "serving.command.main", "up"]
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)

    def is_healthy(self) -> bool:
        """Whether the API answers that it can inspect."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/health", timeout=2, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200


def _wait(condition: Callable[[], bool], what: str, deadline_s: float = _DEADLINE_S) -> float:
    """Seconds until the condition held."""
    pause, began_s = threading.Event(), time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < deadline_s, f"{what}: not within {deadline_s} s"
        pause.wait(0.05)
    return time.monotonic() - began_s


def _api(supervisor: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [child for child in psutil.Process(supervisor.pid).children() if "serving.main" in child.cmdline()]


@pytest.fixture
def ussop(tmp_path: Path, prepared_data_dir: Path) -> _Ussop:
    shutil.copytree(prepared_data_dir, tmp_path / "var")
    return _Ussop(tmp_path, tmp_path / "var")


@pytest.fixture
def running(ussop: _Ussop) -> Iterator[subprocess.Popen[bytes]]:
    """A platform that is up; whatever the test leaves of it is killed."""
    process = ussop.start()
    family: list[psutil.Process] = []
    try:
        _wait(ussop.is_healthy, f"healthy; log: {ussop.log}")
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        yield process
    finally:
        if process.poll() is None:
            family = [*family, *psutil.Process(process.pid).children(recursive=True)]
        for member in family:
            if member.is_running():
                member.kill()
        process.wait(_DEADLINE_S)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_every_process_ends_when_the_platform_is_stopped(
    ussop: _Ussop, running: subprocess.Popen[bytes], stop: signal.Signals
) -> None:
    family = psutil.Process(running.pid).children(recursive=True)
    assert family
    running.send_signal(stop)
    running.wait(_DEADLINE_S)
    assert [child for child in family if child.is_running()] == []
    assert not ussop.is_healthy()


def test_api_comes_back_when_it_was_killed(ussop: _Ussop, running: subprocess.Popen[bytes]) -> None:
    (before,) = _api(running)
    before.kill()
    _wait(lambda: not before.is_running(), "the kill")
    _wait(ussop.is_healthy, "healthy again")
    (after,) = _api(running)
    assert after.pid != before.pid


def test_api_dies_when_its_supervisor_is_killed(running: subprocess.Popen[bytes]) -> None:
    (api,) = _api(running)
    running.kill()
    running.wait(_DEADLINE_S)
    _wait(lambda: not api.is_running() or api.status() == psutil.STATUS_ZOMBIE, "the death of the API", 5.0)


def test_second_start_is_refused_when_the_platform_runs(ussop: _Ussop, running: subprocess.Popen[bytes]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other_port = probe.getsockname()[1]
    for variables in ({}, {"API_PORT": str(other_port)}):
        second = ussop.run("up", **variables)
        expected = "API_PORT: cannot listen" if not variables else "already running"
        # Where the folder's path is too long for a socket, only the port can tell.
        if variables and not (ussop.folder / "var" / "run" / "supervisor.sock").exists():
            continue
        assert second.returncode == 1
        assert expected in second.stderr or "already running" in second.stderr
        assert second.stderr.count("\n") == 1
    assert ussop.is_healthy()
    assert running.poll() is None


def test_output_is_whole_and_without_secrets_when_it_is_a_file(ussop: _Ussop, running: subprocess.Popen[bytes]) -> None:
    url = f"http://127.0.0.1:{ussop.port}"
    with httpx.Client(base_url=url, trust_env=False) as client:
        tokens = client.post("/api/v1/auth/login", json={"username": "viewer", "password": PASSWORD}).json()
        client.get("/static/images/a.jpg?exp=1&sig=SIGNATURE&token=" + tokens["access_token"])
        client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    running.terminate()
    running.wait(_DEADLINE_S)
    log = ussop.log.read_text(encoding="utf-8")
    assert log.startswith("Ussop on http://127.0.0.1:")
    assert "Application startup complete" in log
    key = (ussop.folder / "var" / "secret.key").read_text(encoding="utf-8").strip()
    for secret in ("SIGNATURE", PASSWORD, key, tokens["access_token"], tokens["refresh_token"]):
        assert secret not in log


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"API_PORT": "notaport"}, "API_PORT: "),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is shorter than 32 bytes"),
        ({"DATA_DIR": "/proc/ussop"}, "the data folder /proc/ussop cannot be used"),
        ({"OPCUA_ENABLED": "true", "OPCUA_HOST": "no.such.host.invalid"}, "OPCUA_PORT: cannot listen"),
        ({"OPCUA_ENABLED": "true", "OPCUA_PORT": "4200", "API_PORT": "4200"}, "API_PORT and OPCUA_PORT are both 4200"),
        ({"DATABASE_URL": "postgresql://ussop@127.0.0.1:1/none"}, "the database cannot be prepared"),
    ],
)
def test_start_fails_with_one_line_when_something_is_wrong(
    ussop: _Ussop, variables: dict[str, str], expected: str
) -> None:
    outcome = ussop.run("up", **variables)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("ussop: ")
    assert expected in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_database_is_made_when_upgraded_in_an_empty_folder(ussop: _Ussop, tmp_path: Path) -> None:
    first = ussop.run("db", "upgrade", DATA_DIR=str(tmp_path / "fresh"))
    assert (first.returncode, first.stdout) == (0, "the database is up to date\n")
    assert (tmp_path / "fresh" / "ussop.db").stat().st_mode & 0o077 == 0


def test_api_is_refused_when_the_database_was_not_upgraded(ussop: _Ussop, tmp_path: Path) -> None:
    outcome = ussop.run("api", DATA_DIR=str(tmp_path / "fresh"))
    assert outcome.returncode == 1
    assert "run `ussop db upgrade`" in outcome.stderr


def test_new_password_is_printed_when_reset(ussop: _Ussop) -> None:
    outcome = ussop.run("admin", "reset-password", "--username", "operator")
    assert outcome.returncode == 0
    name, password = outcome.stdout.strip().split(": ")
    assert name == "operator"
    assert len(password) >= 20
    missing = ussop.run("admin", "reset-password", "--username", "nobody")
    assert (missing.returncode, missing.stderr) == (1, "ussop: there is no user 'nobody'\n")


def test_report_names_devices_and_services_when_examined(ussop: _Ussop) -> None:
    outcome = ussop.run("doctor", PREFECT_PORT="1", MLFLOW_PORT="1")
    assert outcome.returncode == 0, outcome.stdout
    assert "CPU" in next(line for line in outcome.stdout.splitlines() if "OpenVINO devices" in line)
    assert "tiny 1, intact" in outcome.stdout
    assert "no answer at http://127.0.0.1:1/api/health" in outcome.stdout
    sick = ussop.run("doctor", DATA_DIR=str(ussop.folder / "nothing"))
    assert sick.returncode == 1
    assert "MISSING" in sick.stdout
