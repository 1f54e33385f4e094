"""The standard's methods of one vision system: arguments in, arguments out."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from asyncua import ua

from opcua.guard.processor import caller
from opcua.machine_vision import structures
from opcua.machine_vision.states import Fault
from opcua.machine_vision.system import DEFAULT_PERIOD_S, VisionSystem
from serving.client import ClientError
from serving.client_opcua import OpcUaClient
from serving.inspections.schemas import InspectionOut

Answer = Sequence[ua.Variant]
_T = ua.VariantType
_NO_HANDLE: Final = ua.Variant(0, _T.UInt32)
_YES, _NO = (ua.Variant(value, _T.Boolean) for value in (True, False))
_PAGE: Final = 500
_MOST_LOOKED_AT: Final = 5000
_MOST_ANSWERED: Final = 200  # an answer must fit into a message


class VisionMethods:
    """Calls the vision system for clients. What changes something needs the role operator; reading does not."""

    def __init__(self, system: VisionSystem, client: OpcUaClient) -> None:
        """Takes the system, and the way to the API."""
        self._system = system
        self._client = client

    def table(self) -> dict[tuple[str, ...], Callable[..., Awaitable[Any]]]:
        """What to link: path below the vision system, and the function."""
        states, inner = ("VisionStateMachine",), ("VisionStateMachine", "AutomaticModeStateMachine")
        system = self._system
        return {
            (*states, "Halt"): self._acting(system.halt),
            (*states, "Reset"): self._acting(system.reset),
            (*states, "SelectModeAutomatic"): self._acting(system.select_automatic),
            (*inner, "Stop"): self._acting(system.stop),
            (*inner, "Abort"): self._acting(system.abort),
            (*inner, "StartSingleJob"): partial(self._start, continuous=False),
            (*inner, "StartContinuous"): partial(self._start, continuous=True),
            ("RecipeManagement", "PrepareRecipe"): self._prepare,
            ("RecipeManagement", "UnprepareRecipe"): self._unprepare,
            ("RecipeManagement", "GetRecipeListFiltered"): self._list_recipes,
            ("ResultManagement", "GetResultById"): self._get_result,
            ("ResultManagement", "GetResultComponentsById"): self._get_components,
            ("ResultManagement", "GetResultListFiltered"): self._list_results,
        }

    def _acting(self, act: Callable[[], Awaitable[Fault]]) -> Callable[..., Awaitable[Answer]]:
        async def call(_parent: ua.NodeId, *_arguments: ua.Variant) -> Answer:
            return [_error(await act() if caller.get().may_trigger else Fault.NOT_ALLOWED)]

        return call

    async def _start(self, _parent: ua.NodeId, *arguments: ua.Variant, continuous: bool) -> Any:
        if len(arguments) != 5:
            return ua.StatusCode(ua.StatusCodes.BadArgumentsMissing)
        _, part, recipe, _, parameters = (argument.Value for argument in arguments)
        period_s: float | None = None
        if continuous:
            period_s = _period(parameters)
            if period_s is None:
                return [_structure(structures.job("")), _error(Fault.BAD_ARGUMENT)]
        user = caller.get()
        if not user.may_trigger:
            return [_structure(structures.job("")), _error(Fault.NOT_ALLOWED)]
        part_id = getattr(part, "Id", None) or None
        job_id, fault = await self._system.start(part_id, recipe, period_s, user)
        return [_structure(structures.job(job_id)), _error(fault)]

    async def _prepare(self, _parent: ua.NodeId, *arguments: ua.Variant) -> Any:
        fault = await self._recipe_call(arguments, self._system.prepare)
        return [_structure(self._recipe_id()), _flag(fault is Fault.NONE), _error(fault)]

    async def _unprepare(self, _parent: ua.NodeId, *arguments: ua.Variant) -> Any:
        fault = await self._recipe_call(arguments, self._system.unprepare)
        return [_structure(self._recipe_id()), _flag(fault is Fault.NONE), _error(fault)]

    async def _recipe_call(self, arguments: Sequence[ua.Variant], act: Callable[[Any], Awaitable[Fault]]) -> Fault:
        if not caller.get().may_trigger:
            return Fault.NOT_ALLOWED
        named = [argument.Value for argument in arguments if getattr(argument.Value, "Id", None)]
        return await act(named[0]) if named else Fault.BAD_ARGUMENT

    async def _list_recipes(self, _parent: ua.NodeId, *arguments: ua.Variant) -> Any:
        if len(arguments) != 6:
            return ua.StatusCode(ua.StatusCodes.BadArgumentsMissing)
        external, _, wanted, most, start, _ = (argument.Value for argument in arguments)
        has_recipe, is_prepared = self._system.has_recipe(external), self._system.machine.has_recipe
        fits = has_recipe and wanted in {None, 2, int(is_prepared)} and not start and most != 0
        try:
            found = [await self._current_recipe()] if fits else []
        except ClientError:
            return [_NO, _count(0), _NO_HANDLE, _structures([]), _error(Fault.UNAVAILABLE)]
        return [_YES, _count(len(found)), _NO_HANDLE, _structures(found), _error(Fault.NONE)]

    async def _current_recipe(self) -> Any:
        """The station's recipe as the API has it now; its hash, if a result by this very revision tells it."""
        station_id = self._system.nodes.line.station_id
        stations = await asyncio.to_thread(self._client.stations)
        revision = next((str(station.revision) for station in stations if station.id == station_id), "")
        recipe_id, version, digest = self._known_recipe()
        return structures.internal_recipe(recipe_id, revision, digest if version == revision else "")

    def _known_recipe(self) -> tuple[str, str, str]:
        line = self._system.nodes.line
        return structures.recipe_of(line.last) if line.last is not None else (line.station_id, "", "")

    def _recipe_id(self) -> Any:
        return structures.internal_recipe(*self._known_recipe())

    async def _find(self, arguments: Sequence[ua.Variant]) -> tuple[InspectionOut | None, Fault]:
        wanted = getattr(arguments[0].Value, "Id", None) if arguments else None
        if not wanted:
            return None, Fault.BAD_ARGUMENT
        try:
            result = await asyncio.to_thread(self._client.inspection, str(wanted)[:64])
        except ClientError as error:
            return None, Fault.UNKNOWN if error.status in {404, 422} else Fault.UNAVAILABLE
        if result.station_id != self._system.nodes.line.station_id:
            return None, Fault.UNKNOWN
        return result, Fault.NONE

    async def _get_result(self, _parent: ua.NodeId, *arguments: ua.Variant) -> Any:
        result, fault = await self._find(arguments)
        shown = ua.ResultDataType() if result is None else self._shown(result)
        return [_NO_HANDLE, _structure(shown), _error(fault)]

    async def _get_components(self, _parent: ua.NodeId, *arguments: ua.Variant) -> Any:
        result, fault = await self._find(arguments)
        if result is None:
            # Without a result there are no components to give; the status says so where `Error` cannot.
            return ua.StatusCode(_STATUS_OF[fault])
        shown = self._shown(result)
        names = ("PartId", "ExternalRecipeId", "InternalRecipeId")
        return [
            *(_NO, _NO_HANDLE, _NO, _NO),
            *(ua.Variant(structures.COMPLETED, _T.Int32), _structure(ua.MeasIdDataType())),
            *(_structure(getattr(shown, name)) for name in names),
            *(_structure(ua.ProductIdDataType()), _structure(ua.ConfigurationIdDataType())),
            *(_structure(shown.InternalConfigurationId), _structure(shown.JobId)),
            ua.Variant(shown.CreationTime, _T.DateTime),
            _structure(shown.ProcessingTimes),
            ua.Variant(shown.ResultContent, _T.Variant, is_array=True),
            _error(fault),
        ]

    async def _list_results(self, _parent: ua.NodeId, *arguments: ua.Variant) -> Any:
        if len(arguments) != 12:
            return ua.StatusCode(ua.StatusCodes.BadArgumentsMissing)
        values = [argument.Value for argument in arguments]
        state, part, external, internal, job, most, start = (values[n] for n in (0, 2, 3, 4, 8, 9, 10))
        if state not in {None, 0, structures.COMPLETED}:
            return [_YES, _count(0), _NO_HANDLE, _structures([]), _error(Fault.NONE)]
        wanted_part, wanted_job = (getattr(value, "Id", None) or None for value in (part, job))
        recipes = [recipe for recipe in (external, internal) if getattr(recipe, "Id", None)]

        def fits(result: InspectionOut) -> bool:
            right_part = wanted_part in {None, result.part_id}
            right_job = wanted_job in {None, self._system.job_of(result)}
            return right_part and right_job and all(_is_recipe(recipe, result) for recipe in recipes)

        try:
            found, is_complete = await self._look(
                fits, int(start or 0), min(int(most or 0) or _MOST_ANSWERED, _MOST_ANSWERED)
            )
        except ClientError:
            return [_NO, _count(0), _NO_HANDLE, _structures([]), _error(Fault.UNAVAILABLE)]
        shown = [self._shown(result) for result in found]
        return [_flag(is_complete), _count(len(shown)), _NO_HANDLE, _structures(shown), _error(Fault.NONE)]

    async def _look(
        self, fits: Callable[[InspectionOut], bool], skip: int, most: int
    ) -> tuple[list[InspectionOut], bool]:
        """So many results, the newest first, and whether these are all."""
        found: dict[str, InspectionOut] = {}
        looked_at, until = 0, datetime.now(UTC) + timedelta(minutes=1)
        while looked_at < _MOST_LOOKED_AT:
            page = await asyncio.to_thread(
                partial(
                    self._client.results,
                    self._system.nodes.line.station_id,
                    datetime(1990, 1, 1, tzinfo=UTC),
                    until,
                    newest_first=True,
                    limit=_PAGE,
                )
            )
            looked_at += len(page.results)
            found.update((result.id, result) for result in page.results if fits(result))
            if not page.has_more:
                break
            if len(found) > skip + most or page.results[-1].created_at == until:
                return list(found.values())[skip : skip + most], False
            until = page.results[-1].created_at
        else:
            return list(found.values())[skip : skip + most], False
        return list(found.values())[skip : skip + most], len(found) <= skip + most

    def _shown(self, result: InspectionOut) -> Any:
        return structures.full_result(result, self._system.job_of(result))


