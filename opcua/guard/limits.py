"""How much a client may want."""

from dataclasses import dataclass
from typing import Final

from asyncua.common.connection import TransportLimits

MOST_CHUNK_BYTES: Final = 65_535
MOST_LOGIN_BYTES: Final = 16 * 1024
"""The same before somebody has logged in: certificates have room, and strangers keep nobody busy for long."""
MOST_MESSAGE_BYTES: Final = 512 * 1024
MOST_UNSENT_BYTES: Final = 8 * 1024 * 1024
"""Answers that a client may leave unread; a frozen one is let go of then."""
MOST_WAITING_MESSAGES: Final = 500
PAUSE_AT_MESSAGES: Final = 64
"""So many waiting messages, and nothing more is read until some are answered."""
LOGIN_WITHIN_S: Final = 15.0
FASTEST_PUBLISHING_MS: Final = 25.0
SLOWEST_PUBLISHING_MS: Final = 60_000.0
LONGEST_SILENCE_MS: Final = 10_000.0
"""After that long without news, a subscription says that it is alive."""
ORPHAN_LIFE_MS: Final = 60_000.0
"""So long a subscription waits for a client that does not ask any more."""
ABANDONED_SESSION_S: Final = 20.0
"""So long a session without connection waits for its client to come back."""
LONGEST_SESSION_MS: Final = 120_000.0
MOST_SUBSCRIPTIONS_PER_SESSION: Final = 10
MOST_ITEMS_PER_SESSION: Final = 20_000
MOST_OPERATIONS: Final = 5_000
"""Nodes in one request."""
MOST_BROWSED: Final = 1_000
"""The same where each node costs a search through its references."""
MOST_PATH_ELEMENTS: Final = 100
MOST_HISTORY_NODES: Final = 20
MOST_CALLS: Final = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say.

    Attributes:
        clients: Connections at the same time; as many sessions.
        subscriptions: Subscriptions at the same time, of all clients.
    """

    clients: int

    @property
    def subscriptions(self) -> int:
        """Subscriptions of all clients together."""
        return self.clients * 4


def transport_limits() -> TransportLimits:
    """The limits that a connection begins with; a client can only lower them."""
    return TransportLimits(
        max_recv_buffer=MOST_CHUNK_BYTES,
        max_send_buffer=MOST_CHUNK_BYTES,
        max_chunk_count=MOST_MESSAGE_BYTES // MOST_CHUNK_BYTES + 1,
        max_message_size=MOST_MESSAGE_BYTES,
    )
