"""The figures for the dashboard: with a ping every five seconds, and soon after new inspections."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from anyio import CapacityLimiter, to_thread

from serving.clock import Clock
from serving.errors import ServingError
from serving.events.client import Client
from serving.events.hub import Hub
from serving.events.messages import PING, Message, tell

PING_S: Final = 5.0
# A line may inspect ten parts a second; nobody reads figures as fast.
STATS_S: Final = 2.0
Figures = Callable[[str | None], Mapping[str, Any]]
_log = structlog.get_logger(__name__)


class Pulse:
    """Tells every client the figures of its station, or of the plant. Each set of figures is asked for once."""

    def __init__(self, hub: Hub, figures: Figures, clock: Clock) -> None:
        """Takes whom to tell, and what.

        Args:
            hub: The clients.
            figures: Those of a station (None: of the plant), as `GET /api/v1/statistics` gives them. May block.
            clock: The present.
        """
        self._hub = hub
        self._figures = figures
        self._clock = clock
        self._threads = CapacityLimiter(1)
        self._last: dict[str | None, Mapping[str, Any]] = {}
        self._told_seq = 0

    async def ping(self) -> float:
        """The seconds until the next ping, after one to everybody."""
        await self._tell(PING)
        return PING_S

    async def refresh(self) -> float:
        """The seconds until the next look, after the figures went out if there were inspections since the last ones."""
        inspected = self._hub.last_inspection
        if inspected > self._told_seq:
            self._told_seq = inspected
            await self._tell("stats")
        return STATS_S

    async def greet(self, client: Client) -> Message:
        """A client's first ping."""
        data = await self._read(client.choice.station_id)
        return tell(PING, client.position, self._clock(), data)

    async def _tell(self, kind: str) -> None:
        stations = {client.choice.station_id for client in self._hub.clients}
        self._last = {station: told for station, told in self._last.items() if station in stations}
        for station_id in stations:
            data = await self._read(station_id)
            # Asked for now: others may have come, and some gone, while the figures were read.
            clients = [client for client in self._hub.clients if client.choice.station_id == station_id]
            message = tell(kind, self._hub.position or 0, self._clock(), data, station_id)
            self._hub.hand_out(message, clients)

    async def _read(self, station_id: str | None) -> Mapping[str, Any]:
        """The figures; the last ones known, marked as stale, while the database does not answer."""
        try:
            self._last[station_id] = await to_thread.run_sync(self._figures, station_id, limiter=self._threads)
        except ServingError as error:
            _log.warning("figures_unknown", error=str(error))
            return {**self._last.get(station_id, {}), "is_stale": True}
        return self._last[station_id]
