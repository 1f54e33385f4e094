"""Creating, changing and deleting users. The sessions are those of `Database.write` jobs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.auth import repository as tokens
from serving.auth.principal import ROLES
from serving.clock import Clock, utc_now
from serving.errors import Conflict, InvalidRequest, NotFound
from serving.tables import User
from serving.users import repository
from serving.users.passwords import checked_hash
from serving.users.schemas import UserOut, UserUpdate
from serving.users.service_account import SERVICE_USER_ID, SERVICE_USERNAME

FIRST_ADMIN: Final = "admin"
"""Name of the administrator that `ussop up` makes."""
_TOLD: Final = {"username", "email", "roles", "is_active", "must_change_password"}
_MOST_USERS: Final = 10_000


def new_user(
    username: str,
    password: str,
    roles: Sequence[str],
    *,
    email: str | None = None,
    must_change_password: bool = False,
    clock: Clock = utc_now,
) -> User:
    """A user to be stored by `create`. Hashing takes a while: never call this in a write job.

    Raises:
        InvalidRequest: The password is too easy or too long, or a role is unknown.
    """
    if not roles or not set(roles) <= set(ROLES):
        raise InvalidRequest(f"roles must be of {', '.join(ROLES)}")
    now = clock()
    return User.model_validate(
        {
            "id": str(uuid4()),
            "username": username,
            "email": email,
            "password_hash": checked_hash(password, username),
            "roles": list(roles),
            "must_change_password": must_change_password,
            "created_at": now,
            "password_changed_at": now,
        }
    )


def create(session: Session, user: User, *, by: Actor, now: datetime) -> UserOut:
    """The new user, stored.

    Raises:
        Conflict: The name is taken, by whatever capitals, or belongs to the platform.
        InvalidRequest: There are as many users as there may be.
    """
    present = repository.lock_all(session)
    taken = {SERVICE_USERNAME, *(other.username.casefold() for other in present)}
    if user.username.casefold() in taken:
        raise Conflict(f"the user name {user.username!r} is taken")
    if len(present) >= _MOST_USERS:
        raise InvalidRequest(f"there are {_MOST_USERS} users already")
    repository.add(session, user)
    record(session, by, "user.created", f"user/{user.username}", after=_told(user), now=now)
    return to_out(user)


def update(
    session: Session, user_id: str, wanted: UserUpdate, password_hash: str | None, *, by: Actor, now: datetime
) -> UserOut:
    """The user as they are from now on. Other roles, another password or being disabled ends all their sessions.

    Args:
        session: Of a write job.
        user_id: Whom to change.
        wanted: What to change; fields that were not given stay.
        password_hash: Of the new password, if there is one.
        by: Who does it.
        now: The present, UTC.

    Raises:
        NotFound: There is no such user.
        Conflict: It is the platform's account, or the last administrator would be lost.
    """
    user = _changeable(session, user_id)
    before = _told(user)
    changes = wanted.model_dump(exclude_unset=True, exclude={"password"})
    if password_hash is not None:
        changes = {"must_change_password": True, **changes}
        user.password_hash, user.password_changed_at = password_hash, now
    was_locked_in = (user.roles, user.is_active)
    for name, value in changes.items():
        setattr(user, name, value)
    _require_an_admin(session)
    if password_hash is not None or was_locked_in != (user.roles, user.is_active):
        end_sessions(session, user, now)
    session.add(user)
    after = _told(user) | ({"password_set": True} if password_hash is not None else {})
    record(session, by, "user.updated", f"user/{user.username}", before=before, after=after, now=now)
    return to_out(user)


def delete(session: Session, user_id: str, *, by: Actor, now: datetime) -> None:
    """Lets go of a user. What they did keeps their name.

    Raises:
        NotFound: There is no such user.
        Conflict: It is the platform's account, or the last administrator.
    """
    user = _changeable(session, user_id)
    repository.remove(session, user)
    _require_an_admin(session)
    record(session, by, "user.deleted", f"user/{user.username}", before=_told(user), now=now)


def set_email(session: Session, user_id: str, email: str | None, *, by: Actor, now: datetime) -> User:
    """The user with another e-mail address.

    Raises:
        NotFound: There is no such user.
        Conflict: It is the platform's account.
    """
    user = _changeable(session, user_id)
    before = _told(user)
    user.email = email
    session.add(user)
    record(session, by, "user.updated", f"user/{user.username}", before=before, after=_told(user), now=now)
    return user


def set_password(
    session: Session, username: str, password_hash: str, *, must_change_password: bool, by: Actor, now: datetime
) -> None:
    """Give a user a new password (from `checked_hash`), enable them, and end every session they have.

    Raises:
        NotFound: There is no such user.
    """
    user = repository.find_by_username(session, username)
    if user is None:
        raise NotFound(f"there is no user {username!r}")
    user.password_hash, user.password_changed_at = password_hash, now
    user.is_active, user.must_change_password = True, must_change_password
    end_sessions(session, user, now)
    record(session, by, "user.password_reset", f"user/{username}", now=now)


def end_sessions(session: Session, user: User, now: datetime) -> None:
    """Make every token worthless that the user has: access tokens by their generation, refresh tokens by their row."""
    user.token_generation += 1
    session.add(user)
    tokens.revoke_user(session, user.id, now)


def to_out(user: User) -> UserOut:
    """The user as administrators see them."""
    return UserOut.model_validate({**user.model_dump(), "is_platform": user.id == SERVICE_USER_ID})


def _changeable(session: Session, user_id: str) -> User:
    user = next((user for user in repository.lock_all(session) if user.id == user_id), None)
    if user is None:
        raise NotFound("there is no such user")
    if user.id == SERVICE_USER_ID:
        raise Conflict("this is the account of the platform's own processes; `ussop up` looks after it")
    return user


def _require_an_admin(session: Session) -> None:
    session.flush()
    if not any("admin" in user.roles and user.is_active for user in repository.lock_all(session)):
        raise Conflict("the last administrator must stay one: make another one first")


def _told(user: User) -> dict[str, Any]:
    return user.model_dump(mode="json", include=_TOLD)
