"""Looks at every answer of a server: is it one that the API's description names?"""

import json
import re
from functools import cache
from typing import Any, Final

from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.app import create_app
from serving.settings import Settings

_PARAMETER: Final = re.compile(r"\\{\w+\\}")
# For requests that belong to no route: a wrong method, a fault of ours that a test of faults provokes.
_OF_NO_ROUTE: Final = frozenset({405, 500})


@cache
def document() -> dict[str, Any]:
    """The description of the API, made once."""
    return create_app(Settings(_env_file=None, secret_key=SecretStr("x" * 32))).openapi()


@cache
def _templates() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Each path of the description as a pattern; those with fewer parameters first, as `/users/me` before an id."""
    paths = sorted(document()["paths"].items(), key=lambda item: item[0].count("{"))
    return [
        (re.compile(_PARAMETER.sub(".+" if path.startswith("/static/") else "[^/]+", re.escape(path))), operations)
        for path, operations in paths
    ]


def answers_of(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The answers that the description names for an operation, by status, with references followed."""
    shared = document()["components"]["responses"]
    return {
        status: shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        for status, answer in operation["responses"].items()
    }


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """What the description says of a request, None where it belongs to none of its routes."""
    for pattern, operations in _templates():
        if pattern.fullmatch(path) and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    return None


class Declared:
    """The application, watched.

    Attributes:
        surprises: What was answered and is not in the description.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.surprises: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        operation = operation_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if operation is None:
            await self.app(scope, receive, send)
            return
        status, body = 0, b""

        async def watch(message: Message) -> None:
            nonlocal status, body
            status = message.get("status", status)
            if status >= 400:
                body += message.get("body", b"")
            await send(message)

        await self.app(scope, receive, watch)
        self._look(f"{scope['method']} {scope['path']}", operation, status, body)

    def _look(self, request: str, operation: dict[str, Any], status: int, body: bytes) -> None:
        if status in _OF_NO_ROUTE or status == 0:
            return
        answer = answers_of(operation).get(str(status))
        if answer is None:
            self.surprises.add(f"{request} answered {status}, which serving/openapi/errors.py does not say of it")
        elif status >= 400 and (code := _code_of(body)) is not None and code not in answer["x-codes"]:
            self.surprises.add(
                f"{request} answered {status} {code}, which serving/openapi/errors.py does not say of it"
            )


def _code_of(body: bytes) -> str | None:
    """The code of an error; None for the answer of a page or of `/health`, which has a body of its own."""
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return str(content["code"]) if isinstance(content, dict) and "code" in content else None
