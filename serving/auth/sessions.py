"""Whether the user behind a valid token is still welcome, re-read from the database every five seconds at most."""

import threading
import time
from collections.abc import Callable

from serving.auth import repository as tokens
from serving.auth.principal import Principal
from serving.auth.tokens import Claims
from serving.database import Database
from serving.errors import NotAuthenticated
from serving.users import repository as users

MAX_AGE_S = 5.0
_MAX_ENTRIES = 4096


class SessionChecker:
    """Answers from memory for five seconds, then asks the database again."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, int], tuple[float, Principal]] = {}
        # Raised whenever something is forgotten: what was read before must not be remembered after.
        self._forgotten = 0

    def cached(self, claims: Claims) -> Principal | None:
        """The user, if asked for within the last five seconds; None means `check` must be called."""
        entry = self._known.get(_key(claims))
        if entry is None or self._monotonic() - entry[0] >= MAX_AGE_S:
            return None
        return entry[1]

    def check(self, claims: Claims) -> Principal:
        """The user, read from the database (blocking: call it off the event loop).

        Raises:
            NotAuthenticated: The user is gone, disabled or has newer tokens; or the session was logged out.
        """
        asked_at, forgotten = self._monotonic(), self._forgotten
        with self._database.read() as session:
            user = users.find(session, claims.user_id)
            alive = tokens.family_is_alive(session, claims.session_id)
        if user is None or not user.is_active or user.token_generation != claims.generation or not alive:
            self.forget(claims)
            raise NotAuthenticated("the session has ended")
        principal = Principal(user.id, user.username, frozenset(user.roles), claims.session_id)
        with self._lock:
            if len(self._known) >= _MAX_ENTRIES:
                self._known.clear()
            if forgotten == self._forgotten:
                self._known[_key(claims)] = (asked_at, principal)
        return principal

    def forget(self, claims: Claims) -> None:
        """Ask the database at the next request of this session."""
        with self._lock:
            self._forgotten += 1
            self._known.pop(_key(claims), None)

    def forget_user(self, user_id: str) -> None:
        """Ask the database at the next request of any session of this user."""
        with self._lock:
            self._forgotten += 1
            for key in [key for key in self._known if key[0] == user_id]:
                del self._known[key]


def _key(claims: Claims) -> tuple[str, str, int]:
    return claims.user_id, claims.session_id, claims.generation
