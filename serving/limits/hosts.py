"""By which names the API may be called. A page of a stranger that rebinds its name to us is refused."""

import re
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.error_responses import response_for
from serving.errors import HostNotAllowed

# `name@elsewhere` and the like in the port's place would make another host of every URL that is built from it.
_HOST: Final = re.compile(r"(\[[^\]]*\]|[^:]*)(?::[0-9]{0,5})?")


class HostCheck:
    """Answers 400 to a Host header that is not on the list; `*` on the list allows every name."""

    def __init__(self, app: ASGIApp, *, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan" or "*" in self._allowed or self._is_allowed(scope):
            await self._app(scope, receive, send)
            return
        response = response_for(HostNotAllowed("this host name is not allowed (ALLOWED_HOSTS)"))
        response.headers["Connection"] = "close"
        await response(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        values = Headers(scope=scope).getlist("host")
        return len(values) == 1 and _without_port(values[0].lower()) in self._allowed


def _without_port(host: str) -> str:
    """The name of a Host header, empty where what follows it is no port; an address of IPv6 keeps its brackets."""
    match = _HOST.fullmatch(host)
    return match[1] if match else ""
