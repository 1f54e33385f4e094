"""The configuration in force, in memory: asked for everywhere, read again when its version in the database moves."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from starlette.concurrency import run_in_threadpool

from serving.config import repository
from serving.config.values import RuntimeConfig
from serving.database import Database
from serving.settings import Settings
from serving.tables import ConfigRevision

POLL_S: Final = 2.0
"""Within so many seconds every other process knows of a change."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """The configuration in force.

    Attributes:
        config: What holds.
        version: Number of the last change, 0 before the first.
        overrides: What differs from the settings.
        changed_at: When it was changed last, UTC.
        changed_by: By whom.
    """

    config: RuntimeConfig
    version: int = 0
    overrides: dict[str, Any] | None = None
    changed_at: datetime | None = None
    changed_by: str | None = None


class ConfigBook:
    """Knows what holds now. What is read from `current` once belongs together: it is never changed, only replaced."""

    def __init__(self, settings: Settings, database: Database) -> None:
        """Takes the settings, which hold until `refresh` finds a change, and the database."""
        self.settings = settings
        self._database = database
        self._lock = threading.Lock()
        self._held = Held(RuntimeConfig.of(settings, {}))
        self._listeners: list[Callable[[RuntimeConfig], None]] = []

    @property
    def current(self) -> RuntimeConfig:
        """What holds now."""
        return self._held.config

    @property
    def held(self) -> Held:
        """The same, with its version and who made it."""
        return self._held

    def tell_changes(self, listener: Callable[[RuntimeConfig], None]) -> None:
        """Let `listener` be called with each new configuration, from the thread that found it."""
        self._listeners.append(listener)

    def refresh(self) -> Held:
        """What holds, after a look at the database. Blocks.

        Raises:
            StorageUnavailable: It cannot be read; what was known stays.
        """
        with self._lock:
            with self._database.read() as session:
                version = repository.newest_version(session)
                if version == self._held.version:
                    return self._held
                row = repository.find(session, version)
            self._held = self._of(row)
            _log.info("config_read", version=self._held.version)
            for listener in self._listeners:
                listener(self._held.config)
            return self._held

    async def watch(self) -> float:
        """The seconds until the next look, after one look.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        await run_in_threadpool(self.refresh)
        return POLL_S

    def _of(self, row: ConfigRevision | None) -> Held:
        if row is None:
            return Held(RuntimeConfig.of(self.settings, {}))
        config = RuntimeConfig.of_stored(self.settings, row.overrides)
        return Held(config, row.version, dict(row.overrides), row.created_at, row.changed_by)
