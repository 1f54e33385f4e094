"""What a key's secret looks like, and what is kept of it.

It is 256 random bits, so a plain SHA-256 is as good as a slow password hash: there is nothing to guess, and checking
it costs a microsecond at every request instead of 50 ms of a core.
"""

import hashlib
import secrets
from typing import Final

BEGINNING: Final = "ussop_"
_SHOWN: Final = len(BEGINNING) + 6
_RANDOM_BYTES: Final = 32


def new_secret() -> str:
    """A fresh secret, `ussop_` and 43 characters."""
    return BEGINNING + secrets.token_urlsafe(_RANDOM_BYTES)


def looks_like_one(text: str) -> bool:
    """Whether somebody meant this to be the secret of a key."""
    return text.startswith(BEGINNING)


def prefix_of(secret: str) -> str:
    """How it begins, which may be shown."""
    return secret[:_SHOWN]


def digest_of(secret: str) -> str:
    """SHA-256 in hex, all that is kept of it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
