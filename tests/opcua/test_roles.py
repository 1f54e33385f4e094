"""What each role may do over OPC UA: everybody reads and follows, an operator triggers, nobody writes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from asyncua import Client, ua

from opcua.machine_vision import nodeset
from opcua.machine_vision.states import Fault
from serving.auth.principal import ROLES
from tests.opcua.client import Pki, client_namespace, client_of, node
from tests.opcua.plant import PlantUnderTest
from tests.opcua.test_nodes import GOOD
from tests.opcua.waiting import Notes, eventually
from tests.prove.plugin import Proof

STATION: Final = "safe-1"
TRIGGERED: Final = "roles-1"
_LOWEST_THAT_CALLS: Final = "operator"


async def is_denied(act: Callable[[], Awaitable[Any]]) -> bool:
    """Whether something is refused because of who asks."""
    try:
        return bool(await act() == Fault.NOT_ALLOWED)
    except ua.UaStatusCodeError as error:
        return bool(error.code == ua.StatusCodes.BadUserAccessDenied)


def writes(client: Client) -> dict[str, Callable[[], Awaitable[Any]]]:
    """What would change the server's nodes."""
    value = node(client, "LastDecision", STATION)
    return {
        "write a value": lambda: value.write_value("pass", ua.VariantType.String),
        "change an access level": value.set_writable,
        "add a node": lambda: client.nodes.objects.add_folder(2, "evil"),
        "delete a node": lambda: client.delete_nodes([value]),
    }


def calls(client: Client) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Methods that act."""

    async def trigger() -> Any:
        namespace = client_namespace()
        root = client.get_node(ua.NodeId("Ussop", namespace))
        return await root.call_method(ua.NodeId("TriggerInspection", namespace), TRIGGERED, "SN-1")

    async def reset() -> Any:
        index = await client.get_namespace_index("http://opcfoundation.org/UA/MachineVision")
        machine = await client.get_node(ua.NodeId(f"vision/{STATION}", 2)).get_child([f"{index}:VisionStateMachine"])
        return await machine.call_method(f"{index}:Reset")

    return {"TriggerInspection": trigger} | ({"Reset": reset} if nodeset.FILE.is_file() else {})


async def follow(client: Client) -> None:
    """Returns once a subscription has told the last decision."""
    notes = Notes()
    subscription = await client.create_subscription(25, notes)
    await subscription.subscribe_data_change([node(client, "LastDecision", STATION)])

    async def told() -> Any:
        return notes.of("LastDecision")

    await eventually(told, ["pass"])
    await subscription.delete()


@pytest.mark.prove("identity", "OPC UA as each role: read, follow, call, write")
async def test_role_does_what_it_may_and_no_more_when_connected(
    shared: PlantUnderTest, pki: Pki, trusted: Path, proof: Proof
) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, STATION)
    await asyncio.to_thread(shared.call, "PUT", f"/stations/{TRIGGERED}", json={})
    wrong, tried = [], 0
    for role in ROLES:
        may_call = ROLES.index(role) >= ROLES.index(_LOWEST_THAT_CALLS)
        async with await client_of(shared.endpoint, pki, trusted, role) as client:
            await eventually(node(client, "LastDecision", STATION).read_value, "pass")
            await eventually(node(client, "Ready", TRIGGERED).read_value, expected=True)
            await follow(client)
            acts = [(what, act, may_call) for what, act in calls(client).items()]
            acts += [(what, act, False) for what, act in writes(client).items()]
            wrong += [(role, what) for what, act, may in acts if await is_denied(act) == may]
            tried += len(acts)
            assert await node(client, "LastDecision", STATION).read_value() == "pass"
    proof.note(roles=len(ROLES), acts=tried, wrong=len(wrong))
    assert wrong == []
