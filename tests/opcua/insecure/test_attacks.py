"""After each kind of attack the server lives, honest clients come in, and the API has noticed nothing."""

import asyncio
import time
from pathlib import Path

import psutil
import pytest
from asyncua import Client, ua
from asyncua.common.utils import Buffer, NotEnoughData
from asyncua.ua.ua_binary import struct_from_binary
from structlog.testing import capture_logs

from opcua.guard.complaints import MOST_LINES, PERIOD_S, Complaints
from opcua.guard.decoding import bound_arrays
from tests.opcua.attacks import ATTACKS, Target
from tests.opcua.client import Pki, client_of, node
from tests.opcua.plant import DEADLINE_S, PlantUnderTest
from tests.opcua.raw import Raw, endless, with_value
from tests.opcua.test_nodes import GOOD
from tests.opcua.waiting import Notes

_SECONDS = 0.25
_MOST_GROWTH_BYTES = 100 * 2**20


async def _comes_in(plant: PlantUnderTest, pki: Pki, trusted: Path) -> None:
    """An honest client reads and subscribes, at the latest when the attackers' places are free again."""
    give_up_at = time.monotonic() + DEADLINE_S
    while True:
        try:
            async with await client_of(plant.endpoint, pki, trusted, "viewer") as client:
                await node(client, "SystemStatus", None).read_value()
                subscription = await client.create_subscription(100, Notes())
                await subscription.subscribe_data_change(node(client, "SystemStatus", None))
                return
        except (ua.UaError, OSError, TimeoutError):
            if time.monotonic() > give_up_at:
                raise


@pytest.mark.parametrize("name", ATTACKS)
async def test_honest_client_comes_in_when_somebody_attacks(
    shared: PlantUnderTest, insecure: PlantUnderTest, pki: Pki, trusted: Path, name: str
) -> None:
    process = insecure.processes["opcua"]
    before = psutil.Process(process.pid).memory_info().rss
    await asyncio.to_thread(ATTACKS[name], Target(insecure.opcua_port, _SECONDS))
    await _comes_in(insecure, pki, trusted)
    assert process.poll() is None
    assert psutil.Process(process.pid).memory_info().rss - before < _MOST_GROWTH_BYTES
    assert (await asyncio.to_thread(shared.inspect, GOOD, "line-1"))["decision"] == "pass"
    assert "Traceback" not in insecure.log("opcua")


@pytest.mark.parametrize("name", ["giant_headers", "many_channels", "huge_counts", "malformed_text"])
async def test_connected_client_stays_when_strangers_attack_the_secured_server(
    shared: PlantUnderTest, viewer: Client, name: str
) -> None:
    await asyncio.to_thread(ATTACKS[name], Target(shared.opcua_port, _SECONDS))
    await node(viewer, "SystemStatus", None).read_value()
    assert "Traceback" not in shared.log("opcua")


async def test_message_before_the_login_is_refused_when_it_is_long_or_in_pieces(shared: PlantUnderTest) -> None:
    def ends(chunk: bytes, size: int) -> bool:
        with Raw(shared.opcua_port) as raw:
            raw.hello()
            raw.open()
            raw.send_body(b"\0" * size, chunk)
            return raw.is_ended()

    for chunk, size in ((b"C", 100), (b"F", 20_000)):
        assert await asyncio.to_thread(ends, chunk, size)


def test_log_stays_short_when_strangers_are_many() -> None:
    now_s = 0.0
    complaints = Complaints(lambda: now_s)
    with capture_logs() as lines:
        for number in range(5000):
            complaints.tell("opcua_message_refused", number=number)
        now_s = PERIOD_S
        complaints.tell("opcua_message_refused", number=5000)
    assert len(lines) == MOST_LINES + 2
    assert (lines[-2]["event"], lines[-2]["count"]) == ("opcua_more_refused", 5000 - MOST_LINES)
    assert lines[-1]["number"] == 5000


def test_array_is_refused_when_it_announces_more_elements_than_bytes_follow() -> None:
    bound_arrays()
    with pytest.raises(NotEnoughData):
        struct_from_binary(ua.RequestHeader, Buffer(with_value(endless())[4:]))
    whole = struct_from_binary(ua.RequestHeader, Buffer(with_value(endless(2) + b"\0\0")[4:]))
    assert whole.AdditionalHeader.Value.Value == [None, None]
