"""Prefect's REST API: what serving needs of it, without importing it (70 MiB and a second saved).

Prefect owns every long job; whoever wants to know how one is asks here. Each call ends within seconds, so that a
Prefect server that is away costs an answer of 503 and nothing else.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import httpx

from serving.errors import JobsUnavailable

_TIMEOUT_S: Final = 3.0
# On SQLite the server answers 503 while another request holds the lock (PrefectHQ/prefect#10188).
_PAUSES_S: Final = (0.1, 0.3, 0.6)
_RUNS_PER_CALL: Final = 200  # the server's own limit of a page
_LOG_LINES: Final = 20
_OWN_LOGGER: Final = "prefect.flow_runs"  # the flow's; its runner writes beside it
_ENDED: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class FlowRun:
    """One run of a flow, as Prefect saw it a moment ago.

    Attributes:
        id: Prefect's id of the run.
        name: Its name in Prefect's UI.
        state_type: `SCHEDULED`, `PENDING`, `RUNNING`, `CANCELLING`, `COMPLETED`, `FAILED`, `CRASHED`, `CANCELLED` …
        state_name: The state's name for people.
        message: What the state says of itself, empty if nothing.
        started_at: When its process began, None before.
        ended_at: When it ended, None before.
        parameters: What it was started with.
    """

    id: str
    name: str
    state_type: str
    state_name: str
    message: str
    started_at: datetime | None
    ended_at: datetime | None
    parameters: Mapping[str, Any]

    @property
    def has_ended(self) -> bool:
        """Whether its state is final."""
        return self.state_type in _ENDED

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """The run of an answer of Prefect.

        Raises:
            KeyError: The answer is of no run.
        """
        state = content.get("state") or {}
        return cls(
            id=str(content["id"]),
            name=str(content.get("name") or ""),
            state_type=str(content.get("state_type") or "PENDING"),
            state_name=str(content.get("state_name") or ""),
            message=str(state.get("message") or ""),
            started_at=_moment(content.get("start_time")),
            ended_at=_moment(content.get("end_time")),
            parameters=content.get("parameters") or {},
        )


class PrefectJobs:
    """A connection to a Prefect server. Belongs to one event loop."""

    def __init__(self, base_url: str, *, timeout_s: float = _TIMEOUT_S) -> None:
        """Takes the server's address (`http://127.0.0.1:4200`); nothing is sent before the first call."""
        self._base_url = base_url.rstrip("/")
        # Where nothing is encrypted, nobody need read the authorities' certificates: it takes a tenth of a second.
        has_tls = not self._base_url.startswith("http:")
        self._client = httpx.AsyncClient(
            base_url=f"{self._base_url}/api", timeout=timeout_s, trust_env=False, verify=has_tls
        )

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()

    def link_to(self, run_id: str) -> str:
        """The page of a run in Prefect's UI, as a browser on this machine reaches it."""
        return f"{self._base_url.replace('127.0.0.1', 'localhost')}/runs/flow-run/{run_id}"

    async def deployment_id(self, flow_name: str, deployment: str = "default") -> str:
        """The id of a flow's deployment.

        Raises:
            JobsUnavailable: The server does not answer, or the host of the flows has not declared it yet.
        """
        answer = await self._send("GET", f"/deployments/name/{flow_name}/{deployment}")
        if answer is None:
            raise JobsUnavailable(f"no process that runs {flow_name} has announced itself yet")
        return str(answer["id"])

    async def create_run(
        self, flow_name: str, parameters: Mapping[str, Any], *, idempotency_key: str, name: str | None = None
    ) -> FlowRun:
        """The run that was created, or that which the same key created before.

        Args:
            flow_name: The flow, `inspect-batch`; its deployment is `default`.
            parameters: What it is started with.
            idempotency_key: Two calls with one key make one run, for ever.
            name: Name in Prefect's UI; absent, Prefect makes one up.

        Raises:
            JobsUnavailable: The server does not answer, or nobody runs this flow.
        """
        body = {"parameters": dict(parameters), "idempotency_key": idempotency_key, "name": name}
        path = f"/deployments/{await self.deployment_id(flow_name)}/create_flow_run"
        answer = await self._send("POST", path, {k: v for k, v in body.items() if v is not None})
        if answer is None:
            raise JobsUnavailable(f"the deployment of {flow_name} went away")
        return FlowRun.from_json(answer)

    async def read_run(self, run_id: str) -> FlowRun | None:
        """A run, None if Prefect does not (or no longer) know it.

        Raises:
            JobsUnavailable: The server does not answer.
        """
        answer = await self._send("GET", f"/flow_runs/{run_id}")
        return None if answer is None else FlowRun.from_json(answer)

    async def read_runs(self, run_ids: Iterable[str]) -> dict[str, FlowRun]:
        """Several runs by id; those that Prefect does not know are missing.

        Raises:
            JobsUnavailable: The server does not answer.
        """
        wanted, found = list(run_ids), {}
        for start in range(0, len(wanted), _RUNS_PER_CALL):
            some = wanted[start : start + _RUNS_PER_CALL]
            body = {"flow_runs": {"id": {"any_": some}}, "limit": _RUNS_PER_CALL}
            for content in await self._send("POST", "/flow_runs/filter", body) or []:
                run = FlowRun.from_json(content)
                found[run.id] = run
        return found

    async def latest_run(self, flow_name: str, *, due_at: datetime | None = None) -> FlowRun | None:
        """The run of a flow that was created last, None if there is none.

        Args:
            flow_name: The flow.
            due_at: Leaves out what the schedule plans for after this moment.

        Raises:
            JobsUnavailable: The server does not answer.
        """
        body: dict[str, Any] = {"flows": {"name": {"any_": [flow_name]}}, "sort": "EXPECTED_START_TIME_DESC"}
        body["limit"] = 1
        if due_at is not None:
            body["flow_runs"] = {"expected_start_time": {"before_": due_at.isoformat()}}
        found = await self._send("POST", "/flow_runs/filter", body) or []
        return FlowRun.from_json(found[0]) if found else None

    async def recent_runs(self, flow_name: str, limit: int) -> list[FlowRun]:
        """The runs of a flow that were due last, newest first.

        Raises:
            JobsUnavailable: The server does not answer.
        """
        body = {"flows": {"name": {"any_": [flow_name]}}, "sort": "EXPECTED_START_TIME_DESC", "limit": limit}
        return [FlowRun.from_json(content) for content in await self._send("POST", "/flow_runs/filter", body) or []]

    async def cancel_run(self, run_id: str) -> None:
        """Asks a run to end; fine if it has ended, or is not known.

        Raises:
            JobsUnavailable: The server does not answer.
        """
        run = await self.read_run(run_id)
        if run is None or run.has_ended:
            return  # Prefect would let a run that has failed become *Cancelling*, and nobody would end that
        body = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        await self._send("POST", f"/flow_runs/{run_id}/set_state", body)

    async def last_log_line(self, run_id: str) -> str | None:
        """The newest line of the flow's log, else of its runner's; None if there is none.

        Raises:
            JobsUnavailable: The server does not answer.
        """
        wanted = {"flow_run_id": {"any_": [run_id]}}
        body = {"logs": wanted, "sort": "TIMESTAMP_DESC", "limit": _LOG_LINES}
        lines = await self._send("POST", "/logs/filter", body) or []
        of_flow = [line for line in lines if line.get("name") == _OWN_LOGGER]
        return next((str(line["message"]) for line in (*of_flow, *lines)), None)

    async def read_progress(self, run_id: str) -> float | None:
        """The newest progress artifact of a run in per cent, None if it made none yet.

        Raises:
            JobsUnavailable: The server does not answer.
        """
        wanted = {"flow_run_id": {"any_": [run_id]}, "type": {"any_": ["progress"]}}
        body = {"artifacts": wanted, "sort": "UPDATED_DESC", "limit": 1}
        found = await self._send("POST", "/artifacts/filter", body) or []
        return float(found[0]["data"]) if found and found[0].get("data") is not None else None

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON of an answer, None of a 404. Every request made here may be sent twice."""
        try:
            answer = await self._client.request(method, path, json=body)
            for pause_s in _PAUSES_S:
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
                await asyncio.sleep(pause_s)
                answer = await self._client.request(method, path, json=body)
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            return answer.raise_for_status().json()
        except httpx.HTTPStatusError as error:
            raise JobsUnavailable(f"Prefect answered {error.response.status_code}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise JobsUnavailable(f"Prefect does not answer: {type(error).__name__}") from error


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
