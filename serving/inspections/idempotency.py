"""One idempotency key, one inspection, also while the first request is still at work.

The contract follows draft-ietf-httpapi-idempotency-key-header: the same key with the same request gives the same
answer; with another request it is an error. What is finished lies in the database; this is for what is not.
"""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from serving.errors import IdempotencyMismatch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Running(Generic[T]):
    digest: str
    task: "asyncio.Task[T]"


class InFlight:
    """The keyed requests at work in this process. Used from the event loop alone."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], _Running[Any]] = {}

    async def once(
        self, owner: str, key: str, digest: str, work: Callable[[], Coroutine[Any, Any, T]]
    ) -> tuple[T, bool]:
        """The outcome of `work`, and whether this call is the one that ran it.

        Args:
            owner: Whose key it is: two users may pick the same one.
            key: The idempotency key.
            digest: Of the request; see `request_digest`.
            work: Runs once for all calls that overlap. Its error is every caller's error; then the key is free again.

        Raises:
            IdempotencyMismatch: The key is in use for another request.
        """
        running = self._running.get((owner, key))
        leads = running is None
        if running is None:
            running = _Running(digest, asyncio.create_task(work()))
            self._running[owner, key] = running
            running.task.add_done_callback(lambda _: self._running.pop((owner, key)))
        require_same(running.digest, digest)
        # Shielded: a caller who hangs up must not take the others' inspection along.
        return await asyncio.shield(running.task), leads


def require_same(known_digest: str | None, digest: str) -> None:
    """Refuses a key that belongs to another request.

    Raises:
        IdempotencyMismatch: The digests differ.
    """
    if known_digest != digest:
        raise IdempotencyMismatch("this Idempotency-Key was used before, with another request")


def request_digest(source: str, content: bytes, station_id: str, part_id: str | None) -> str:
    """SHA-256, in hex, of what makes a request the same request.

    Args:
        source: `upload` or `camera`.
        content: The picture's bytes; empty for the camera, where the key alone must prevent a second capture.
        station_id: The station.
        part_id: The part, if told.
    """
    told = "\n".join((source, hashlib.sha256(content).hexdigest(), station_id, part_id or ""))
    return hashlib.sha256(told.encode()).hexdigest()
