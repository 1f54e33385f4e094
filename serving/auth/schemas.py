"""What travels over the wire at login."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

Token = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class LoginRequest(BaseModel):
    """Name and password."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
    password: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class RefreshRequest(BaseModel):
    """A refresh token, good for one use."""

    refresh_token: Token


class LogoutRequest(BaseModel):
    """The session to end, by its refresh token; without one it is the session of the access token."""

    refresh_token: Token | None = None


class UserSummary(BaseModel):
    """Who logged in."""

    id: str
    username: str
    roles: list[str]


class TokenResponse(BaseModel):
    """An access token for the next half hour and a refresh token for the one after."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the kind of token, RFC 6750
    expires_in: Annotated[int, Field(description="Life of the access token in seconds.")]
    must_change_password: Annotated[bool, Field(description="Whether the user should choose another password now.")]
    user: UserSummary


class LogoutResponse(BaseModel):
    """The session has ended."""

    status: Literal["logged_out"] = "logged_out"


class UserProfile(UserSummary):
    """The current user."""

    email: str | None
    is_active: bool
    must_change_password: bool
    created_at: datetime
    password_changed_at: datetime
    kind: Literal["user", "api_key"] = "user"
    stations: Annotated[list[str] | None, Field(description="The only stations of an API key, null for all.")] = None
