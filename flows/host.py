"""The process that executes flow runs: `python -m flows.host`.

Prefect's own `serve` kills a running flow on SIGTERM without a report, and the run stays *Running* for ever (seen with
3.8.8; PrefectHQ/prefect#23016). This host cancels its runs first, waits for them, and at start puts right what an
earlier host left behind when it was killed.
"""

import asyncio
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
import psutil
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterParentTaskRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import PrefectException
from prefect.logging import get_logger
from prefect.runner import Runner
from prefect.states import Cancelling, Crashed

_LIVE: Final = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
_CANCEL_DEADLINE_S: Final = 40.0
_SERVER_DEADLINE_S: Final = 120.0
_MAX_RUNS: Final = 4
_LOOK_FOR_ORPHANS_S: Final = 10.0
_RUN_ID_VARIABLE: Final = "PREFECT__FLOW_RUN_ID"


class Host(Runner):
    """A runner that leaves the handling of SIGTERM to us; Prefect's drops its own shutdown half-way."""

    def __init__(self, *, stop: asyncio.Event) -> None:
        """Takes the event that ends the host."""
        super().__init__(name="ussop", limit=_MAX_RUNS, query_seconds=2, pause_on_shutdown=False)
        self._stop_requested = stop
        self._own_loop = asyncio.get_running_loop()

    def watch(self, deployment_id: UUID, name: str) -> None:
        """Polls for runs of a deployment; `add_deployment` does the same but needs the flow loaded here."""
        self._deployment_registry.register_deployment(deployment_id, name)

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        """Asks the host to end."""
        self._own_loop.call_soon_threadsafe(self._stop_requested.set)


async def serve_declared() -> None:
    """Serves the deployments of `prefect.yaml` until SIGINT or SIGTERM; then cancels what runs and waits for it."""
    stop = asyncio.Event()
    host = Host(stop=stop)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    async with get_client() as client:
        await _wait_for_server(client)
        deployments = await _make_deployments(host)
        await _put_right(client, deployments)
        serving = asyncio.create_task(host.start())
        stopping = asyncio.create_task(stop.wait())
        looking = asyncio.create_task(_look_for_orphans(client))
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        looking.cancel()
        if serving.done():
            stopping.cancel()
            await serving
            return
        await _cancel_live_runs(client, deployments)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def _make_deployments(host: Host) -> list[UUID]:
    command = [sys.executable, "-P", "-m", "flows.deployments"]
    maker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await maker.communicate()
    if maker.returncode != 0:
        raise RuntimeError(f"the deployments could not be made (exit code {maker.returncode})")
    made = [(UUID(id_text), str(name)) for id_text, name in json.loads(output.splitlines()[-1])]
    for deployment_id, name in made:
        host.watch(deployment_id, name)
    return [deployment_id for deployment_id, _ in made]


async def _wait_for_server(client: PrefectClient) -> None:
    deadline = time.monotonic() + _SERVER_DEADLINE_S
    while (error := await client.api_healthcheck()) is not None:
        if time.monotonic() > deadline:
            raise error
        await asyncio.sleep(0.5)


async def _live_runs(client: PrefectClient, deployments: list[UUID]) -> list[FlowRun]:
    return await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_LIVE))),
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=deployments)),
    )


async def _put_right(client: PrefectClient, deployments: list[UUID]) -> None:
    """Ends what an earlier host left: processes without a host, runs that claim to run."""
    processes = _flow_processes()
    for run in await _live_runs(client, deployments):
        if (process := processes.get(str(run.id))) is not None:
            _kill_tree(process)
        crashed: Any = Crashed(message="interrupted: the host of the flows was restarted")
        await client.set_flow_run_state(run.id, crashed, force=True)


async def _look_for_orphans(client: PrefectClient) -> None:
    """Ends subflows whose parent has ended: a killed process reports neither, and Prefect's runner knows the parent."""
    while True:
        await asyncio.sleep(_LOOK_FOR_ORPHANS_S)
        try:
            await _end_orphans(client)
        except (httpx.HTTPError, PrefectException) as error:
            get_logger(__name__).warning("no look for orphans: %s", error)


async def _end_orphans(client: PrefectClient) -> None:
    is_subflow = FlowRunFilterParentTaskRunId(is_null_=False)
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=_LIVE))
    for run in await client.read_flow_runs(flow_run_filter=FlowRunFilter(state=state, parent_task_run_id=is_subflow)):
        if run.parent_task_run_id is None:
            continue
        task_run = await client.read_task_run(run.parent_task_run_id)
        parent = await client.read_flow_run(task_run.flow_run_id) if task_run.flow_run_id else None
        # A parent that ends in good order ends a moment after its subflows, or before their last word arrives.
        long_ago = datetime.now(UTC) - timedelta(seconds=_LOOK_FOR_ORPHANS_S)
        if parent is not None and parent.end_time is not None and parent.end_time < long_ago:
            crashed: Any = Crashed(message="interrupted: the run that it belongs to has ended")
            await client.set_flow_run_state(run.id, crashed, force=True)


async def _cancel_live_runs(client: PrefectClient, deployments: list[UUID]) -> None:
    for run in await _live_runs(client, deployments):
        if run.state is None or run.state.type is not StateType.CANCELLING:
            cancelling: Any = Cancelling(message="the platform shuts down")
            await client.set_flow_run_state(run.id, cancelling)
    deadline = time.monotonic() + _CANCEL_DEADLINE_S
    # Asked again and again: what ends a run happens in the server, not in this loop.
    while await _live_runs(client, deployments) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.3)


def _flow_processes() -> dict[str, psutil.Process]:
    """The processes of flow runs on this machine, by the id of the run."""
    found = {}
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.uids().real == os.getuid():
                run_id = process.environ().get(_RUN_ID_VARIABLE)
                if run_id:
                    found[run_id] = process
        except psutil.Error:
            continue
    return found


def _kill_tree(process: psutil.Process) -> None:
    try:
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue


if __name__ == "__main__":
    asyncio.run(serve_declared())
