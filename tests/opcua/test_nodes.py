"""The nodes of the API reference: their types, their values, and how fast they follow."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from asyncua import Client, ua

from tests.opcua.client import namespace_of, node
from tests.opcua.plant import DEADLINE_S, PlantUnderTest
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


async def eventually(ask: Callable[[], Awaitable[Any]], expected: Any) -> None:
    """Until an answer is the expected one."""
    give_up_at, found = time.monotonic() + DEADLINE_S, None
    while time.monotonic() < give_up_at:
        try:
            found = await ask()
        except ua.UaStatusCodeError as error:
            found = error
        if found == expected:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{found!r} is not {expected!r}")


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
