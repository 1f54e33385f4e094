"""Whether the OPC UA process is alive."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from serving.alerts.opcua import report_opcua
from serving.database import Database
from serving.opcua_status.schemas import Heartbeat, OpcUaStatus
from serving.settings import Settings

# A heartbeat comes every second; the answer must be true five seconds after a death.
SILENCE_S: Final = 4.0
# `ussop up` starts the process beside the API; it reads the tables of the standard first.
_START_S: Final = 30.0
_LOOK_S: Final = 2.0


class OpcUaWatch:
    """Remembers the last heartbeat, in memory alone, and raises an alert while none comes."""

    def __init__(self, settings: Settings, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Takes what it works on."""
        self._settings = settings
        self._database = database
        self._monotonic = monotonic
        self._heartbeat: Heartbeat | None = None
        self._heard_s = monotonic() + _START_S
        self._heard_at: datetime | None = None
        self._told: bool | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process was heard of a moment ago."""
        return self._heartbeat is not None and self._monotonic() - self._heard_s < SILENCE_S

    def hear(self, heartbeat: Heartbeat, now: datetime) -> None:
        """Notes a heartbeat."""
        self._heartbeat, self._heard_s, self._heard_at = heartbeat, self._monotonic(), now

    def status(self) -> OpcUaStatus:
        """The state of the server."""
        settings, heartbeat = self._settings, self._heartbeat
        host = f"[{settings.opcua_host}]" if ":" in settings.opcua_host else settings.opcua_host
        alive = heartbeat if heartbeat is not None and self.is_running else None
        return OpcUaStatus(
            enabled=settings.opcua_enabled,
            running=alive is not None,
            endpoint=alive.endpoint if alive else f"opc.tcp://{host}:{settings.opcua_port}/ussop",
            station_count=alive.station_count if alive else 0,
            nodes=alive.nodes if alive else [],
            sessions=alive.sessions if alive else 0,
            subscriptions=alive.subscriptions if alive else 0,
            insecure=alive.insecure if alive else False,
            machine_vision=alive.machine_vision if alive else False,
            certificate_expires_at=alive.certificate_expires_at if alive else None,
            last_seq=alive.last_seq if alive else None,
            last_heard_at=self._heard_at,
        )

    async def look(self) -> float:
        """The seconds until the next look, after the alert was raised or ended where that is due.

        Raises:
            ServingError: The alert cannot be stored now; the next look tries again.
        """
        wanted = self._settings.opcua_enabled
        is_down = wanted and not self.is_running and self._monotonic() - self._heard_s >= SILENCE_S
        is_well = not wanted or self.is_running
        if (is_down or is_well) and self._told != is_down:
            problem = f"its process has not been heard of for {SILENCE_S:.0f} s" if is_down else None
            await asyncio.wrap_future(self._database.write(partial(report_opcua, problem=problem)))
            self._told = is_down
        return _LOOK_S
