"""What `ussop up` starts beside the API, and what it says where it cannot."""

import configparser
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from serving.command import programs as programs_module
from serving.command.programs import missing_job_packages, programs, require_distinct_ports
from serving.command.supervision import configuration
from serving.errors import ConfigurationError
from serving.settings import Settings
from tests.mlflow_server import ROOT
from tests.ports import free_port
from tests.waiting import wait_until

_DEADLINE_S = 240.0


def section_of(settings: Settings, name: str, *, with_jobs: bool = True) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read_string(configuration(settings, programs(settings, with_jobs=with_jobs), supervisor_pid=1))
    return dict(parser[f"program:{name}"]) if parser.has_section(f"program:{name}") else {}


def test_api_runs_alone_when_there_are_no_jobs(settings: Settings) -> None:
    assert section_of(settings, "api", with_jobs=False)
    assert [p.name for p in programs(settings, with_jobs=False)] == ["api"]


def test_flow_runs_are_left_to_their_host_when_the_platform_stops(settings: Settings) -> None:
    host, api = section_of(settings, "host"), section_of(settings, "api")
    # The host says goodbye to the Prefect server, so it stops first; the server stops last.
    assert int(host["priority"]) > int(api["priority"]) > int(section_of(settings, "prefect")["priority"])
    assert (host["stopasgroup"], host["killasgroup"]) == ("false", "true")
    assert section_of(settings, "register")["autorestart"] == "unexpected"


def test_start_is_refused_when_two_servers_want_one_port(settings: Settings) -> None:
    settings = settings.model_copy(update={"prefect_port": 4200, "mlflow_port": 5000})
    require_distinct_ports(settings, with_jobs=True)
    with pytest.raises(ConfigurationError, match=r"API_PORT and PREFECT_PORT are both 8080"):
        require_distinct_ports(settings.model_copy(update={"prefect_port": settings.api_port}), with_jobs=True)


def test_missing_packages_are_named_when_they_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_job_packages() == ()
    monkeypatch.setattr(programs_module, "_JOB_PACKAGES", ("mlflow", "no_such_package_of_ours"))
    assert missing_job_packages() == ("no_such_package_of_ours",)


class _Platform:
    """The whole platform on free ports."""

    def __init__(self, folder: Path) -> None:
        self.ports = {name: free_port() for name in ("API_PORT", "PREFECT_PORT", "MLFLOW_PORT")}
        self._folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        ports = {name: str(port) for name, port in self.ports.items()}
        self.environment = kept | ports | {"DATA_DIR": str(folder / "var"), "PYTHONPATH": str(ROOT)}
        self.log = folder / "log"

    def start(self) -> "subprocess.Popen[bytes]":
        """The supervisor, once it runs."""
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "serving.command.main", "up"]
            return subprocess.Popen(command, cwd=self._folder, env=self.environment, stdout=log, stderr=log)

    def refusal(self) -> str:
        """What a start says that must fail."""
        command = [sys.executable, "-m", "serving.command.main", "up"]
        done = subprocess.run(
            command, cwd=self._folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        return done.stderr

    def answers(self, name: str, path: str) -> bool:
        """Whether a server answers 200."""
        try:
            return self.get(name, path).status_code == 200
        except httpx.TransportError:
            return False

    def get(self, name: str, path: str) -> httpx.Response:
        """The answer of one of the servers."""
        return httpx.get(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=5, trust_env=False)


def _is_gone(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[_Platform]:
    """Not started yet; whatever the test leaves running is killed."""
    yield _Platform(tmp_path)
    for process in psutil.process_iter(["environ"]):
        if (process.info["environ"] or {}).get("DATA_DIR") == str(tmp_path / "var"):
            process.kill()


@pytest.mark.parametrize("name", ["MLFLOW_PORT", "PREFECT_PORT"])
def test_start_fails_with_one_line_when_a_port_is_taken(platform: _Platform, name: str) -> None:
    with socket.create_server(("127.0.0.1", platform.ports[name])):
        refusal = platform.refusal()
    assert refusal.startswith(f"ussop: {name}: cannot listen on 127.0.0.1:{platform.ports[name]}")
    assert refusal.count("\n") == 1


@pytest.mark.slow
def test_inspecting_goes_on_and_nothing_is_left_when_what_runs_beside_the_api_is_killed(platform: _Platform) -> None:
    supervisor = platform.start()
    wait_until(lambda: platform.answers("API_PORT", "/api/v1/health"), f"the API; see {platform.log}", _DEADLINE_S)
    wait_until(lambda: platform.answers("MLFLOW_PORT", "/health"), "MLflow", _DEADLINE_S)
    wait_until(lambda: platform.answers("PREFECT_PORT", "/api/health"), "Prefect", _DEADLINE_S)
    alias = "/api/2.0/mlflow/registered-models/alias?name=inspector&alias=deployed"
    wait_until(lambda: platform.answers("MLFLOW_PORT", alias), "version 1 is registered", _DEADLINE_S)
    family = psutil.Process(supervisor.pid).children(recursive=True)
    (api,) = (p for p in family if "serving.main" in p.cmdline())
    for member in family:
        if member != api:
            member.send_signal(signal.SIGKILL)
    wait_until(lambda: platform.answers("MLFLOW_PORT", "/health"), "MLflow is back", _DEADLINE_S)
    assert platform.answers("API_PORT", "/api/v1/health")
    assert api.is_running()
    family = psutil.Process(supervisor.pid).children(recursive=True)
    supervisor.kill()
    supervisor.wait(30)
    wait_until(lambda: all(_is_gone(p) for p in family), "nothing of it runs", 30.0)
