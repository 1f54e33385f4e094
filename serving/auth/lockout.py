"""Ten failed logins in a quarter of an hour close an account for a while, whatever address or header they came with."""

import math

from limits import RateLimitItemPerMinute

from serving.errors import TooManyRequests
from serving.limits.window import MovingWindow

_TRIES = RateLimitItemPerMinute(10, 15)


class Lockout:
    """Counts tries per account in memory. A try counts before it is judged, so that parallel ones count too."""

    def __init__(self) -> None:
        self._window = MovingWindow()

    def begin(self, username: str) -> bool:
        """Whether this is the last try of the account; it is taken.

        Raises:
            TooManyRequests: None is left.
        """
        hit = self._window.hit(_TRIES, _key(username))
        if not hit.allowed:
            wait_s = max(1, math.ceil(hit.reset_s))
            raise TooManyRequests("too many failed logins for this account", retry_after_s=wait_s)
        return hit.remaining == 0

    def succeed(self, username: str) -> None:
        """Give the account all its tries back."""
        self._window.clear(_TRIES, _key(username))


def _key(username: str) -> str:
    return username.casefold()[:64]
