"""Tells the API every second that the server lives, and hears how the platform is."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from opcua.condition import NO_API, Condition, condition_of
from opcua.follower import Follower
from serving.client import ClientError
from serving.client_opcua import OpcUaClient
from serving.opcua_status.schemas import Heartbeat

PERIOD_S: Final = 1.0
_log = structlog.get_logger(__name__)


class Pulse:
    """Beats once a second, and at once when woken."""

    def __init__(self, client: OpcUaClient, follower: Follower, report: Callable[[], Heartbeat]) -> None:
        """Takes the way to the API (with a short time-out), who hears the answer, and what to tell."""
        self._client = client
        self._follower = follower
        self._report = report
        self._woken = asyncio.Event()
        self._is_heard = True

    def wake(self) -> None:
        """Beats now."""
        self._woken.set()

    async def run(self) -> None:
        """Beats until it is cancelled."""
        while True:
            self._woken.clear()
            await self._follower.hear(await self._ask())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), PERIOD_S)

    async def _ask(self) -> Condition:
        try:
            state = await asyncio.to_thread(self._client.opcua_heartbeat, self._report())
        except ClientError as error:
            if self._is_heard:
                _log.warning("api_unreachable", error=str(error), status=error.status)
            self._is_heard = False
            return NO_API
        if not self._is_heard:
            _log.info("api_reachable")
        self._is_heard = True
        return condition_of(state)
