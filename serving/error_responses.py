"""Every error as the one body `{"detail": …, "code": …}`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from models.errors import ModelError
from serving.errors import BadRequest, InvalidField, ServingError, UnsupportedMediaType, status_of

_log = structlog.get_logger(__name__)
_HTTP_CODES = {
    400: "bad_request",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}
_MAX_REPORTED = 5  # problems named in one validation answer


class ErrorBody(BaseModel):
    """What every error looks like."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    detail: str
    """For people."""
    code: str
    """For machines: it stays the same where the detail is worded anew."""


def error_response(status: int, detail: str, code: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer for one error."""
    all_headers = dict(headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        all_headers.setdefault("WWW-Authenticate", "Bearer")
    return JSONResponse({"detail": detail, "code": code}, status_code=status, headers=all_headers)


def response_for(error: ServingError) -> JSONResponse:
    """The answer for one of our own errors."""
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return error_response(status_of(error), str(error), error.code, headers)


def internal_error_response() -> JSONResponse:
    """The answer for what nobody expected; it says nothing of the inside."""
    return error_response(500, "internal error", "internal_error")


def add_error_handlers(app: FastAPI, routers: Sequence[APIRouter] = ()) -> None:
    """Let the application answer every expected error by the table of `serving.errors`.

    Args:
        app: Whose errors they are.
        routers: Those that it includes, without a prefix: an answer of 405 names the methods of all their routes.
    """
    app.add_exception_handler(ServingError, _on_serving_error)
    app.add_exception_handler(ModelError, _on_model_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _OnHttpException(routers))


async def _on_serving_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ServingError):
        raise error
    if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request_failed", code=error.code, detail=str(error), exc_info=error.__cause__)
    return response_for(error)


async def _on_model_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ModelError):
        raise error
    status = status_of(error)
    headers = {}
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("inspection_failed", code=error.code, exc_info=error)
        headers = {"Retry-After": "1"}
    return error_response(status, str(error), error.code, headers)


async def _on_validation_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return response_for(BadRequest("the body is not JSON"))
    if isinstance(error.body, bytes):
        # FastAPI leaves a body as it came where Content-Type says that it is no JSON, or says nothing.
        return response_for(UnsupportedMediaType("the body must be JSON, and Content-Type application/json"))
    # Pydantic's messages name the rule; the value itself is not repeated (it may be a password).
    parts = [f"{_place(problem['loc'])}: {problem['msg']}" for problem in problems[:_MAX_REPORTED]]
    if len(problems) > _MAX_REPORTED:
        parts.append(f"and {len(problems) - _MAX_REPORTED} more")
    return error_response(422, "; ".join(parts), InvalidField.code)


def _place(location: tuple[int | str, ...]) -> str:
    """`body.file` and the like; long keys of the client are cut."""
    return ".".join(str(step)[:64] for step in location)


class _OnHttpException:
    """Answers the framework's own errors."""

    def __init__(self, routers: Sequence[APIRouter]) -> None:
        self._routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    async def __call__(self, request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        code = _HTTP_CODES.get(error.status_code, "http_error")
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (allowed := self._allowed(request.url.path)):
            headers["Allow"] = allowed
        return error_response(error.status_code, str(error.detail), code, headers)

    def _allowed(self, path: str) -> str:
        """The methods of every route with this path: Starlette names those of the first one only."""
        matching = [route for route in self._routes if route.path_regex.match(path)]
        # Of two templates that fit, the one with fewer parameters is meant: `/users/me`, and no user called `me`.
        fewest = min((len(route.param_convertors) for route in matching), default=0)
        meant = [route for route in matching if len(route.param_convertors) == fewest]
        return ", ".join(sorted({method for route in meant for method in route.methods or ()}))
