"""Creating users and changing passwords."""

from collections.abc import Sequence
from uuid import uuid4

from sqlmodel import Session

from serving.auth import repository as tokens
from serving.auth.passwords import hash_password
from serving.auth.principal import ROLES
from serving.clock import Clock, utc_now
from serving.errors import InvalidRequest, NotFound
from serving.tables import User
from serving.users import repository

MIN_PASSWORD_LENGTH = 12
MAX_PASSWORD_LENGTH = 256


def new_user(username: str, password: str, roles: Sequence[str], clock: Clock = utc_now) -> User:
    """A user to be stored by `repository.add`. Hashing takes a while: never call this in a write job.

    Raises:
        InvalidRequest: The password is too short or too long, or a role is unknown.
    """
    if not roles or not set(roles) <= set(ROLES):
        raise InvalidRequest(f"roles must be of {', '.join(ROLES)}")
    now = clock()
    return User.model_validate(
        {
            "id": str(uuid4()),
            "username": username,
            "password_hash": checked_hash(password),
            "roles": list(roles),
            "created_at": now,
            "password_changed_at": now,
        }
    )


def set_password(session: Session, username: str, password_hash: str, clock: Clock = utc_now) -> None:
    """Give a user a new password (from `checked_hash`), enable them, and end every session they have.

    Raises:
        NotFound: There is no such user.
    """
    user = repository.find_by_username(session, username)
    if user is None:
        raise NotFound(f"there is no user {username!r}")
    now = clock()
    user.password_hash = password_hash
    user.password_changed_at = now
    user.is_active = True
    user.token_generation += 1
    tokens.revoke_user(session, user.id, now)


def checked_hash(password: str) -> str:
    """The hash of a password that is neither too short to be safe nor so long that hashing it is an attack.

    Raises:
        InvalidRequest: It is.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise InvalidRequest(f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters")
    return hash_password(password)
