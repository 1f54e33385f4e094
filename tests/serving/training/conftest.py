"""A real Prefect server with the training's deployment but no host: its runs stay as the test sets them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.ports import free_port
from tests.prefect_platform import PrefectPlatform
from tests.waiting import wait_until


@dataclass(frozen=True)
class PrefectServer:
    """What a test does to Prefect, instead of the host and the flow."""

    port: int

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def send(self, path: str, body: dict[str, Any]) -> Any:
        """The answer of a POST, repeated while the server is busy."""

        def answered() -> httpx.Response | None:
            answer = httpx.post(f"{self.api}{path}", json=body, timeout=10.0, trust_env=False)
            return None if answer.status_code == 503 else answer

        return wait_until(answered, f"{path} is answered").raise_for_status().json()

    def deploy(self, name: str = "fine-tune", entrypoint: str = "flows.fine_tune.fine_tune") -> None:
        """Announces a flow, as the host does."""
        flow_id = self.send("/flows/", {"name": name})["id"]
        body = {"name": "default", "flow_id": flow_id, "entrypoint": entrypoint}
        self.send("/deployments/", body)

    def set_state(self, run_id: str, kind: str, message: str = "") -> None:
        """Moves a run on, as its process does."""
        state = {"type": kind, "name": kind.capitalize(), "message": message}
        self.send(f"/flow_runs/{run_id}/set_state", {"state": state, "force": True})

    def end_all(self) -> None:
        """Ends what an earlier test left."""
        for run in self.send(
            "/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED", "RUNNING", "CANCELLING"]}}}}
        ):
            self.set_state(run["id"], "CANCELLED")


@pytest.fixture(scope="package")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """The server, shared by the tests of this folder."""
    folder = tmp_path_factory.mktemp("prefect")
    platform = PrefectPlatform(folder, "http://127.0.0.1:1", free_port())
    platform.start("server")
    try:
        platform.wait_for_server()
        server = PrefectServer(platform.prefect_port)
        server.deploy()
        yield server
    finally:
        platform.stop_all()


@pytest.fixture
def prefect(running_server: PrefectServer) -> PrefectServer:
    """The server without a live run."""
    running_server.end_all()
    return running_server
