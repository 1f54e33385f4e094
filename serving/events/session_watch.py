"""Closes the connections of those who are no longer welcome: expired, logged out, disabled, revoked, without a role."""

from collections import defaultdict
from typing import Final

from anyio import CapacityLimiter, to_thread

from serving.api_keys.book import KeyBook
from serving.auth.sessions import SessionChecker
from serving.auth.tokens import Claims
from serving.clock import Clock
from serving.errors import NotAuthenticated
from serving.events.client import FORBIDDEN, SESSION_ENDED, UNAUTHENTICATED, Client, Ending
from serving.events.guest import LOWEST_ROLE, Guest

# The book of keys is up to four seconds old: with this, a revoked key has lost its connections within five.
CHECK_S: Final = 1.0
# A token that is known to be good is asked about less often than a key, which costs no database.
_ROUNDS_PER_SESSION_CHECK: Final = 2


class SessionWatch:
    """Asks about every session and key that has a connection; of sessions always the database, never the memory."""

    def __init__(self, sessions: SessionChecker, keys: KeyBook, clock: Clock) -> None:
        """Takes who knows; connections are told by `add` and `remove`."""
        self._sessions = sessions
        self._keys = keys
        self._clock = clock
        self._clients: set[Client] = set()
        self._threads = CapacityLimiter(1)
        self._round = 0

    def add(self, client: Client) -> None:
        """Watch a connection."""
        self._clients.add(client)

    def remove(self, client: Client) -> None:
        """Watch it no longer."""
        self._clients.discard(client)

    async def check(self) -> float:
        """The seconds until the next check, after one of all connections.

        Raises:
            StorageUnavailable: The database does not answer; nobody can have been logged out in it meanwhile.
        """
        self._round += 1
        now = self._clock()
        clients_of: dict[Guest, list[Client]] = defaultdict(list)
        for client in self._clients:
            if client.guest.expires_at is not None and client.guest.expires_at <= now:
                client.end(UNAUTHENTICATED)
            else:
                clients_of[client.guest].append(client)
        for guest, clients in clients_of.items():
            if guest.claims is not None and self._round % _ROUNDS_PER_SESSION_CHECK:
                continue
            ending = await self._judge(guest)
            for client in clients:
                if ending is not None and client.guest == guest:  # it may have sent another token meanwhile
                    client.end(ending)
        return CHECK_S

    async def _judge(self, guest: Guest) -> Ending | None:
        if guest.claims is not None:
            return await to_thread.run_sync(self._judge_session, guest.claims, limiter=self._threads)
        key = await self._keys.find(guest.secret or "")
        if key is None:
            return SESSION_ENDED
        return None if key.principal.reaches(LOWEST_ROLE) else FORBIDDEN

    def _judge_session(self, claims: Claims) -> Ending | None:
        try:
            principal = self._sessions.check(claims)
        except NotAuthenticated:
            return SESSION_ENDED
        return None if principal.reaches(LOWEST_ROLE) else FORBIDDEN
