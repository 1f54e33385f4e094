"""One station as a vision system: its state machine, its jobs, its recipe and its results."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import uuid4

import structlog
from asyncua import ua

from opcua.accounts import PlatformUser
from opcua.condition import Condition
from opcua.machine_vision import nodeset, structures
from opcua.machine_vision.states import Fault, State, Transition, VisionMachine
from opcua.machine_vision.telling import Telling
from opcua.station import StationNodes
from opcua.trigger import Trigger, TriggerError
from serving.inspections.schemas import InspectionOut

DEFAULT_PERIOD_S: Final = 1.0
_SHORTEST_PERIOD_S: Final = 0.05
_LONGEST_PERIOD_S: Final = 3600.0
_MOST_JOBS: Final = 1000
_log = structlog.get_logger(__name__)


class VisionSystem:
    """Runs jobs by the station's trigger, and tells of every result of the station, whoever asked for it."""

    def __init__(self, nodes: StationNodes, trigger: Trigger, telling: Telling) -> None:
        """Takes the station, what takes pictures there, and what shows the state."""
        self.nodes = nodes
        self.machine = VisionMachine()
        self._trigger = trigger
        self._telling = telling
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._job_id = ""
        # Which results belong to which jobs: the newest ones, for who asks for results.
        self._jobs: OrderedDict[str, str] = OrderedDict()

    def job_of(self, result: InspectionOut) -> str:
        """The job of a result; one that was asked for elsewhere is a job of its own (a JobId is mandatory)."""
        return self._jobs.get(result.id, result.id)

    async def show_condition(self, condition: Condition) -> None:
        """Follows the platform: into *Error*, and back to the highest possible state."""
        # A camera that failed gets its chance with the next job, as the handshake says too.
        is_good = condition.is_good or condition.name == "camera_fault"
        await self._move(self.machine.show_condition(is_good=is_good))

    async def take(self, result: InspectionOut) -> None:
        """Tells of a result of the station."""
        if (part_job := self._trigger_job(result)) is not None:
            self._jobs[result.id] = part_job
            while len(self._jobs) > _MOST_JOBS:
                self._jobs.popitem(last=False)
        await self._tell_result(result)

    async def halt(self) -> Fault:
        """`Halt`: no job is begun any more."""
        return await self._leave(self.machine.halt())

    async def reset(self) -> Fault:
        """`Reset`, which is always possible."""
        await self._leave(self.machine.reset())
        return Fault.NONE

    async def select_automatic(self) -> Fault:
        """`SelectModeAutomatic`."""
        return await self._done(self.machine.select_automatic())

    async def prepare(self, recipe: Any) -> Fault:
        """`PrepareRecipe`: the station's own recipe is the one that can be prepared."""
        if not self.has_recipe(recipe):
            return Fault.UNKNOWN
        await self._move(self.machine.prepare())
        last = self.nodes.line.last
        known = structures.recipe_of(last) if last is not None else (self.nodes.line.station_id, "", "")
        await self._telling.tell(nodeset.RECIPE_PREPARED, partial(_recipe_values, known), f"recipe {known[0]}")
        return Fault.NONE

    async def unprepare(self, recipe: Any) -> Fault:
        """`UnprepareRecipe`: jobs wait until it is prepared again."""
        if not self.has_recipe(recipe):
            return Fault.UNKNOWN
        return await self._done(self.machine.unprepare())

    def has_recipe(self, recipe: Any) -> bool:
        """Whether a recipe's id is that of the station; an empty one means whichever is prepared."""
        wanted = getattr(recipe, "Id", None) or ""
        return wanted in {"", self.nodes.line.station_id}

    async def start(
        self, part_id: str | None, recipe: Any, period_s: float | None, user: PlatformUser
    ) -> tuple[str, Fault]:
        """`StartSingleJob`, or `StartContinuous` where there is a period: the job's id.

        Args:
            part_id: What the part is called.
            recipe: Which recipe must hold.
            period_s: Seconds from one picture to the next, None for a single one.
            user: Who asks.
        """
        if not self.has_recipe(recipe):
            return "", Fault.UNKNOWN
        if period_s is not None and not _SHORTEST_PERIOD_S <= period_s <= _LONGEST_PERIOD_S:
            return "", Fault.BAD_ARGUMENT
        moved = self.machine.start(continuous=period_s is not None)
        if not moved:
            return "", Fault.WRONG_STATE
        self._job_id, self._stopping = f"job-{uuid4()}", asyncio.Event()
        await self._move(moved)
        await self._telling.tell(nodeset.JOB_STARTED, partial(_job_values, self._job_id), self._job_id)
        self._task = asyncio.create_task(self._run(self._job_id, part_id, period_s, user))
        return self._job_id, Fault.NONE

    async def stop(self) -> Fault:
        """`Stop`: the picture that is being taken is the last one."""
        if self.machine.state not in {State.SINGLE_EXECUTION, State.CONTINUOUS_EXECUTION}:
            return Fault.WRONG_STATE
        self._stopping.set()
        return Fault.NONE

    async def abort(self) -> Fault:
        """`Abort`: at once. A picture that was already taken still gets its verdict and is stored."""
        moved = self.machine.end_job(2)
        if not moved:
            return Fault.WRONG_STATE
        self._cancel()
        await self._end(moved, self._job_id)
        return Fault.NONE

    def close(self) -> None:
        """Ends the job that runs."""
        self._cancel()

    async def _run(self, job_id: str, part_id: str | None, period_s: float | None, user: PlatformUser) -> None:
        try:
            await self._take_pictures(job_id, part_id, period_s, user)
        except Exception:  # noqa: BLE001 - the job's supervisor: the system must not stay in execution
            _log.exception("opcua_job_failed", job_id=job_id)
        await self._end(self.machine.end_job(1 if self._stopping.is_set() else 0), job_id)

    async def _take_pictures(
        self, job_id: str, part_id: str | None, period_s: float | None, user: PlatformUser
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                result = await self._trigger.inspect(self.nodes, part_id, user)
                _log.info("opcua_job", job_id=job_id, inspection_id=result.id, user=user.name)
            except TriggerError as error:
                await self._tell_failure(job_id, part_id, str(error))
            if period_s is None:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), max(0.0, period_s - (loop.time() - began_s)))
            if self._stopping.is_set():
                return

    async def _end(self, moved: Sequence[Transition], job_id: str) -> None:
        await self._move(moved)
        if moved:
            await self._telling.tell(nodeset.READY_EVENT, partial(_job_values, job_id), job_id)

    async def _leave(self, moved: Sequence[Transition]) -> Fault:
        self._cancel()
        return await self._done(moved)

    async def _done(self, moved: Sequence[Transition]) -> Fault:
        await self._move(moved)
        return Fault.NONE if moved else Fault.WRONG_STATE

    async def _move(self, moved: Sequence[Transition]) -> None:
        if not moved:
            return
        if not self.machine.state.is_inner:
            self._cancel()
        await self._telling.show(self.machine.outer, self.machine.state)
        for transition in moved:
            await self._telling.changed(transition)

    def _cancel(self) -> None:
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def _trigger_job(self, result: InspectionOut) -> str | None:
        running = self.machine.state in {State.SINGLE_EXECUTION, State.CONTINUOUS_EXECUTION}
        # A station's trigger takes one picture at a time: a camera's result while a job runs is the job's.
        return self._job_id if running and result.source == "camera" and self.nodes.is_busy else None

    async def _tell_result(self, result: InspectionOut) -> None:
        values = partial(_result_values, result, self.job_of(result))
        await self._telling.tell(nodeset.RESULT_READY, values, f"result {result.id}", result.created_at)

    async def _tell_failure(self, job_id: str, part_id: str | None, reason: str) -> None:
        """A job without a verdict: the processing has failed, and nothing was stored."""
        _log.warning("opcua_job_failed", job_id=job_id, reason=reason)
        await self._telling.tell(nodeset.RESULT_READY, partial(_failure_values, job_id, part_id), reason)


