"""A client of the WebSocket, and things that happen for it to hear of."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection
from websockets.typing import Origin, Subprotocol

from serving.clock import utc_now
from serving.events.outbox import publish
from serving.events.schemas import EventType
from serving.inspections.records import values_to_schema
from serving.inspections.schemas import InspectionOut
from serving.platform import Platform
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer
from tests.serving.past import Part, row_of

DEADLINE_S = 15.0
RED, GOOD = png_bytes(square_picture("red")), png_bytes(square_picture(None))
Message = dict[str, Any]


class Follower:
    """One connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def next(self, timeout_s: float = DEADLINE_S) -> Message:
        """The next message."""
        return cast("Message", json.loads(self.connection.recv(timeout_s)))

    def next_of(self, *types: str) -> Message:
        """The next message of one of these types; others are passed over."""
        give_up_at = time.monotonic() + DEADLINE_S
        while (message := self.next())["type"] not in types:
            assert time.monotonic() < give_up_at, f"nothing of {types} came"
        return message

    def send(self, message: object) -> None:
        """Say something."""
        self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def _read_to_the_end(self) -> None:
        give_up_at = time.monotonic() + DEADLINE_S
        while time.monotonic() < give_up_at:
            self.connection.recv(DEADLINE_S)

    def closing(self) -> tuple[int, str]:
        """Code and reason with which the server closes, whatever it sends before."""
        with pytest.raises(ConnectionClosed) as closed:
            self._read_to_the_end()
        assert closed.value.rcvd is not None, "the connection was cut without a word"
        return closed.value.rcvd.code, closed.value.rcvd.reason


@contextmanager
def following(
    client: httpx.Client,
    token: str | None = None,
    *,
    origin: str | None = None,
    protocols: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
    **query: str | int,
) -> Iterator[Follower]:
    """A connection to the server that `client` talks to, with the token in the URL."""
    parameters = httpx.QueryParams({**({"token": token} if token else {}), **query})
    url = f"{str(client.base_url).rstrip('/').replace('http', 'ws', 1)}/ws/dashboard?{parameters}"
    with connect(
        url,
        origin=None if origin is None else Origin(origin),
        subprotocols=[Subprotocol(name) for name in protocols] or None,
        additional_headers=headers,
        open_timeout=DEADLINE_S,
        close_timeout=1,
        max_size=None,
        proxy=None,
    ) as connection:
        yield Follower(connection)


def inspect(client: httpx.Client, token: str, station_id: str = "default", data: bytes = RED) -> str:
    """The id of a new inspection."""
    answer = client.post(
        "/api/v1/inspect", files={"file": ("x.png", data)}, data={"station_id": station_id}, headers=bearer(token)
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def answer_of(inspection_id: str) -> InspectionOut:
    """An answer to tell of, as good as any other."""
    values = row_of(inspection_id, Part(utc_now(), "pass", "line-1", None))
    return values_to_schema(values, [], "/static/images/none.png")


def platform_of(app: FastAPI) -> Platform:
    """What the running application holds."""
    platform = app.state.platform
    assert isinstance(platform, Platform)
    return platform


def happen(app: FastAPI, kind: EventType, **data: Any) -> None:
    """Let one event be committed."""

    def write(session: Session) -> None:
        publish(session, kind, data, utc_now())

    platform_of(app).database.write(write).result(DEADLINE_S)
