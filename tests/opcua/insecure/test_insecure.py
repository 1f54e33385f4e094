"""`OPCUA_ALLOW_INSECURE`: everybody reads, nobody acts, and everybody is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua

from tests.opcua.client import Pki, client_of, node
from tests.opcua.plant import PlantUnderTest, wait_until
from tests.opcua.test_nodes import GOOD
from tests.opcua.waiting import Notes, eventually
from tests.serving.conftest import PASSWORD

_ROOT, _TRIGGER = ua.NodeId("Ussop", 2), ua.NodeId("TriggerInspection", 2)


@pytest.fixture
async def nobody(insecure: PlantUnderTest) -> AsyncIterator[Client]:
    """Somebody without certificate, name and password."""
    async with Client(insecure.endpoint, timeout=10) as client:
        yield client


async def test_results_are_read_and_followed_when_nobody_is_asked_for_a_name(
    shared: PlantUnderTest, nobody: Client
) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "open-1")
    await eventually(node(nobody, "LastDecision", "open-1").read_value, "pass")
    notes = Notes()
    subscription = await nobody.create_subscription(50, notes)
    await subscription.subscribe_data_change([node(nobody, "ResultCounter", "open-1")], queuesize=10)
    await asyncio.to_thread(shared.inspect, GOOD, "open-1")
    await asyncio.to_thread(wait_until, lambda: notes.of("ResultCounter") == [1, 2], "both are told")
    past = await node(nobody, "LastDecision", "open-1").read_raw_history(endtime=datetime.now(UTC), numvalues=2)
    assert [value.Value.Value for value in past] == ["pass", "pass"]
    await subscription.delete()


def _acts(client: Client) -> dict[str, Callable[[], Any]]:
    return {
        "a trigger": lambda: client.get_node(_ROOT).call_method(_TRIGGER, "open-1", "SN"),
        "a value": lambda: node(client, "LastDecision", "open-1").write_value("pass", ua.VariantType.String),
        "a node": lambda: client.nodes.objects.add_folder(2, "evil"),
    }


async def test_nobody_acts_when_nobody_is_asked_for_a_name(shared: PlantUnderTest, nobody: Client) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "open-1")
    for what, act in _acts(nobody).items():
        with pytest.raises(ua.UaStatusCodeError) as caught:
            await act()
        assert caught.value.code == ua.StatusCodes.BadUserAccessDenied, what


async def test_password_is_refused_when_it_would_travel_in_the_clear(insecure: PlantUnderTest) -> None:
    client = Client(insecure.endpoint, timeout=10)
    client.set_user("operator")
    client.set_password(PASSWORD)
    with pytest.raises((ua.UaError, OSError)):
        await client.connect()


async def test_operator_still_comes_in_secured_when_others_need_not(
    insecure: PlantUnderTest, pki: Pki, trusted: Path
) -> None:
    async with await client_of(insecure.endpoint, pki, trusted) as client:
        await eventually(node(client, "SystemStatus", None).read_value, "running")


async def test_everybody_is_told_when_nobody_is_asked_for_a_name(
    shared: PlantUnderTest, insecure: PlantUnderTest
) -> None:
    assert "OPCUA_ALLOW_INSECURE IS ON" in insecure.log("opcua")
    assert "OPCUA_ALLOW_INSECURE IS ON" not in shared.log("opcua")

    def says_so() -> bool:
        return bool(shared.call("GET", "/opcua/status")["insecure"])

    # Both processes tell of themselves, one after the other.
    await asyncio.to_thread(wait_until, says_so, "the status says so")
