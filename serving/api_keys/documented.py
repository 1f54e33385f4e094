"""Tells the OpenAPI document that a key will do where a token does."""

from typing import Any, Final

from fastapi import FastAPI

_SCHEME: Final = "ApiKey"
# Of people alone: what a key may not do whatever its role is.
_OF_PEOPLE: Final = ("/api/v1/users", "/api/v1/api-keys", "/api/v1/auth/logout")


def document_keys(app: FastAPI) -> None:
    """Add the scheme to the document when it is made.

    By hand, because a second security dependency would cost every request some microseconds for nothing.
    """
    # Set as an attribute: FastAPI's documented way to extend the document.
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _add(make())
        return make()

    app.openapi = openapi  # type: ignore[method-assign]


def _add(document: dict[str, Any]) -> None:
    schemes = document.get("components", {}).get("securitySchemes")
    if not schemes:
        return
    schemes[_SCHEME] = {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The secret of an API key, which may also be sent as Bearer token",
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if operation.get("security") and not path.startswith(_OF_PEOPLE):
                operation["security"].append({_SCHEME: []})
