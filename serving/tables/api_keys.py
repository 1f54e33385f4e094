"""API keys: how machines come in without a password."""

from datetime import datetime

from sqlmodel import JSON, Column, Field, SQLModel


class ApiKey(SQLModel, table=True):
    """One key. The secret itself is nowhere; a key that was revoked stays as a row, for those who ask whose it was."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=64)
    prefix: str = Field(max_length=16)  # how the secret begins, so that people can tell which one it is
    secret_sha256: str = Field(unique=True, max_length=64)
    role: str = Field(max_length=16)
    stations: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    rate_limit: str | None = Field(default=None, max_length=32)  # like 600/minute; None is everybody's
    created_at: datetime
    created_by: str = Field(max_length=64)
    expires_at: datetime | None = None
    last_used_at: datetime | None = None  # written once a minute at most
    revoked_at: datetime | None = Field(default=None, index=True)
    revoked_by: str | None = Field(default=None, max_length=64)
