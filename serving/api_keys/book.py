"""The keys in memory, so that a request asks no database and a made-up key costs next to nothing.

They are few: the whole table is read again when it is asked for and older than four seconds. A revoked key is dead at
once in the process that revoked it, and within that time in every other.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from limits import RateLimitItem, parse
from starlette.concurrency import run_in_threadpool

from serving.api_keys import repository
from serving.api_keys.secret import digest_of
from serving.auth.principal import Principal
from serving.clock import Clock, utc_now
from serving.database import Database
from serving.errors import StorageBusy, StorageUnavailable
from serving.tables import ApiKey

MAX_AGE_S: Final = 4.0
_NOTE_USE_EVERY_S: Final = 60.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that was good when it was looked up.

    Attributes:
        principal: Whom it stands for.
        limit: How often it may ask, None for what everybody may.
        created_at: When it was made, UTC.
        expires_at: From when on it is worthless, UTC; None for never.
    """

    principal: Principal
    limit: RateLimitItem | None
    created_at: datetime
    expires_at: datetime | None


class KeyBook:
    """Finds the key of a secret. Belongs to one event loop."""

    def __init__(self, clock: Clock = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._database: Database | None = None
        self._known: Mapping[str, KnownKey] = {}
        self._read_s = -MAX_AGE_S
        # Raised with each change: what was read before a change must not count as fresh after it.
        self._generation = 0
        self._noted_s: dict[str, float] = {}
        self._reading = asyncio.Lock()

    def open(self, database: Database) -> None:
        """Take the keys from this database; before, there are none."""
        self._database = database

    async def find(self, secret: str) -> KnownKey | None:
        """The key with this secret, None if there is none or it is worthless by now.

        Raises:
            StorageUnavailable: The keys must be read and cannot.
        """
        if not self._is_fresh():
            async with self._reading:
                if not self._is_fresh():  # another request has read them meanwhile
                    await self._read()
        key = self._known.get(digest_of(secret))
        if key is None or (key.expires_at is not None and key.expires_at <= self._clock()):
            return None
        self._note_use(key.principal.id)
        return key

    def forget(self) -> None:
        """Say that a key was made or revoked: the next request reads them anew. Call it on the event loop."""
        self._generation += 1
        self._read_s = -MAX_AGE_S

    def _is_fresh(self) -> bool:
        return self._monotonic() - self._read_s < MAX_AGE_S

    async def _read(self) -> None:
        database = self._database
        if database is None:
            raise StorageUnavailable("the API is starting")
        asked_s, generation = self._monotonic(), self._generation
        self._known = await run_in_threadpool(_read, database)
        if generation == self._generation:
            self._read_s = asked_s

    def _note_use(self, key_id: str) -> None:
        now_s = self._monotonic()
        if self._database is None or now_s - self._noted_s.get(key_id, -_NOTE_USE_EVERY_S) < _NOTE_USE_EVERY_S:
            return
        self._noted_s[key_id] = now_s
        try:
            # Nobody waits for it: inspections come first, and a minute later there is another chance.
            self._database.write(partial(repository.note_use, key_id=key_id, at=self._clock()))
        except (StorageBusy, StorageUnavailable) as error:
            _log.warning("key_use_not_noted", key_id=key_id, error=str(error))


def _read(database: Database) -> Mapping[str, KnownKey]:
    with database.read() as session:
        return {row.secret_sha256: _known(row) for row in repository.list_all(session, revoked=False)}


def _known(row: ApiKey) -> KnownKey:
    stations = None if row.stations is None else frozenset(row.stations)
    principal = Principal(row.id, row.name, frozenset({row.role}), "", "api_key", stations)
    limit = None if row.rate_limit is None else parse(row.rate_limit)
    return KnownKey(principal, limit, row.created_at, row.expires_at)
