"""Every query on users."""

from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from serving.tables import User


def find(session: Session, user_id: str) -> User | None:
    """The user of that identifier."""
    return session.get(User, user_id)


def find_by_username(session: Session, username: str) -> User | None:
    """The user of that name; capitals matter."""
    return session.exec(select(User).where(User.username == username)).one_or_none()


def list_all(session: Session) -> Sequence[User]:
    """Every user, by name."""
    return session.exec(select(User).order_by(col(User.username))).all()


def lock_all(session: Session) -> Sequence[User]:
    """Every user, as they are until this transaction ends: no other process changes one meanwhile.

    Rules over all of them (one administrator must stay) cannot be kept by looking at a single row.
    """
    query = select(User).order_by(col(User.id)).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).all()


def count(session: Session) -> int:
    """Number of users."""
    return session.exec(select(func.count()).select_from(User)).one()


def add(session: Session, user: User) -> None:
    """Store a new user."""
    session.add(user)
    session.flush()


def remove(session: Session, user: User) -> None:
    """Delete a user; their refresh tokens go with them."""
    session.delete(user)
    session.flush()
