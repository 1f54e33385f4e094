"""Errors as answers of the OpenAPI document."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from serving.error_responses import ErrorBody
from serving.errors import status_of

_SCHEMA: Final = {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}
_SECONDS: Final = {"type": "integer", "minimum": 1}
_HEADERS: Final[dict[int, dict[str, Any]]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string", "const": "Bearer"}}},
    429: {"Retry-After": {"required": True, "description": "Seconds to wait", "schema": _SECONDS}},
    503: {"Retry-After": {"description": "Seconds to wait, where it may get better", "schema": _SECONDS}},
}


def error_responses(kinds: Iterable[type[Exception]]) -> dict[str, dict[str, Any]]:
    """The answers by status. Each names its codes for people, and for tests as `x-codes`."""
    by_status: dict[int, dict[str, str]] = {}
    for kind in kinds:
        by_status.setdefault(status_of(kind("")), {})[code_of(kind)] = sentence_of(kind)
    return {str(status): _response(status, by_status[status]) for status in sorted(by_status)}


def code_of(kind: type[Exception]) -> str:
    """The stable word of a kind of error."""
    return str(getattr(kind, "code", ""))


def sentence_of(kind: type[Exception]) -> str:
    """What a kind of error says of itself: the first line of its docstring."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def _response(status: int, sentences: dict[str, str]) -> dict[str, Any]:
    told = "; ".join(f"`{code}`: {sentences[code].rstrip('.')}" for code in sorted(sentences))
    content = {"schema": _SCHEMA, "example": {"detail": HTTPStatus(status).phrase, "code": min(sentences)}}
    response = {"description": f"{told}.", "content": {"application/json": content}, "x-codes": sorted(sentences)}
    return {**response, "headers": _HEADERS[status]} if status in _HEADERS else response
