"""The nodes of the API reference: their types, their values, and how fast they follow."""

import asyncio
from datetime import datetime

import pytest
from asyncua import Client, ua

from opcua.documentation import walk
from opcua.nodes import ordered_nodes
from tests.opcua.client import client_namespace, namespace_of, node
from tests.opcua.plant import PlantUnderTest, wait_until
from tests.opcua.waiting import Notes, eventually
from tests.pictures import png_bytes, square_picture

_T = ua.VariantType
_DOCUMENTED = {
    "LastDecision": _T.String,
    "LastConfidence": _T.Float,
    "ObjectsFound": _T.Int32,
    "CycleTimeMs": _T.Float,
    "PassCount": _T.Int32,
    "FailCount": _T.Int32,
    "UncertainCount": _T.Int32,
    "PassRate1h": _T.Float,
    "LastInspectionTime": _T.DateTime,
}
RED, GOOD = png_bytes(square_picture("red")), png_bytes(square_picture(None))


async def test_documented_nodes_tell_the_last_inspection_when_one_was_made(
    shared: PlantUnderTest, viewer: Client
) -> None:
    told = await asyncio.to_thread(shared.inspect, RED, "nodes-1", "SN-7")
    await eventually(node(viewer, "LastInspectionId", "nodes-1").read_value, told["id"])
    values = {name: await node(viewer, name, "nodes-1").read_data_value() for name in _DOCUMENTED}
    assert {name: value.Value.VariantType for name, value in values.items()} == _DOCUMENTED
    at = datetime.fromisoformat(told["created_at"])
    assert all(value.StatusCode.is_good() for value in values.values())
    assert all(value.SourceTimestamp == at for name, value in values.items() if name != "PassRate1h")
    shown = {name: value.Value.Value for name, value in values.items()}
    assert shown["LastDecision"] == told["decision"] == "fail"
    assert abs(shown["LastConfidence"] - told["confidence"]) < 1e-6
    assert shown["ObjectsFound"] == told["objects_found"] == len(told["detections"])
    assert abs(shown["CycleTimeMs"] - told["timings_ms"]["inference"]) < 1e-3
    assert (shown["PassCount"], shown["FailCount"], shown["UncertainCount"]) == (0, 1, 0)
    assert shown["PassRate1h"] == 0.0
    assert shown["LastInspectionTime"] == at
    assert await node(viewer, "LastPartId", "nodes-1").read_value() == "SN-7"
    assert await node(viewer, "DefectClasses", "nodes-1").read_value() == [d["class_name"] for d in told["detections"]]


async def test_nodes_are_found_by_browsing_when_looked_for(shared: PlantUnderTest, viewer: Client) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "nodes-2")
    await eventually(node(viewer, "PassCount", "nodes-2").read_value, 1)
    namespace = await namespace_of(viewer)
    assert namespace == client_namespace()
    for spec in ordered_nodes():
        path = [f"{namespace}:{name}" for name in ("Ussop", "Stations", "nodes-2", spec.name)]
        found = await viewer.nodes.objects.get_child(path)
        assert found.nodeid == ua.NodeId(f"station/nodes-2/{spec.name}", namespace)
        rank = await found.read_value_rank()
        assert rank == (ua.ValueRank.OneDimension if spec.is_array else ua.ValueRank.Scalar)
        assert await found.read_data_type_as_variant_type() == spec.type
    status = await viewer.nodes.objects.get_child([f"{namespace}:Ussop", f"{namespace}:SystemStatus"])
    assert status.nodeid == ua.NodeId("SystemStatus", namespace)
    await eventually(status.read_value, "running")


async def _described(client: Client, station_id: str) -> list[str]:
    """Everything below a station and its vision system, without the station's name."""
    found = []
    for above in ("station", "vision"):
        root = client.get_node(ua.NodeId(f"{above}/{station_id}", client_namespace()))
        try:
            found += [line.replace(station_id, "*") async for line in walk(root, 0)]
        except ua.UaStatusCodeError:
            assert above == "vision"  # the standard's tables are not everywhere
    return found


