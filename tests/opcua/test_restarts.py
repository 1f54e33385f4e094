"""What clients see while one of the two processes is away, and after."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from asyncua import Client, ua

from serving.alerts.service import raise_alert, resolve_alert
from serving.database import Database, create_engine
from tests.opcua.client import Pki, client_of, node
from tests.opcua.plant import PlantUnderTest, wait_until
from tests.opcua.test_nodes import GOOD, RED
from tests.opcua.waiting import Notes, eventually, quality_of


@pytest.fixture
def database(shared: PlantUnderTest) -> Iterator[Database]:
    """The plant's database, from another process."""
    database = Database(create_engine(f"sqlite:///{shared.data_dir / 'ussop.db'}"), queue_size=8)
    yield database
    database.close()


async def test_quality_is_bad_and_no_result_is_lost_when_the_api_was_killed(
    shared: PlantUnderTest, operator: Client
) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "kill-1")
    decision, counter = node(operator, "LastDecision", "kill-1"), node(operator, "ResultCounter", "kill-1")
    await eventually(counter.read_value, 1)
    notes = Notes()
    subscription = await operator.create_subscription(25, notes)
    await subscription.subscribe_data_change([counter, node(operator, "SystemStatus", None)], queuesize=100)
    await asyncio.to_thread(shared.end, "api", signal.SIGKILL)
    try:
        await eventually(lambda: quality_of(decision), ua.StatusCodes.BadNoCommunication)
        gone = await decision.read_data_value(raise_on_bad_status=False)
        assert gone.Value.Value is None
        assert await quality_of(counter) == ua.StatusCodes.UncertainLastUsableValue
        assert not await node(operator, "Ready", "kill-1").read_value()
        root = operator.get_node(ua.NodeId("Ussop", 2))
        with pytest.raises(ua.UaStatusCodeError) as caught:
            await root.call_method(ua.NodeId("TriggerInspection", 2), "kill-1", "SN")
        assert caught.value.code == ua.StatusCodes.BadInvalidState
    finally:
        await asyncio.to_thread(shared.start, "api")
    for _ in range(5):
        await asyncio.to_thread(shared.inspect, RED, "kill-1")
    await eventually(counter.read_value, 6)
    await eventually(decision.read_value, "fail")
    assert await node(operator, "FailCount", "kill-1").read_value() == 5
    await eventually(node(operator, "SystemStatus", None).read_value, "running")
    # What can be read is told a moment later.
    for name, last in (("ResultCounter", 6), ("SystemStatus", "running")):
        await asyncio.to_thread(wait_until, partial(_was_told, notes, name, last), f"{name} {last} is told")
    told = notes.of("ResultCounter")
    assert [value for place, value in enumerate(told) if value not in told[:place]] == [1, 2, 3, 4, 5, 6]
    assert notes.of("SystemStatus") == ["running", "api_unavailable", "running"]
    await subscription.delete()


async def test_counters_go_on_when_the_opcua_process_was_killed(
    shared: PlantUnderTest, pki: Pki, trusted: Path
) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "kill-2")
    own = pki.server_certificate.read_bytes()
    began_s = time.monotonic()
    await asyncio.to_thread(shared.end, "opcua", signal.SIGKILL)
    try:
        await asyncio.to_thread(_until_not_running, shared)
        # The machine may be slow to answer; the promise is five seconds.
        assert time.monotonic() - began_s < 8
        told = shared.call("GET", "/opcua/status")
        assert (told["enabled"], told["nodes"], told["station_count"]) == (True, [], 0)
        await asyncio.to_thread(wait_until, lambda: _has_alert(shared), "the alert is open")
        for _ in range(3):
            await asyncio.to_thread(shared.inspect, RED, "kill-2")
    finally:
        await asyncio.to_thread(shared.start, "opcua")
    assert pki.server_certificate.read_bytes() == own
    async with await client_of(shared.endpoint, pki, trusted) as client:
        await eventually(node(client, "ResultCounter", "kill-2").read_value, 4)
        assert await node(client, "FailCount", "kill-2").read_value() == 3
        assert await node(client, "PassRate1h", "kill-2").read_value() == pytest.approx(25.0)
        await asyncio.to_thread(shared.inspect, GOOD, "kill-2")
        await eventually(node(client, "ResultCounter", "kill-2").read_value, 5)
    await asyncio.to_thread(wait_until, lambda: not _has_alert(shared), "the alert ends")


async def test_old_pass_is_hidden_when_the_camera_fails(
    shared: PlantUnderTest, operator: Client, database: Database
) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "camera-1")
    decision = node(operator, "LastDecision", "camera-1")
    await eventually(decision.read_value, "pass")
    key, title = "camera:unplugged", "Camera unplugged"
    database.write(lambda session: raise_alert(session, "error", title, "no frame", key)).result(30)
    try:
        await eventually(lambda: quality_of(decision), ua.StatusCodes.BadSensorFailure)
        assert await node(operator, "SystemStatus", None).read_value() == "camera_fault"
        assert await node(operator, "Error", "camera-1").read_value()
        assert "unplugged" in await node(operator, "ErrorText", "camera-1").read_value()
    finally:
        database.write(lambda session: resolve_alert(session, key)).result(30)
    await eventually(decision.read_value, "pass")


async def test_events_are_told_when_a_part_fails_and_an_alert_is_raised(
    shared: PlantUnderTest, viewer: Client, database: Database
) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "event-1")
    station = viewer.get_node(ua.NodeId("station/event-1", 2))
    await eventually(node(viewer, "ResultCounter", "event-1").read_value, 1)
    failed, alert = (viewer.get_node(ua.NodeId(name, 2)) for name in ("InspectionFailedEventType", "AlertEventType"))
    at_station, at_server = Notes(), Notes()
    for notes, source, kinds in ((at_station, station, [failed]), (at_server, viewer.nodes.server, [failed, alert])):
        subscription = await viewer.create_subscription(25, notes)
        await subscription.subscribe_events(source, kinds)
    await asyncio.to_thread(shared.inspect, GOOD, "event-1", "SN-good")
    told = await asyncio.to_thread(shared.inspect, RED, "event-1", "SN-bad")
    await asyncio.to_thread(wait_until, lambda: at_station.events and at_server.events, "both were told")
    for notes in (at_station, at_server):
        (event,) = notes.events
        assert (event.InspectionId, event.PartId, event.StationId) == (told["id"], "SN-bad", "event-1")
        assert event.DefectClasses == "scratch"
        assert event.Time.isoformat().startswith(told["created_at"][:19])
    database.write(lambda session: raise_alert(session, "critical", "Test", "of events", "test:events")).result(30)
    await asyncio.to_thread(wait_until, lambda: len(at_server.events) > 1, "the alert was told")
    assert (at_server.events[1].Title, at_server.events[1].Severity) == ("Test", 900)
    database.write(lambda session: resolve_alert(session, "test:events")).result(30)
    await asyncio.to_thread(wait_until, lambda: len(at_server.events) > 2, "its end was told")
    assert at_server.events[2].IsResolved


def _was_told(notes: Notes, name: str, last: object) -> bool:
    return notes.of(name)[-1:] == [last]


def _until_not_running(shared: PlantUnderTest) -> None:
    wait_until(lambda: not shared.call("GET", "/opcua/status")["running"], "the status says so")


def _has_alert(shared: PlantUnderTest) -> bool:
    with suppress(KeyError):
        alerts = shared.call("GET", "/alerts")["alerts"]
        return any(alert["title"] == "OPC UA server down" and alert["resolved_at"] is None for alert in alerts)
    return False
