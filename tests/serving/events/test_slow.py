"""Clients that do not read: cut off, without cost to anybody else."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from fastapi import FastAPI

from serving.events.client import MOST_WAITING, MOST_WAITING_BYTES
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer
from tests.serving.events.following import DEADLINE_S, following, happen, inspect, platform_of

_PAD = "x" * 60_000
_MOST_BUFFERED = 8 * 2**20  # what the two kernels take for a connection whose end does not read, and then some


@contextmanager
def deaf(client: httpx.Client, token: str) -> Iterator[socket.socket]:
    """A connection whose end sends its handshake and never reads again."""
    address = urlsplit(str(client.base_url))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        end.settimeout(DEADLINE_S)
        end.connect((address.hostname, address.port))
        lines = [
            f"GET /ws/dashboard?token={token} HTTP/1.1",
            f"Host: {address.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        end.sendall("\r\n".join([*lines, "", ""]).encode())
        assert end.recv(12) == b"HTTP/1.1 101"
        yield end


def wait_for(app: FastAPI, clients: int) -> None:
    """Until so many follow."""
    give_up_at = time.monotonic() + DEADLINE_S
    while len(platform_of(app).events.hub.clients) != clients:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def is_served(end: socket.socket) -> bool:
    """Whether the server, in this process, still holds the other end."""
    return any(held.raddr == end.getsockname() for held in psutil.Process().net_connections("tcp4"))


def read_to_the_end(end: socket.socket) -> bytes:
    """The last bytes that a connection had for us, once it has ended."""
    last = b""
    try:
        while data := end.recv(2**20):
            last = (last + data)[-200:]
    except ConnectionResetError:
        pass
    return last


def test_others_hear_everything_at_once_when_one_client_does_not_read(
    app: FastAPI, client: httpx.Client, viewer_token: str
) -> None:
    count = 2 * (_MOST_BUFFERED + MOST_WAITING_BYTES) // len(_PAD)
    waits_s = []
    with following(client, viewer_token) as follower, deaf(client, viewer_token) as end:
        wait_for(app, 2)
        for number in range(count):
            began_s = time.perf_counter()
            happen(app, "station", number=number, pad=_PAD)
            assert follower.next_of("station")["data"]["number"] == number
            waits_s.append(time.perf_counter() - began_s)
        assert len(platform_of(app).events.hub.clients) == 1
        assert 'ussop_ws_dropped_total{reason="slow"} 1.0' in client.get("/metrics").text
        give_up_at = time.monotonic() + DEADLINE_S
        while is_served(end):  # though it has not read the end of it
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
    assert max(waits_s) < 2.0


def test_reason_is_told_when_a_slow_client_reads_on_in_time(
    app: FastAPI, client: httpx.Client, viewer_token: str
) -> None:
    with deaf(client, viewer_token) as end:
        wait_for(app, 1)
        for number in range((_MOST_BUFFERED + MOST_WAITING_BYTES) // len(_PAD) * 2):
            happen(app, "station", number=number, pad=_PAD)
            if not platform_of(app).events.hub.clients:
                break
        wait_for(app, 0)
        last = read_to_the_end(end)
    assert b"messages were not read fast enough" in last
    assert (4008).to_bytes(2, "big") in last


@pytest.mark.prove("independence", "fifty WebSocket clients that never read")
def test_memory_stays_bounded_when_fifty_clients_never_read(
    app: FastAPI, client: httpx.Client, viewer_token: str, operator_token: str, proof: Proof
) -> None:
    process = psutil.Process()
    with ExitStack() as stack:
        ends = [stack.enter_context(deaf(client, token)) for token in [viewer_token] * 25 + [operator_token] * 25]
        wait_for(app, 50)
        rss_before = process.memory_info().rss
        most_waiting = 0
        for number in range((_MOST_BUFFERED + MOST_WAITING_BYTES) // len(_PAD) * 2):
            happen(app, "station", number=number, pad=_PAD)
            waiting = [follower.waiting for follower in platform_of(app).events.hub.clients]
            most_waiting = max(most_waiting, *waiting, 0)
            if not waiting:
                break
        wait_for(app, 0)
        assert most_waiting <= min(MOST_WAITING, MOST_WAITING_BYTES // len(_PAD) + 1)
        proof.note(clients=len(ends), most_messages_waiting=most_waiting)
        proof.note(memory_mib=(process.memory_info().rss - rss_before) // 2**20)
        # All told 25 MB of text went out to each; a copy for each of the fifty would be more than a gigabyte.
        assert process.memory_info().rss - rss_before < 200 * 2**20
        for end in ends:
            read_to_the_end(end)
    assert 'ussop_ws_dropped_total{reason="slow"} 50.0' in client.get("/metrics").text
    inspect(client, operator_token)
    answer = client.get(
        "/api/v1/events", params={"after": 0, "types": "inspection", "wait_s": 9}, headers=bearer(viewer_token)
    )
    assert len(answer.json()["events"]) == 1