async def test_stations_are_alike_when_one_was_made_from_the_other(shared: PlantUnderTest, viewer: Client) -> None:
    for station_id in ("alike-1", "alike-1.1", "other-1"):
        await asyncio.to_thread(shared.call, "PUT", f"/stations/{station_id}", json={})
        await eventually(node(viewer, "Ready", station_id).read_value, expected=True)
    first = await _described(viewer, "alike-1")
    assert len(first) > len(ordered_nodes())
    assert await _described(viewer, "alike-1.1") == first
    assert await _described(viewer, "other-1") == first
    past = await node(viewer, "LastDecision", "other-1").read_attribute(ua.AttributeIds.AccessLevel)
    assert past.Value.Value & ua.AccessLevel.HistoryRead.mask
    # A copy is written to by itself.
    await asyncio.to_thread(shared.inspect, GOOD, "other-1")
    await eventually(node(viewer, "PassCount", "other-1").read_value, 1)
    assert await node(viewer, "PassCount", "alike-1").read_value() == 0


async def test_rate_and_counters_are_those_of_the_database_when_parts_came(
    shared: PlantUnderTest, viewer: Client
) -> None:
    for picture in (RED, GOOD, GOOD, png_bytes(square_picture("pale_red"))):
        await asyncio.to_thread(shared.inspect, picture, "nodes-3")
    await eventually(node(viewer, "ResultCounter", "nodes-3").read_value, 4)
    shown = [await node(viewer, f"{name}Count", "nodes-3").read_value() for name in ("Pass", "Fail", "Uncertain")]
    assert shown == [2, 1, 1]
    assert await node(viewer, "PassRate1h", "nodes-3").read_value() == pytest.approx(50.0)


async def test_nothing_is_shown_when_a_station_has_made_no_part(shared: PlantUnderTest, viewer: Client) -> None:
    await asyncio.to_thread(shared.call, "PUT", "/stations/idle-1", json={"name": "Idle"})
    waiting = ua.StatusCodes.BadWaitingForInitialData
    await eventually(node(viewer, "PassCount", "idle-1").read_value, 0)
    await eventually(node(viewer, "LastDecision", "idle-1").read_value, waiting)
    rate = await node(viewer, "PassRate1h", "idle-1").read_data_value(raise_on_bad_status=False)
    assert (rate.Value.Value, rate.StatusCode.value) == (0.0, ua.StatusCodes.UncertainSubstituteValue)


async def test_counter_rises_by_one_after_the_rest_when_subscribed(shared: PlantUnderTest, viewer: Client) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "nodes-4", "first")
    await eventually(node(viewer, "ResultCounter", "nodes-4").read_value, 1)
    notes = Notes()
    subscription = await viewer.create_subscription(25, notes)
    names = ("ResultCounter", "LastPartId", "LastDecision")
    await subscription.subscribe_data_change([node(viewer, name, "nodes-4") for name in names], queuesize=100)
    for number in range(20):
        await asyncio.to_thread(shared.inspect, RED if number % 2 else GOOD, "nodes-4", f"SN-{number}")
    await asyncio.to_thread(wait_until, lambda: notes.of("ResultCounter")[-1:] == [21], "every result was told")
    assert notes.of("ResultCounter") == list(range(1, 22))
    assert notes.of("LastPartId") == ["first", *(f"SN-{number}" for number in range(20))]
    await subscription.delete()


async def test_status_is_true_when_the_server_runs(shared: PlantUnderTest) -> None:
    await asyncio.to_thread(shared.inspect, GOOD, "nodes-5")

    def shown() -> bool:
        told = shared.call("GET", "/opcua/status", role="viewer")
        return "station/nodes-5" in told["nodes"]

    await asyncio.to_thread(wait_until, shown, "the station is among the nodes")
    told = await asyncio.to_thread(shared.call, "GET", "/opcua/status", role="viewer")
    assert {name: told[name] for name in ("enabled", "running", "endpoint")} == {
        "enabled": True,
        "running": True,
        "endpoint": shared.endpoint,
    }
    assert told["nodes"][-1] == "SystemStatus"
    assert told["station_count"] == len(told["nodes"]) - 1
    assert not told["insecure"]
