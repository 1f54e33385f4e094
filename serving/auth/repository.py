"""Every query on refresh tokens."""

from datetime import datetime

from sqlmodel import Session, col, delete, select, update

from serving.tables import RefreshToken


def find(session: Session, jti: str) -> RefreshToken | None:
    """The stored refresh token of that identifier."""
    return session.get(RefreshToken, jti)


def is_unused(session: Session, jti: str) -> bool:
    """Whether the token of that identifier was stored and nobody has used it."""
    row = find(session, jti)
    return row is not None and row.used_at is None


def add(session: Session, token: RefreshToken) -> None:
    """Store a new refresh token."""
    session.add(token)
    session.flush()


def family_is_alive(session: Session, family: str) -> bool:
    """Whether a session exists and no token of it was revoked."""
    revoked = session.exec(select(RefreshToken.revoked_at).where(RefreshToken.family == family)).all()
    return bool(revoked) and all(at is None for at in revoked)


def revoke_family(session: Session, family: str, now: datetime) -> None:
    """Revoke every token of a session."""
    session.exec(update(RefreshToken).where(col(RefreshToken.family) == family).values(revoked_at=now))


def revoke_user(session: Session, user_id: str, now: datetime) -> None:
    """Revoke every token of a user."""
    session.exec(update(RefreshToken).where(col(RefreshToken.user_id) == user_id).values(revoked_at=now))


def forget_expired(session: Session, user_id: str, now: datetime) -> None:
    """Remove the user's tokens that nobody could use any more."""
    session.exec(
        delete(RefreshToken).where(col(RefreshToken.user_id) == user_id).where(col(RefreshToken.expires_at) < now)
    )
