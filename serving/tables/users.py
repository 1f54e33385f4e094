"""People and their sessions."""

from datetime import datetime

from sqlmodel import JSON, Column, Field, SQLModel


class User(SQLModel, table=True):
    """A person (or service account) that may log in."""

    __tablename__ = "users"

    id: str = Field(primary_key=True, max_length=36)
    username: str = Field(unique=True, index=True, max_length=64)
    email: str | None = Field(default=None, max_length=254)
    password_hash: str = Field(max_length=255)
    roles: list[str] = Field(sa_column=Column(JSON, nullable=False))
    is_active: bool = True
    must_change_password: bool = False
    # Raised by one whenever every token handed out so far must die (password or role change, disabling).
    token_generation: int = 0
    created_at: datetime
    password_changed_at: datetime


class RefreshToken(SQLModel, table=True):
    """One refresh token: good for one use. A later second use revokes its family (RFC 9700 section 4.14.2)."""

    __tablename__ = "refresh_tokens"

    jti: str = Field(primary_key=True, max_length=36)
    family: str = Field(index=True, max_length=36)
    user_id: str = Field(foreign_key="users.id", index=True, ondelete="CASCADE")
    expires_at: datetime = Field(index=True)
    used_at: datetime | None = None
    revoked_at: datetime | None = None
