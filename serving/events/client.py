"""One follower on a WebSocket: its bounded queue, and when it is cut off."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from serving.events.guest import Guest
from serving.events.messages import Choice, Message

MOST_WAITING: Final = 256
# Contours may be long: a queue is bounded by what it weighs too. Clients share the text of a message.
MOST_WAITING_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a connection is closed by us.

    Attributes:
        code: Close code, of RFC 6455 or 4000 and above of our own.
        reason: The same for people, at most 123 bytes (RFC 6455, 5.5).
        kind: The same for the metric.
    """

    code: int
    reason: str
    kind: str


UNAUTHENTICATED: Final = Ending(4401, "the token is not valid or has expired", "token")
NO_TOKEN: Final = Ending(4401, "no token was sent", "token")
SESSION_ENDED: Final = Ending(4401, "the session has ended or the key was revoked", "token")
FORBIDDEN: Final = Ending(4403, "the role does not reach", "role")
TOO_SLOW: Final = Ending(4008, "messages were not read fast enough; connect again with after=", "slow")
TOO_MANY: Final = Ending(1013, "too many clients are connected; try again later", "limit")
TOO_MANY_OF_USER: Final = Ending(4429, "this user has too many connections", "limit")
CHATTY: Final = Ending(4429, "the client sends too many messages", "chatty")
NOT_READY: Final = Ending(1013, "the events cannot be read now; try again later", "not_ready")


class Client:
    """What waits for one follower. Used on the event loop only."""

    def __init__(self, guest: Guest, choice: Choice) -> None:
        """Takes whose connection it is and what it wants."""
        self.guest = guest
        self.choice = choice
        self.ended = asyncio.Event()
        self.ending: Ending | None = None
        self.position = 0
        """The last number up to which everything was handed over or did not concern it."""
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._filled = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Messages not yet sent."""
        return len(self._waiting)

    def offer(self, message: Message) -> bool:
        """Whether there was room for a message; without any the client is cut off and what waits is dropped."""
        if not self.choice.wants(message.type, message.station_id):
            return True
        size = len(message.text)
        if self._waiting and (len(self._waiting) >= MOST_WAITING or self._waiting_bytes + size > MOST_WAITING_BYTES):
            self.end(TOO_SLOW)
            return False
        self._waiting.append(message)
        self._waiting_bytes += size
        self._filled.set()
        return True

    async def take(self) -> Message:
        """The next message, waited for."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        message = self._waiting.popleft()
        self._waiting_bytes -= len(message.text)
        return message

    def end(self, ending: Ending) -> None:
        """Let the connection be closed; the first reason holds."""
        if self.ending is None:
            self.ending = ending
            self._waiting.clear()
            self._waiting_bytes = 0
            self.ended.set()
