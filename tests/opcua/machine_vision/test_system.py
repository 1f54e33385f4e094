"""A vision system over the wire."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, Node, ua

from opcua.machine_vision import nodeset
from opcua.machine_vision.states import State
from tests.opcua.client import Pki, client_of, node
from tests.opcua.plant import PlantUnderTest, wait_until
from tests.opcua.test_nodes import RED
from tests.opcua.waiting import Notes, eventually

pytestmark = pytest.mark.skipif(not nodeset.FILE.is_file(), reason="needs the NodeSet (make opcua-nodeset)")


class Vision:
    """A station's vision system as a client sees it."""

    def __init__(self, client: Client, station_id: str, namespace: int) -> None:
        """Takes the connection."""
        self.client, self.station_id, self.namespace = client, station_id, namespace
        self.node = client.get_node(ua.NodeId(f"vision/{station_id}", 2))

    async def child(self, *names: str) -> Node:
        """A node below the system, by its browse names."""
        path = [name if ":" in name else f"{self.namespace}:{name}" for name in names]
        return await self.node.get_child(path)

    async def state(self) -> list[Any]:
        """The numbers of both state machines, or why there is none."""
        found = []
        for path in (("VisionStateMachine",), ("VisionStateMachine", "AutomaticModeStateMachine")):
            number = await self.child(*path, "0:CurrentState", "0:Number")
            value = await number.read_data_value(raise_on_bad_status=False)
            found.append(value.Value.Value if value.StatusCode.is_good() else value.StatusCode.name)
        return found

    async def call(self, *path: str, arguments: tuple[Any, ...] = ()) -> Any:
        """The answer of a method."""
        owner = await self.child(*path[:-1])
        return await owner.call_method(f"{self.namespace}:{path[-1]}", *arguments)

    def job(
        self, part_id: str = "", recipe_id: str = "", parameters: list[ua.Variant] | None = None
    ) -> tuple[Any, ...]:
        """The arguments of a job."""
        part, recipe = ua.PartIdDataType(), ua.RecipeIdExternalDataType()
        part.Id, recipe.Id = part_id, recipe_id
        return (
            ua.MeasIdDataType(),
            part,
            recipe,
            ua.ProductIdDataType(),
            ua.Variant(parameters or [], ua.VariantType.Variant, is_array=True),
        )


_STATES, _AUTOMATIC = "VisionStateMachine", "AutomaticModeStateMachine"
_CAUSE = (ua.Variant(0, ua.VariantType.Int32), "by a test")


async def _vision(shared: PlantUnderTest, client: Client, station_id: str) -> Vision:
    await asyncio.to_thread(shared.call, "PUT", f"/stations/{station_id}", json={})
    await eventually(node(client, "Ready", station_id).read_value, expected=True)
    await client.load_data_type_definitions()
    vision = Vision(client, station_id, await client.get_namespace_index(nodeset.NAMESPACE))
    await eventually(vision.state, [State.OPERATIONAL, State.READY])
    return vision


@pytest.fixture
async def connection(shared: PlantUnderTest, pki: Pki, trusted: Path) -> AsyncIterator[Client]:
    async with await client_of(shared.endpoint, pki, trusted) as client:
        yield client


