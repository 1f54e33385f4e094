"""Watches the free disk: an alert while there is too little, ended when there is enough again."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
from sqlmodel import Session

from serving.alerts.schemas import Said
from serving.alerts.service import raise_alert, resolve_alert
from serving.database import Database
from serving.errors import ServingError
from serving.metrics.registry import Metrics
from serving.storage.usage import Disk, read_disk

ALERT_KEY: Final = "storage:space"
POLL_S: Final = 10.0
# What is raised at 10 % ends at 11 %: a disk that hovers about the limit would raise an alert every few seconds.
_HYSTERESIS: Final = 1.1

_log = structlog.get_logger(__name__)


class SpaceWatch:
    """Looks every few seconds. An alert that cannot be stored (the disk may be full) is raised at the next look."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        metrics: Metrics,
        alarm_percent: Callable[[], float],
        *,
        poll_s: float = POLL_S,
    ) -> None:
        """Takes what it works on; `start` begins.

        Args:
            folder: Any on the disk.
            database: Where alerts are kept.
            metrics: Counts looks that fail.
            alarm_percent: Share of free disk in per cent below which an alert is raised, asked for at each look.
            poll_s: Seconds between two looks.
        """
        self._folder = folder
        self._alarm_percent = alarm_percent
        self._database = database
        self._metrics = metrics
        self._poll_s = poll_s
        # Not known at the start: an alert may be left open from before.
        self._was_low: bool | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begins to watch, on the running loop."""
        self._task = asyncio.create_task(self._run(), name="space-watch")

    async def stop(self) -> None:
        """Ends after the look that is under way."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def look(self) -> None:
        """Takes one look, and raises or ends the alert if something has changed.

        Raises:
            ServingError: Disk or database do not answer.
        """
        disk = await asyncio.to_thread(read_disk, self._folder)
        alarm_percent = self._alarm_percent()
        is_low = disk.is_low(alarm_percent * (_HYSTERESIS if self._was_low else 1.0))
        if is_low == self._was_low:
            return

        def write(session: Session) -> None:
            if is_low:
                message, said = _message(disk, alarm_percent), _said(disk, alarm_percent)
                raise_alert(session, "warning", "Little free disk", message, ALERT_KEY, said=said)
            else:
                resolve_alert(session, ALERT_KEY)

        await asyncio.wrap_future(self._database.write(write))
        self._was_low = is_low
        _log.info("free_disk", is_low=is_low, free_bytes=disk.free_bytes, free_percent=round(disk.free_percent, 1))

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.look()
            except ServingError as error:
                _log.warning("free_disk_unknown", error=str(error))
            except Exception:  # noqa: BLE001 - the loop's supervisor: watching must go on
                _log.exception("space_watch_failed")
                self._metrics.observe_background_failure("space_watch")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._poll_s)


def _said(disk: Disk, alarm_percent: float) -> Said:
    figures = {"free_bytes": disk.free_bytes, "total_bytes": disk.total_bytes}
    return Said("disk_low", {**figures, "free_percent": disk.free_percent, "alarm_percent": alarm_percent})


def _message(disk: Disk, alarm_percent: float) -> str:
    return (
        f"{disk.free_bytes / 2**30:.1f} of {disk.total_bytes / 2**30:.1f} GiB are free ({disk.free_percent:.1f} %, "
        f"alarm below {alarm_percent:g} %); start the clean-up or make room"
    )
