"""Clients that vanish, and strangers that announce gigabytes: memory and the other clients do not notice."""

import asyncio
import socket
from pathlib import Path

import psutil
from asyncua import Client

from tests.opcua.client import Pki, client_of, node
from tests.opcua.plant import PlantUnderTest, wait_until
from tests.opcua.waiting import Notes, eventually

_MOST_GROWTH_BYTES = 2 * 2**20


def _memory(shared: PlantUnderTest) -> int:
    return int(psutil.Process(shared.processes["opcua"].pid).memory_info().rss)


def _flood(port: int, head: bytes, most_bytes: int) -> int:
    """How many bytes the server took before it hung up."""
    sent, block = 0, b"\0" * 65_536
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
        try:
            stranger.sendall(head)
            while sent < most_bytes:
                stranger.sendall(block)
                sent += len(block)
        except OSError:
            pass
    return sent


async def test_memory_stays_when_strangers_announce_gigabytes(shared: PlantUnderTest, viewer: Client) -> None:
    status = node(viewer, "SystemStatus", None)
    await asyncio.to_thread(_flood, shared.opcua_port, b"MSGF\xff\xff\xff\x7f", 2**20)
    before = _memory(shared)
    for head in (b"MSGF\xff\xff\xff\x7f", b"HELF\x00\x00\x00\x40", b"OPNF\xff\xff\x00\x00") * 3:
        taken = await asyncio.to_thread(_flood, shared.opcua_port, head, 64 * 2**20)
        assert taken < 64 * 2**20
        await eventually(status.read_value, "running")
    assert _memory(shared) - before <= _MOST_GROWTH_BYTES


async def test_there_is_room_when_more_clients_vanished_than_may_be_there(
    shared: PlantUnderTest, pki: Pki, trusted: Path
) -> None:
    for _ in range(25):  # five more than there may be
        client = await client_of(shared.endpoint, pki, trusted, "viewer")
        await client.connect()
        subscription = await client.create_subscription(100, Notes())
        await subscription.subscribe_data_change(node(client, "SystemStatus", None))
        client.uaclient.protocol.transport.abort()
        client.disconnect_socket()
    async with await client_of(shared.endpoint, pki, trusted, "viewer") as client:
        await eventually(node(client, "SystemStatus", None).read_value, "running")

    def are_gone() -> bool:
        return bool(shared.call("GET", "/opcua/status")["sessions"] == 0)

    await asyncio.to_thread(wait_until, are_gone, "nobody is connected")
