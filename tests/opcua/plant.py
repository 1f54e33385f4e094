"""A real API process and a real OPC UA process on one data folder; each can be killed and started anew."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from opcua.settings import OpcUaSettings
from serving.command.service_account import ensure_service_account
from serving.settings import Settings
from tests.ports import free_port
from tests.serving.conftest import PASSWORD

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 150.0
_SECRET = "0123456789abcdef" * 2


def wait_until(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """What the condition gave, once that is true."""
    pause, give_up_at = threading.Event(), time.monotonic() + deadline_s
    while not (found := condition()):
        assert time.monotonic() < give_up_at, f"{what}: not within {deadline_s} s"
        pause.wait(0.03)
    return found


@dataclass
class PlantUnderTest:
    """The two processes and their ports.

    Attributes:
        log_name: What the log of the OPC UA process is called, where there are two of them.
    """

    data_dir: Path
    extra: dict[str, str] = field(default_factory=dict)
    api_port: int = field(default_factory=free_port)
    opcua_port: int = field(default_factory=free_port)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    log_name: str = "opcua"
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def endpoint(self) -> str:
        """Address of the OPC UA server."""
        return f"opc.tcp://127.0.0.1:{self.opcua_port}/ussop"

    @property
    def settings(self) -> OpcUaSettings:
        """As the OPC UA process reads them."""
        return OpcUaSettings(_env_file=None, data_dir=self.data_dir, opcua_port=self.opcua_port)

    def prepare(self) -> None:
        """Makes the account of the OPC UA process, as `ussop up` does."""
        settings = Settings(
            _env_file=None,
            data_dir=self.data_dir,
            database_url=f"sqlite:///{self.data_dir / 'ussop.db'}",
            secret_key=SecretStr(_SECRET),
        )
        ensure_service_account(settings)

    def start(self, what: str) -> None:
        """Starts `api` or `opcua`, and waits until it answers."""
        module = {"api": "serving.main", "opcua": "opcua.main"}[what]
        environment = {
            **os.environ,
            "DATA_DIR": str(self.data_dir),
            "SECRET_KEY": _SECRET,
            "API_PORT": str(self.api_port),
            "OPCUA_PORT": str(self.opcua_port),
            "OPCUA_ENABLED": "true",
            "RATE_LIMIT_DEFAULT": "1000000/minute",
            "MODEL_POLL_S": "3600",
            "MLFLOW_PORT": "1",
            "PREFECT_PORT": "1",
            "STORAGE_ALARM_FREE_PERCENT": "0",
            "STORAGE_RESERVE_MB": "0",
            "INFERENCE_WORKERS": "2",
            **self.extra,
        }
        with self._log_file(what).open("ab") as log:
            command = [sys.executable, "-m", module]
            self.processes[what] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        wait_until(self._api_answers if what == "api" else self._opcua_answers, f"{what} answers; {self.data_dir}")

    def end(self, what: str, sent: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and gives the exit code."""
        process = self.processes.pop(what)
        process.send_signal(sent)
        return process.wait(30)

    def close(self) -> None:
        """Ends what still runs."""
        for what in list(self.processes):
            self.end(what, signal.SIGKILL)

    def log(self, what: str) -> str:
        """What a process has written."""
        return self._log_file(what).read_text(encoding="utf-8")

    def call(self, method: str, path: str, *, role: str = "admin", **content: Any) -> Any:
        """The JSON of a call that must succeed."""
        answer = self.request(method, path, role=role, **content)
        assert answer.is_success, answer.text
        return answer.json()

    def request(self, method: str, path: str, *, role: str = "admin", **content: Any) -> httpx.Response:
        """The answer to a call."""
        if role not in self._tokens:
            login = {"username": role, "password": PASSWORD}
            answer = httpx.post(f"{self.url}/api/v1/auth/login", json=login, trust_env=False, timeout=20)
            self._tokens[role] = answer.raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {self._tokens[role]}"}
        url = f"{self.url}/api/v1{path}"
        return httpx.request(method, url, headers=headers, trust_env=False, timeout=20, **content)

    def inspect(self, picture: bytes, station_id: str = "line-1", part_id: str | None = None) -> dict[str, Any]:
        """The verdict on a picture, by REST."""
        form = {"station_id": station_id, **({"part_id": part_id} if part_id else {})}
        files = {"file": ("part.png", picture, "image/png")}
        found: dict[str, Any] = self.call("POST", "/inspect", data=form, files=files)
        return found

    def _log_file(self, what: str) -> Path:
        return self.data_dir / f"{what if what == 'api' else self.log_name}.log"

    def _api_answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def _opcua_answers(self) -> bool:
        process = self.processes["opcua"]
        assert process.poll() is None, self.log("opcua")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.opcua_port)) == 0
