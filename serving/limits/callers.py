"""The token of a request, verified before anything of the body is read."""

from starlette.datastructures import Headers
from starlette.types import Scope

from serving.auth.tokens import Claims, TokenIssuer
from serving.errors import NotAuthenticated

_KEY = "ussop.claims"


def claims_of(scope: Scope, tokens: TokenIssuer) -> Claims | None:
    """What the Bearer token of the request says, None without a valid one. Asked twice, verified once."""
    if _KEY not in scope:
        scope[_KEY] = _verify(scope, tokens)
    claims: Claims | None = scope[_KEY]
    return claims


def _verify(scope: Scope, tokens: TokenIssuer) -> Claims | None:
    scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        return tokens.verify_access(token.strip())
    except NotAuthenticated:
        return None
