"""Who may open a WebSocket: from which pages, and with which token."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import Scope

from serving.api_keys.secret import looks_like_one
from serving.errors import Forbidden, NotAuthenticated
from serving.events.guest import LOWEST_ROLE, Guest
from serving.platform import Platform

SUBPROTOCOL: Final = "ussop.v1"


def is_origin_allowed(scope: Scope, allowed_hosts: Sequence[str], cors_origins: Sequence[str]) -> bool:
    """Whether the page that opens the connection is one of ours. Only browsers send where a page is from.

    CORS does not guard WebSockets: a browser lets any page open one, and sends along whatever it would send us.
    """
    origins = [origin.strip().lower() for origin in Headers(scope=scope).getlist("origin")]
    if len(origins) != 1:
        return not origins
    if {origins[0], "*"} & {listed.lower().rstrip("/") for listed in cors_origins}:
        return True
    try:
        parts = urlsplit(origins[0])
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"}:
        return False
    if "*" in allowed_hosts:  # any name is ours then, but it must be the one that the page was loaded from
        return parts.netloc == Headers(scope=scope).get("host", "").lower()
    name = f"[{host}]" if ":" in host else host
    return name in {listed.lower() for listed in allowed_hosts}


def chosen_subprotocol(scope: Scope) -> str | None:
    """What the handshake is answered with: never the token, which a client may offer as a protocol."""
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", []) else None


async def admit(platform: Platform, token: str) -> Guest:
    """Who sent an access token or API key, if they may follow the events.

    Raises:
        NotAuthenticated: It is forged or expired, or its session has ended.
        Forbidden: The role does not reach.
        StorageUnavailable: Nobody can say now.
    """
    if looks_like_one(token):
        key = await platform.api_keys.find(token)
        if key is None:
            raise NotAuthenticated("the API key is not valid, has expired or was revoked")
        principal = key.principal
        guest = Guest(principal.id, principal.stations, key.expires_at, secret=token)
    else:
        claims = platform.tokens.verify_access(token)
        known = platform.sessions.cached(claims)
        principal = known if known is not None else await run_in_threadpool(platform.sessions.check, claims)
        guest = Guest(principal.id, None, claims.expires_at, claims=claims)
    if not principal.reaches(LOWEST_ROLE):
        raise Forbidden(f"this needs the role {LOWEST_ROLE}")
    return guest
