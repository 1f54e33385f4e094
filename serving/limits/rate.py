"""How often somebody may ask: a moving window per user or API key, or per address for those without.

slowapi's own middleware and default limits never reach routers included by `include_router` (laurentS/slowapi#281)
and fail open there, so its strategy is asked here, before routing, for every path.
"""

import math
import time

from limits import RateLimitItem, parse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api_keys.book import KeyBook, KnownKey
from serving.auth.tokens import TokenIssuer
from serving.error_responses import error_response, response_for
from serving.errors import ConfigurationError, StorageUnavailable
from serving.limits.callers import claims_of, find_key
from serving.limits.peers import Peers
from serving.limits.window import MovingWindow
from serving.settings import Settings
from serving.users.service_account import SERVICE_USER_ID

_LOGIN_PATH = "/api/v1/auth/login"
# What a browser fetches beside the API, without a token: the dashboard's files, pictures by signed links.
_FILE_PREFIXES = ("/assets/", "/static/images/")


class RateLimit:
    """Answers 429 with `Retry-After` above the limit; every answer says what is left."""

    def __init__(self, app: ASGIApp, *, settings: Settings, tokens: TokenIssuer, keys: KeyBook, peers: Peers) -> None:
        self._app = app
        self._keys = keys
        self._tokens = tokens
        self._peers = peers
        self._default = _parse("RATE_LIMIT_DEFAULT", settings.rate_limit_default)
        self._login = _parse("RATE_LIMIT_LOGIN", settings.rate_limit_login)
        self._files = _parse("RATE_LIMIT_FILES", settings.rate_limit_files)
        self._window = MovingWindow()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or one handshake of a WebSocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            limit = self._limit_for(scope, await find_key(scope, self._keys))
        except StorageUnavailable as error:
            await response_for(error)(scope, receive, send)
            return
        if limit is None:
            await self._app(scope, receive, send)
            return
        item, key = limit
        allowed, remaining, reset_s = self._window.hit(item, key)
        wait_s = max(1, math.ceil(reset_s))
        rate_headers = {
            "X-RateLimit-Limit": str(item.amount),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(round(time.time() + reset_s)),
        }
        if not allowed:
            detail = f"more than {item.amount} requests per {item.get_expiry()} s; try again in {wait_s} s"
            headers = {**rate_headers, "Retry-After": str(wait_s), "Connection": "close"}
            await error_response(429, detail, "rate_limited", headers)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(rate_headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _limit_for(self, scope: Scope, key: KnownKey | None) -> tuple[RateLimitItem, str] | None:
        """The limit and whose it is, None for the platform's own account."""
        claims = None if key is not None else claims_of(scope, self._tokens)
        if claims is not None and claims.user_id == SERVICE_USER_ID:
            # Also where it hands on the logins of OPC UA clients, which come from all over the plant by one address.
            return None
        if scope["path"] == _LOGIN_PATH:
            return self._login, f"login:{self._peers.bucket(scope)}"
        if key is not None:
            return key.limit or self._default, f"key:{key.principal.id}"
        if claims is None and scope["path"].startswith(_FILE_PREFIXES):
            return self._files, f"files:{self._peers.bucket(scope)}"
        return self._default, f"user:{claims.user_id}" if claims else f"peer:{self._peers.bucket(scope)}"


def _parse(name: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {text!r} is not like 200/minute") from error
