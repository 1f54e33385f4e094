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


def create(session: Session, username: str, password: str, roles: Sequence[str], clock: Clock = utc_now) -> User:
    """The new user.

    Raises:
        InvalidRequest: The password is too short or too long, or a role is unknown.
    """
    check_password(password)
    if not roles or not set(roles) <= set(ROLES):
        raise InvalidRequest(f"roles must be of {', '.join(ROLES)}")
    now = clock()
    user = User.model_validate(
        {
            "id": str(uuid4()),
            "username": username,
            "password_hash": hash_password(password),
            "roles": list(roles),
            "created_at": now,
            "password_changed_at": now,
        }
    )
    repository.add(session, user)
    return user


def reset_password(session: Session, username: str, password: str, clock: Clock = utc_now) -> None:
    """Give a user a new password, enable them, and end every session they have.

    Raises:
        NotFound: There is no such user.
        InvalidRequest: The password is too short or too long.
    """
    check_password(password)
    user = repository.find_by_username(session, username)
    if user is None:
        raise NotFound(f"there is no user {username!r}")
    now = clock()
    user.password_hash = hash_password(password)
    user.password_changed_at = now
    user.is_active = True
    user.token_generation += 1
    tokens.revoke_user(session, user.id, now)


def check_password(password: str) -> None:
    """Refuse a password that is too short to be safe, or long enough to make hashing it an attack.

    Raises:
        InvalidRequest: It is.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise InvalidRequest(f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters")
