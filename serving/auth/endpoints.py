"""`/api/v1/auth`: login, refresh, logout, me."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Body, Request, Response
from starlette.concurrency import run_in_threadpool

from serving.api_keys.book import KnownKey
from serving.audit.dependencies import CurrentActor, UnknownActor
from serving.auth.dependencies import AccessClaims, CurrentUser
from serving.auth.schemas import (
    LoginRequest,
    LogoutRequest,
    LogoutResponse,
    RefreshRequest,
    TokenResponse,
    UserProfile,
)
from serving.errors import NotAuthenticated
from serving.limits.callers import key_of
from serving.platform import PlatformDep
from serving.users import repository as users

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/login")
async def login(body: LoginRequest, platform: PlatformDep, caller: UnknownActor, response: Response) -> TokenResponse:
    """Log in with name and password."""
    response.headers["Cache-Control"] = "no-store"
    return await to_thread.run_sync(
        platform.auth.login, body.username, body.password, caller, limiter=platform.login_slots
    )


@router.post("/refresh")
async def refresh(
    body: RefreshRequest, platform: PlatformDep, caller: UnknownActor, response: Response
) -> TokenResponse:
    """Exchange a refresh token for the next access token and refresh token. Each is good for one use.

    An answer that got lost is given again for ten seconds, as long as nobody has used its refresh token.
    """
    response.headers["Cache-Control"] = "no-store"
    return await run_in_threadpool(platform.auth.refresh, body.refresh_token, caller)


@router.post("/logout")
async def logout(
    platform: PlatformDep,
    user: CurrentUser,
    actor: CurrentActor,
    claims: AccessClaims,
    body: Annotated[LogoutRequest | None, Body()] = None,
) -> LogoutResponse:
    """End the session: its refresh tokens at once, its access tokens within five seconds."""
    token = body.refresh_token if body else None
    await run_in_threadpool(platform.auth.logout, user.session_id, token, actor)
    platform.sessions.forget(claims)
    return LogoutResponse()


@router.get("/me")
def me(request: Request, platform: PlatformDep, user: CurrentUser) -> UserProfile:
    """The profile of the current user, or of the API key."""
    key = key_of(request.scope)
    if key is not None:
        return _profile_of(key)
    with platform.database.read() as session:
        row = users.find(session, user.id)
    if row is None:
        raise NotAuthenticated("the session has ended")
    return UserProfile.model_validate(row, from_attributes=True)


def _profile_of(key: KnownKey) -> UserProfile:
    """A key has no password: it is as old as the key."""
    who = key.principal
    return UserProfile(
        id=who.id,
        username=who.username,
        roles=sorted(who.roles),
        email=None,
        is_active=True,
        must_change_password=False,
        created_at=key.created_at,
        password_changed_at=key.created_at,
        kind="api_key",
        stations=None if who.stations is None else sorted(who.stations),
    )