_STATUS_OF: Final = {
    Fault.BAD_ARGUMENT: ua.StatusCodes.BadInvalidArgument,
    Fault.UNKNOWN: ua.StatusCodes.BadNotFound,
    Fault.UNAVAILABLE: ua.StatusCodes.BadResourceUnavailable,
}


def _is_recipe(wanted: Any, result: InspectionOut) -> bool:
    recipe_id, version, _ = structures.recipe_of(result)
    return wanted.Id == recipe_id and (not wanted.Version or wanted.Version == version)


def _period(parameters: Any) -> float | None:
    """Seconds between two pictures: the first parameter, a number; without one a second."""
    if not parameters:
        return DEFAULT_PERIOD_S
    first = parameters[0].Value if isinstance(parameters[0], ua.Variant) else parameters[0]
    return float(first) if isinstance(first, int | float) and not isinstance(first, bool) else None


def _error(fault: Fault) -> ua.Variant:
    return ua.Variant(int(fault), _T.Int32)


def _flag(value: object) -> ua.Variant:
    return ua.Variant(bool(value), _T.Boolean)


def _count(value: int) -> ua.Variant:
    return ua.Variant(value, _T.UInt32)


def _structure(value: Any) -> ua.Variant:
    return ua.Variant(value, _T.ExtensionObject)


def _structures(values: Sequence[Any]) -> ua.Variant:
    return ua.Variant(list(values), _T.ExtensionObject, is_array=True)