def _job_values(job_id: str) -> dict[str, Any]:
    return {"JobId": structures.job(job_id)}


def _recipe_values(known: tuple[str, str, str]) -> dict[str, Any]:
    return {"ExternalId": structures.external_recipe(*known), "InternalId": structures.internal_recipe(*known)}


def _result_values(result: InspectionOut, job_id: str) -> dict[str, Any]:
    recipe = structures.recipe_of(result)
    return {
        "ResultId": structures.result_id(result.id),
        "IsPartial": False,
        "IsSimulated": False,
        "ResultState": structures.COMPLETED,
        "PartId": structures.part(result.part_id),
        "ExternalRecipeId": structures.external_recipe(*recipe),
        "InternalRecipeId": structures.internal_recipe(*recipe),
        "InternalConfigurationId": structures.configuration(result),
        "JobId": structures.job(job_id),
        "CreationTime": result.created_at,
        "ProcessingTimes": structures.processing_times(result),
        "ResultContent": ua.Variant(structures.content(result), ua.VariantType.Variant, is_array=True),
    }


def _failure_values(job_id: str, part_id: str | None) -> dict[str, Any]:
    return {
        "ResultId": structures.result_id(""),
        "IsPartial": False,
        "IsSimulated": False,
        "ResultState": structures.FAILED,
        "PartId": structures.part(part_id),
        "JobId": structures.job(job_id),
        "CreationTime": datetime.now(UTC),
        "ResultContent": ua.Variant([], ua.VariantType.Variant, is_array=True),
    }
