"""Password hashes: Argon2id with the library's parameters (RFC 9106, second recommended option: 64 MiB)."""

from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher


def hash_password(password: str) -> str:
    """The Argon2id hash of a password, with its salt and parameters."""
    return _hasher().hash(password)


def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether the password is the one behind the hash.

    Without a hash (unknown user) the same work is done on a dummy, so that the time tells nothing.
    Takes some 50 ms of a core: call it off the event loop.
    """
    matches = _hasher().verify(password, password_hash or _dummy_hash())
    return matches and password_hash is not None


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))


@cache
def _dummy_hash() -> str:
    return _hasher().hash("nobody has this password")
