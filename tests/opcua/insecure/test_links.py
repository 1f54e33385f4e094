"""What clients see when a network cable is pulled: between the two processes, and between the server and a client."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from asyncua import Client, ua

from tests.opcua.client import Pki, client_of, node
from tests.opcua.link import Link
from tests.opcua.plant import PlantUnderTest, wait_until
from tests.opcua.test_nodes import GOOD, RED
from tests.opcua.waiting import Notes, eventually, quality_of


@pytest.fixture
def to_client(shared: PlantUnderTest) -> Iterator[Link]:
    """The line between the OPC UA server and a client."""
    link = Link(shared.opcua_port)
    yield link
    link.close()


async def test_quality_is_bad_and_no_result_is_lost_when_the_line_to_the_api_was_cut(
    shared: PlantUnderTest, insecure: PlantUnderTest, to_api: Link
) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "cut-1")
    async with Client(insecure.endpoint, timeout=10) as client:
        decision, counter = node(client, "LastDecision", "cut-1"), node(client, "ResultCounter", "cut-1")
        await eventually(decision.read_value, "pass")
        notes = Notes()
        subscription = await client.create_subscription(25, notes)
        await subscription.subscribe_data_change([counter], queuesize=100)
        to_api.cut()
        try:
            await eventually(lambda: quality_of(decision), ua.StatusCodes.BadNoCommunication)
            assert await quality_of(counter) == ua.StatusCodes.UncertainLastUsableValue
            for _ in range(3):
                await asyncio.to_thread(shared.inspect, RED, "cut-1")
        finally:
            to_api.mend()
        await eventually(counter.read_value, 4)
        await eventually(decision.read_value, "fail")
        await eventually(lambda: quality_of(counter), ua.StatusCodes.Good)
        await asyncio.to_thread(wait_until, lambda: notes.of("ResultCounter")[-1:] == [4], "the last one is told")
        assert list(dict.fromkeys(notes.of("ResultCounter"))) == [1, 2, 3, 4]
        await subscription.delete()


async def test_every_result_is_told_when_the_line_to_the_client_was_cut(
    shared: PlantUnderTest, viewer: Client, pki: Pki, trusted: Path, to_client: Link
) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "cut-2")
    endpoint = f"opc.tcp://127.0.0.1:{to_client.port}/ussop"
    async with await client_of(endpoint, pki, trusted, "viewer") as client:
        await eventually(node(client, "ResultCounter", "cut-2").read_value, 1)
        notes = Notes()
        subscription = await client.create_subscription(25, notes)
        await subscription.subscribe_data_change([node(client, "ResultCounter", "cut-2")], queuesize=100)
        await asyncio.to_thread(wait_until, lambda: notes.of("ResultCounter") == [1], "the first one is told")
        to_client.cut()
        for _ in range(5):
            await asyncio.to_thread(shared.inspect, RED, "cut-2")
        # Somebody else sees them come meanwhile.
        await eventually(node(viewer, "ResultCounter", "cut-2").read_value, 6)
        assert notes.of("ResultCounter") == [1]
        to_client.mend()
        await asyncio.to_thread(wait_until, lambda: notes.of("ResultCounter")[-1:] == [6], "the last one is told")
        assert notes.of("ResultCounter") == [1, 2, 3, 4, 5, 6]
        await subscription.delete()
