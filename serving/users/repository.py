"""Every query on users."""

from sqlmodel import Session, func, select

from serving.tables import User


def find(session: Session, user_id: str) -> User | None:
    """The user of that identifier."""
    return session.get(User, user_id)


def find_by_username(session: Session, username: str) -> User | None:
    """The user of that name; capitals matter."""
    return session.exec(select(User).where(User.username == username)).one_or_none()


def count(session: Session) -> int:
    """Number of users."""
    return session.exec(select(func.count()).select_from(User)).one()


def add(session: Session, user: User) -> None:
    """Store a new user."""
    session.add(user)
    session.flush()