async def test_single_job_gives_a_result_with_its_id_when_started(shared: PlantUnderTest, connection: Client) -> None:
    vision = await _vision(shared, connection, "vision-1")
    types = [
        connection.get_node(ua.NodeId(kind, vision.namespace))
        for kind in (nodeset.STATE_CHANGED, nodeset.JOB_STARTED, nodeset.READY_EVENT, nodeset.RESULT_READY)
    ]
    notes = Notes()
    subscription = await connection.create_subscription(25, notes)
    await subscription.subscribe_events(vision.node, types)
    job, error = await vision.call(_STATES, _AUTOMATIC, "StartSingleJob", arguments=vision.job("SN-1", "vision-1"))
    assert error == 0
    assert job.Id.startswith("job-")
    await asyncio.to_thread(wait_until, lambda: len(notes.events) >= 5, "started, changed twice, ready, result")
    by_type: dict[int, list[Any]] = {}
    for event in notes.events:
        by_type.setdefault(int(event.EventType.Identifier), []).append(event)
    changes = [(event.FromState.Text, event.ToState.Text) for event in by_type[nodeset.STATE_CHANGED]]
    assert changes == [("Ready", "SingleExecution"), ("SingleExecution", "Ready")]
    (ready,), (started,) = by_type[nodeset.READY_EVENT], by_type[nodeset.JOB_STARTED]
    assert ready.JobId.Id == started.JobId.Id == job.Id
    (told,) = by_type[nodeset.RESULT_READY]
    stored = await asyncio.to_thread(shared.call, "GET", f"/inspect/{told.ResultId.Id}")
    assert (told.JobId.Id, told.ResultState, told.IsPartial) == (job.Id, 1, False)
    assert (stored["part_id"], stored["source"]) == ("SN-1", "camera")
    assert (told.InternalRecipeId.Id, told.InternalRecipeId.Version) == ("vision-1", "2")
    assert told.InternalRecipeId.Hash == stored["recipe_digest"].encode()
    assert told.ResultContent[0].Value == stored["decision"]
    await subscription.delete()


async def test_results_are_found_when_asked_for(shared: PlantUnderTest, connection: Client) -> None:
    vision = await _vision(shared, connection, "vision-2")
    stored = [await asyncio.to_thread(shared.inspect, RED, "vision-2", f"SN-{n}") for n in range(3)]
    await eventually(node(connection, "ResultCounter", "vision-2").read_value, 3)
    wanted = ua.ResultIdDataType()
    wanted.Id = stored[1]["id"]
    timeout = ua.Variant(0, ua.VariantType.Int32)
    _, result, error = await vision.call("ResultManagement", "GetResultById", arguments=(wanted, timeout))
    assert (error, result.ResultId.Id, result.PartId.Id) == (0, stored[1]["id"], "SN-1")
    assert result.ResultContent[0].Value == "fail"
    components = await vision.call("ResultManagement", "GetResultComponentsById", arguments=(wanted, timeout))
    assert (components[-1], components[6].Id) == (0, "SN-1")
    listed = await vision.call("ResultManagement", "GetResultListFiltered", arguments=_filter(most=2))
    assert (listed[0], listed[1], listed[4]) == (False, 2, 0)
    assert [found.PartId.Id for found in listed[3]] == ["SN-2", "SN-1"]
    one = await vision.call("ResultManagement", "GetResultListFiltered", arguments=_filter(part_id="SN-0"))
    assert (one[0], [found.ResultId.Id for found in one[3]]) == (True, [stored[0]["id"]])
    wanted.Id = "no-such-result"
    _, _, error = await vision.call("ResultManagement", "GetResultById", arguments=(wanted, timeout))
    assert error == -4


async def test_states_are_those_of_the_standard_when_halted_and_reset(
    shared: PlantUnderTest, connection: Client
) -> None:
    vision = await _vision(shared, connection, "vision-3")
    assert await vision.call(_STATES, "Halt", arguments=_CAUSE) == 0
    assert await vision.state() == [State.HALTED, "BadStateNotActive"]
    _, error = await vision.call(_STATES, _AUTOMATIC, "StartSingleJob", arguments=vision.job())
    assert error == -1
    assert await vision.call(_STATES, "Reset", arguments=_CAUSE) == 0
    assert await vision.state() == [State.PREOPERATIONAL, "BadStateNotActive"]
    assert await vision.call(_STATES, "SelectModeAutomatic") == 0
    assert await vision.state() == [State.OPERATIONAL, State.READY]


