"""Waiting for what comes over the wire."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from asyncua import Node, ua

from tests.opcua.plant import DEADLINE_S


async def eventually(ask: Callable[[], Awaitable[Any]], expected: Any) -> None:
    """Until an answer is the expected one; a refusal is the answer of that status code."""
    give_up_at, found = time.monotonic() + DEADLINE_S, None
    while time.monotonic() < give_up_at:
        try:
            found = await ask()
        except ua.UaStatusCodeError as error:
            found = error.code
        if found == expected:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{found!r} is not {expected!r}")


async def quality_of(node: Node) -> int:
    """The status code of a node's value."""
    value = await node.read_data_value(raise_on_bad_status=False)
    assert value.StatusCode is not None
    return int(value.StatusCode.value)


class Notes:
    """Keeps what a subscription tells, in order."""

    def __init__(self) -> None:
        """Begins empty."""
        self.values: list[tuple[str, Any]] = []
        self.events: list[Any] = []

    def datachange_notification(self, node: Node, val: Any, _data: Any) -> None:
        """One value."""
        self.values.append((str(node.nodeid.Identifier).rpartition("/")[2], val))

    def event_notification(self, event: Any) -> None:
        """One event."""
        self.events.append(event)

    def of(self, name: str) -> list[Any]:
        """The values of a node, in order."""
        return [value for told, value in self.values if told == name]
