"""What endpoints declare to know who is asking: `CurrentUser`, and `require("operator")` for a role."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from serving.auth.principal import Principal
from serving.auth.tokens import Claims
from serving.errors import Forbidden, NotAuthenticated
from serving.limits.callers import claims_of, key_of, key_was_sent
from serving.platform import PlatformDep
from serving.users.service_account import SERVICE_USER_ID

# Without auto_error: our own handler answers, with the one body shape and WWW-Authenticate.
bearer_of = HTTPBearer(auto_error=False, bearerFormat="JWT", description="The access token of /api/v1/auth/login")
# What a key for single stations reaches; each of these looks at the station. A new route is closed to such keys until
# it does so too.
OF_STATIONS: Final = frozenset(
    {
        ("GET", "/api/v1/auth/me"),
        ("GET", "/api/v1/export/csv"),
        ("GET", "/api/v1/export/report"),
        ("GET", "/api/v1/export/report/{inspection_id}"),
        ("POST", "/api/v1/inspect"),
        ("POST", "/api/v1/inspect/camera"),
        ("GET", "/api/v1/inspect/{inspection_id}"),
        ("GET", "/api/v1/inspections"),
        ("GET", "/api/v1/events"),
        ("GET", "/api/v1/stations"),
        ("GET", "/api/v1/stations/{station_id}"),
        ("GET", "/api/v1/statistics"),
        ("GET", "/api/v1/statistics/parts"),
        ("GET", "/api/v1/trends"),
        ("POST", "/api/v1/query"),
    }
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(bearer_of)]


async def access_claims(request: Request, platform: PlatformDep, credentials: Credentials) -> Claims:
    """What the access token of the request says.

    Raises:
        NotAuthenticated: No token, or one that is forged or expired.
    """
    if key_was_sent(request.scope):
        raise Forbidden("an API key has no session")
    if credentials is None:
        raise NotAuthenticated("a Bearer token or API key is needed")
    # The limits in front of the routes have verified it already; asked again, a bad one says what is wrong with it.
    return claims_of(request.scope, platform.tokens) or platform.tokens.verify_access(credentials.credentials)


AccessClaims = Annotated[Claims, Depends(access_claims)]


# From here on each calls the one before by itself: as a chain of dependencies, FastAPI spends more time on putting
# them together than they need.
async def current_user(request: Request, platform: PlatformDep, credentials: Credentials) -> Principal:
    """The user whose access token came with the request, or the machine whose API key did.

    Raises:
        NotAuthenticated: No valid token or key, or one of a session that was logged out or of a disabled user.
        Forbidden: A key for single stations on a route that is of none.
    """
    if key_was_sent(request.scope):
        return _of_key(request)
    claims = await access_claims(request, platform, credentials)
    principal = platform.sessions.cached(claims)
    if principal is None:
        principal = await run_in_threadpool(platform.sessions.check, claims)
    return principal


CurrentUser = Annotated[Principal, Depends(current_user)]


@dataclass(frozen=True)
class RoleCheck:
    """A dependency that gives the user, provided that their role reaches; the API's description reads its fields.

    Attributes:
        roles: One of these or a higher one is needed.
        people_only: Whether it is closed to API keys.
        or_platform: Whether the platform's own account gets through whatever its role is.
    """

    roles: tuple[str, ...]
    people_only: bool = False
    or_platform: bool = False

    async def __call__(self, request: Request, platform: PlatformDep, credentials: Credentials) -> Principal:
        """The user.

        Raises:
            NotAuthenticated: As `current_user`.
            Forbidden: The role does not reach, or it is an API key where people only may come.
        """
        user = await current_user(request, platform, credentials)
        if self.or_platform and user.id == SERVICE_USER_ID:
            return user
        if not user.reaches(*self.roles) or (self.people_only and user.kind != "user"):
            who = "a person with the role" if self.people_only else "the role"
            raise Forbidden(f"this needs {who} {' or '.join(self.roles)}")
        return user


def require(*roles: str) -> RoleCheck:
    """A dependency that gives the user, provided that one of `roles` or a higher role is theirs.

    Use it as `user: Annotated[Principal, Depends(require("operator"))]`.
    """
    return RoleCheck(roles)


def require_person(*roles: str) -> RoleCheck:
    """The same, closed to API keys: what would let a stolen key make itself others, or people lose their account."""
    return RoleCheck(roles, people_only=True)


def require_or_platform(*roles: str) -> RoleCheck:
    """The same, open to the platform's own account too: what a flow does of itself, and a person by a higher role."""
    return RoleCheck(roles, or_platform=True)


async def platform_account(user: CurrentUser) -> Principal:
    """The platform's own account, which alone speaks for the platform's processes.

    Raises:
        Forbidden: Somebody else asks.
    """
    if user.id != SERVICE_USER_ID:
        raise Forbidden("only the platform's own account may call this")
    return user


def _of_key(request: Request) -> Principal:
    key = key_of(request.scope)
    if key is None:
        raise NotAuthenticated("the API key is not valid, has expired or was revoked")
    route = (request.method, getattr(request.scope.get("route"), "path", ""))
    if key.principal.stations is not None and route not in OF_STATIONS:
        raise Forbidden("this API key is for single stations and reaches only what is of a station")
    return key.principal