async def test_pictures_are_taken_until_stopped_when_continuous(shared: PlantUnderTest, connection: Client) -> None:
    vision = await _vision(shared, connection, "vision-4")
    period = [ua.Variant(0.1, ua.VariantType.Double)]
    _, error = await vision.call(_STATES, _AUTOMATIC, "StartContinuous", arguments=vision.job(parameters=period))
    assert error == 0
    assert await vision.state() == [State.OPERATIONAL, State.CONTINUOUS_EXECUTION]

    async def has_many() -> bool:
        return bool(await node(connection, "ResultCounter", "vision-4").read_value() >= 3)

    await eventually(has_many, expected=True)
    assert await vision.call(_STATES, _AUTOMATIC, "Stop", arguments=_CAUSE) == 0
    await eventually(vision.state, [State.OPERATIONAL, State.READY])


async def test_recipe_is_the_stations_own_when_listed_and_prepared(shared: PlantUnderTest, connection: Client) -> None:
    vision = await _vision(shared, connection, "vision-5")
    await asyncio.to_thread(shared.inspect, RED, "vision-5")
    await eventually(node(connection, "ResultCounter", "vision-5").read_value, 1)
    external, internal = ua.RecipeIdExternalDataType(), ua.RecipeIdInternalDataType()
    numbers = (
        ua.Variant(10, ua.VariantType.UInt32),
        ua.Variant(0, ua.VariantType.UInt32),
        ua.Variant(0, ua.VariantType.Int32),
    )
    answer = await vision.call(
        "RecipeManagement",
        "GetRecipeListFiltered",
        arguments=(external, ua.ProductIdDataType(), ua.Variant(2, ua.VariantType.Int32), *numbers),
    )
    (recipe,) = answer[3]
    assert (recipe.Id, recipe.Version, len(recipe.Hash)) == ("vision-5", "2", 12)
    external.Id = "vision-5"
    _, completed, error = await vision.call("RecipeManagement", "UnprepareRecipe", arguments=(external, internal))
    assert (completed, error) == (True, 0)
    assert await vision.state() == [State.OPERATIONAL, State.INITIALIZED]
    external.Id = "somebody else's"
    assert (await vision.call("RecipeManagement", "PrepareRecipe", arguments=(external, internal)))[2] == -4
    external.Id = "vision-5"
    assert (await vision.call("RecipeManagement", "PrepareRecipe", arguments=(external, internal)))[1:] == [True, 0]
    assert await vision.state() == [State.OPERATIONAL, State.READY]


async def test_viewer_reads_results_and_starts_nothing_when_calling(
    shared: PlantUnderTest, connection: Client, viewer: Client
) -> None:
    await _vision(shared, connection, "vision-6")
    await viewer.load_data_type_definitions()
    vision = Vision(viewer, "vision-6", await viewer.get_namespace_index(nodeset.NAMESPACE))
    assert await vision.call(_STATES, "Halt", arguments=_CAUSE) == -2
    assert (await vision.call(_STATES, _AUTOMATIC, "StartSingleJob", arguments=vision.job()))[1] == -2
    assert (await vision.call("ResultManagement", "GetResultListFiltered", arguments=_filter()))[4] == 0
    assert await vision.state() == [State.OPERATIONAL, State.READY]


def _filter(*, part_id: str = "", most: int = 0) -> tuple[Any, ...]:
    part = ua.PartIdDataType()
    part.Id = part_id
    integer, unsigned = ua.VariantType.Int32, ua.VariantType.UInt32
    return (
        ua.Variant(0, integer),
        ua.MeasIdDataType(),
        part,
        ua.RecipeIdExternalDataType(),
        ua.RecipeIdInternalDataType(),
        ua.ConfigurationIdDataType(),
        ua.ConfigurationIdDataType(),
        ua.ProductIdDataType(),
        ua.JobIdDataType(),
        ua.Variant(most, unsigned),
        ua.Variant(0, unsigned),
        ua.Variant(0, integer),
    )
