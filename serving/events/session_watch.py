"""Closes the connections of those who are no longer welcome: expired, logged out, disabled, without a role."""

from collections import defaultdict
from typing import Final

from anyio import CapacityLimiter, to_thread

from serving.auth.sessions import SessionChecker
from serving.auth.tokens import Claims
from serving.clock import Clock
from serving.errors import NotAuthenticated
from serving.events.client import FORBIDDEN, SESSION_ENDED, UNAUTHENTICATED, Client, Ending

# Well below the five seconds within which a revoked session must have lost its connections.
CHECK_S: Final = 2.0
LOWEST_ROLE: Final = "viewer"


class SessionWatch:
    """Asks the database about every session that has a connection, whatever was remembered of it."""

    def __init__(self, sessions: SessionChecker, clock: Clock) -> None:
        """Takes who knows; connections are told by `add` and `remove`."""
        self._sessions = sessions
        self._clock = clock
        self._clients: set[Client] = set()
        self._threads = CapacityLimiter(1)

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
        now = self._clock()
        by_session: dict[tuple[str, str, int], list[Client]] = defaultdict(list)
        for client in self._clients:
            if client.claims.expires_at <= now:
                client.end(UNAUTHENTICATED)
            else:
                claims = client.claims
                by_session[claims.user_id, claims.session_id, claims.generation].append(client)
        for clients in by_session.values():
            claims = clients[0].claims
            ending = await to_thread.run_sync(self._judge, claims, limiter=self._threads)
            if ending is not None:
                for client in clients:
                    if client.claims.session_id == claims.session_id:  # it may have sent another token meanwhile
                        client.end(ending)
        return CHECK_S

    def _judge(self, claims: Claims) -> Ending | None:
        try:
            principal = self._sessions.check(claims)
        except NotAuthenticated:
            return SESSION_ENDED
        return None if principal.reaches(LOWEST_ROLE) else FORBIDDEN
