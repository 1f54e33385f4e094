"""TriggerInspection and the handshake around it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from asyncua import Client, ua

from tests.opcua.client import client_namespace, node
from tests.opcua.plant import PlantUnderTest, wait_until
from tests.opcua.test_nodes import GOOD
from tests.opcua.waiting import Notes, eventually


async def _call(client: Client, *arguments: Any) -> Any:
    namespace = client_namespace()
    root = client.get_node(ua.NodeId("Ussop", namespace))
    return await root.call_method(ua.NodeId("TriggerInspection", namespace), *arguments)


async def _status_of(client: Client, *arguments: Any) -> int:
    with pytest.raises(ua.UaStatusCodeError) as caught:
        await _call(client, *arguments)
    return int(caught.value.code)


async def _made(shared: PlantUnderTest, client: Client, station_id: str) -> None:
    await asyncio.to_thread(shared.call, "PUT", f"/stations/{station_id}", json={})
    await eventually(node(client, "Ready", station_id).read_value, expected=True)


async def test_verdict_is_stored_and_shown_when_an_operator_triggers(shared: PlantUnderTest, operator: Client) -> None:
    await _made(shared, operator, "trigger-1")
    notes = Notes()
    subscription = await operator.create_subscription(25, notes)
    names = ("Ready", "Busy", "Error", "ResultCounter")
    await subscription.subscribe_data_change([node(operator, name, "trigger-1") for name in names], queuesize=50)
    inspection_id, decision, confidence = await _call(operator, "trigger-1", "SN-1")
    stored = await asyncio.to_thread(shared.call, "GET", f"/inspect/{inspection_id}")
    assert (stored["station_id"], stored["part_id"], stored["source"]) == ("trigger-1", "SN-1", "camera")
    assert (stored["decision"], stored["confidence"]) == (decision, pytest.approx(confidence, abs=1e-6))
    # No waiting here: whoever gets the answer finds the nodes of it.
    assert await node(operator, "LastInspectionId", "trigger-1").read_value() == inspection_id
    await asyncio.to_thread(wait_until, lambda: notes.of("Ready")[-2:] == [False, True], "ready, busy, ready")
    assert notes.of("Busy") == [False, True, False]
    assert notes.of("Error") == [False]
    assert notes.of("ResultCounter") == [0, 1]
    await subscription.delete()


async def test_trigger_is_refused_when_it_is_not_allowed_or_not_right(
    shared: PlantUnderTest, operator: Client, viewer: Client
) -> None:
    await _made(shared, operator, "trigger-2")
    codes = ua.StatusCodes
    assert await _status_of(viewer, "trigger-2", "SN-1") == codes.BadUserAccessDenied
    assert await _status_of(operator, "no-such-station", "SN-1") == codes.BadNotFound
    assert await _status_of(operator, "trigger-2") == codes.BadArgumentsMissing
    assert await _status_of(operator, "trigger-2", "SN-1", "x") == codes.BadTooManyArguments
    assert await _status_of(operator, 7, "SN-1") == codes.BadInvalidArgument
    assert await _status_of(operator, "trigger-2", "x" * 200) == codes.BadInvalidArgument
    assert await node(operator, "ResultCounter", "trigger-2").read_value() == 0


async def test_second_trigger_is_refused_when_the_first_is_under_way(
    shared: PlantUnderTest, operator: Client, viewer: Client
) -> None:
    await _made(shared, operator, "trigger-3")
    outcomes = await asyncio.gather(
        *(_call(operator, "trigger-3", f"SN-{number}") for number in range(2)), return_exceptions=True
    )
    # One connection's messages are answered one after the other: both have their verdict.
    assert [type(outcome) for outcome in outcomes] == [list, list]
    assert await node(viewer, "ResultCounter", "trigger-3").read_value() == 2


async def test_past_of_a_node_is_that_of_the_database_when_read(shared: PlantUnderTest, viewer: Client) -> None:
    stored = [await asyncio.to_thread(shared.inspect, GOOD, "past-1", f"SN-{number}") for number in range(6)]
    await eventually(node(viewer, "ResultCounter", "past-1").read_value, 6)

    times = [datetime.fromisoformat(told["created_at"]) for told in stored]
    parts, second = node(viewer, "LastPartId", "past-1"), timedelta(seconds=1)
    assert await parts.read_attribute(ua.AttributeIds.Historizing) is not None
    forwards = await parts.read_raw_history(times[0] - second, times[-1] + second)
    assert [value.Value.Value for value in forwards] == [f"SN-{number}" for number in range(6)]
    assert [value.SourceTimestamp for value in forwards] == times
    backwards = await parts.read_raw_history(times[-1], times[0])
    assert [value.SourceTimestamp for value in backwards] == times[::-1]
    some = await parts.read_raw_history(times[1], times[-1], numvalues=3)
    assert [value.Value.Value for value in some] == ["SN-1", "SN-2", "SN-3"]
    newest = await parts.read_raw_history(endtime=times[-1], numvalues=2)
    assert [value.Value.Value for value in newest] == ["SN-5", "SN-4"]
    with pytest.raises(ua.UaStatusCodeError):
        await node(viewer, "PassCount", "past-1").read_raw_history(times[0], times[-1])
