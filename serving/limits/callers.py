"""The token of a request, verified before anything of the body is read."""

from starlette.datastructures import Headers
from starlette.types import Scope

from serving.auth.tokens import Claims, TokenIssuer
from serving.errors import NotAuthenticated
from serving.limits.websocket_token import websocket_token_of

_KEY = "ussop.claims"


def claims_of(scope: Scope, tokens: TokenIssuer) -> Claims | None:
    """What the token of the request (or handshake) says, None without a valid one. Asked twice, verified once."""
    if _KEY not in scope:
        scope[_KEY] = _verify(scope, tokens)
    claims: Claims | None = scope[_KEY]
    return claims


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
