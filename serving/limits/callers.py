"""Whose request it is: its token or API key, verified before anything of the body is read."""

from starlette.datastructures import Headers
from starlette.types import Scope

from serving.api_keys.book import KeyBook, KnownKey
from serving.api_keys.secret import looks_like_one
from serving.auth.tokens import Claims, TokenIssuer
from serving.errors import NotAuthenticated
from serving.limits.websocket_token import websocket_token_of

_KEY = "ussop.claims"
_API_KEY = "ussop.api_key"
_KEY_HEADER = b"x-api-key"


async def find_key(scope: Scope, keys: KeyBook) -> KnownKey | None:
    """The API key that came with the request, as `X-API-Key` or as its Bearer token; noted for `key_of`.

    Raises:
        StorageUnavailable: The keys must be read and cannot.
    """
    secret = _sent_key(scope) if scope["type"] == "http" else None
    if secret is None:
        return None
    scope[_KEY] = None  # a request is of one caller: next to a key, a token counts for nothing
    scope[_API_KEY] = await keys.find(secret)
    return key_of(scope)


def key_of(scope: Scope) -> KnownKey | None:
    """The API key of the request, None if there is none or it is worthless."""
    key: KnownKey | None = scope.get(_API_KEY)
    return key


def key_was_sent(scope: Scope) -> bool:
    """Whether the request came with an API key, good or not."""
    return _API_KEY in scope


def claims_of(scope: Scope, tokens: TokenIssuer) -> Claims | None:
    """What the token of the request (or handshake) says, None without a valid one. Asked twice, verified once."""
    if _KEY not in scope:
        scope[_KEY] = _verify(scope, tokens)
    claims: Claims | None = scope[_KEY]
    return claims


def _sent_key(scope: Scope) -> str | None:
    bearer = None
    for name, value in scope["headers"]:
        if name == _KEY_HEADER:
            return str(value.decode("latin-1")).strip()
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            bearer = token.strip() if scheme.lower() == "bearer" and looks_like_one(token.strip()) else None
    return bearer


def _verify(scope: Scope, tokens: TokenIssuer) -> Claims | None:
    if scope["type"] == "websocket":
        token = websocket_token_of(scope)
    else:
        scheme, _, credentials = Headers(scope=scope).get("authorization", "").partition(" ")
        token = credentials.strip() if scheme.lower() == "bearer" else None
    if token is None:
        return None
    try:
        return tokens.verify_access(token)
    except NotAuthenticated:
        return None
