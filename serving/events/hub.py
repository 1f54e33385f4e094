"""Hands messages to every follower: one bounded queue each, so that a slow one holds up nobody else."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from serving.events.client import TOO_MANY, TOO_MANY_OF_USER, Client, Ending
from serving.events.messages import INSPECTION, Choice, Message
from serving.events.metrics import EventMetrics
from serving.events.recent import Page, RecentMessages

_MOST_NAMELESS: Final = 32  # connections whose token is not here yet
_MOST_WAITING: Final = 100  # of the 512 requests that the server takes at once
_FOLLOWS_S: Final = 60.0  # longer than a question may wait for its answer
_log = structlog.get_logger(__name__)


class Hub:
    """The followers of one API process. Used on the event loop only.

    Attributes:
        position: Number of the newest published event; None until the relay has found its place.
        last_inspection: Number of the newest published inspection, 0 before the first.
    """

    def __init__(
        self,
        metrics: EventMetrics,
        *,
        most_clients: int,
        most_per_user: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes how many may follow."""
        self.position: int | None = None
        self.last_inspection = 0
        self._metrics = metrics
        self._most_clients = most_clients
        self._most_per_user = most_per_user
        self._places: Counter[str] = Counter()
        self._nameless = 0
        self._waiting = 0
        self._clients: set[Client] = set()
        self._recent = RecentMessages(monotonic)
        self._asked_at_s: float | None = None
        self._monotonic = monotonic
        self._news = asyncio.Event()
        self._is_closing = False
        metrics.watch_clients(self._places.total)

    @property
    def clients(self) -> Sequence[Client]:
        """Those who get messages as they come."""
        return list(self._clients)

    @property
    def is_followed(self) -> bool:
        """Whether anybody is to hear of news at once: a client is connected, or somebody asked a while ago."""
        asked_at_s = self._asked_at_s
        return bool(self._clients) or (asked_at_s is not None and self._monotonic() - asked_at_s < _FOLLOWS_S)

    def note_asked(self) -> None:
        """Somebody asks for events, and will again."""
        self._asked_at_s = self._monotonic()

    def recall(self, choice: Choice, after: int, limit: int) -> Page | None:
        """The next messages after a number, where all of them were published just now; else they are to be read."""
        return None if self.position is None else self._recent.page(choice, after, self.position, limit)

    @property
    def may_wait(self) -> bool:
        """Whether another request may wait for news: only so many at once, and none when the server ends."""
        return not self._is_closing and self._waiting < _MOST_WAITING

    def enter(self, user_id: str) -> Ending | None:
        """None if a place was taken for a connection of that user (`leave` gives it back); else why there is none."""
        if self._is_closing or self._places.total() >= self._most_clients:
            return TOO_MANY
        if self._places[user_id] >= self._most_per_user:
            return TOO_MANY_OF_USER
        self._places[user_id] += 1
        return None

    def wait_for_token(self) -> bool:
        """Whether a connection may wait for its token; `has_token` ends that, in any case."""
        self._nameless += 1
        return self._nameless <= _MOST_NAMELESS and not self._is_closing

    def has_token(self) -> None:
        """A connection does not wait for its token any more."""
        self._nameless -= 1

    def leave(self, user_id: str, client: Client) -> None:
        """Give the place back; no message goes to the client any more."""
        self._clients.discard(client)
        self._places[user_id] -= 1
        if self._places[user_id] <= 0:
            del self._places[user_id]

    def join(self, client: Client) -> bool:
        """Whether the client gets messages as they come from now on; else it has to catch up first."""
        if client.position != self.position:
            return False
        self._clients.add(client)
        return True

    def skip(self, position: int) -> None:
        """Nobody follows: everything up to that number is told to nobody."""
        self._recent.begin_after(position)
        self._move_to(position)

    def publish(self, messages: Sequence[Message], position: int) -> None:
        """Hand new messages out; `position` is the number up to which everything is among them."""
        self._recent.keep(messages)
        for message in messages:
            self._metrics.count_published(message.type)
            if message.type == INSPECTION:
                self.last_inspection = message.seq
            self.hand_out(message, self._clients)
        self._move_to(position)

    def _move_to(self, position: int) -> None:
        if position != self.position:
            self.position = position
            self._news.set()
            self._news = asyncio.Event()

    def hand_out(self, message: Message, clients: "set[Client] | Sequence[Client]") -> None:
        """Hand one message to some of the clients; who has no room for it is cut off."""
        for client in [client for client in clients if not client.offer(message)]:
            self._clients.discard(client)
            _log.warning("websocket_too_slow", user_id=client.guest.id)

    async def wait_beyond(self, position: int, timeout_s: float) -> None:
        """Wait until something newer than that number is published, or for so many seconds."""
        self._waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    while not self._is_closing and (self.position is None or self.position <= position):
                        await self._news.wait()
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let nobody wait any more: the server ends."""
        self._is_closing = True
        self._news.set()
        self._news = asyncio.Event()
