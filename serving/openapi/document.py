"""Completes the OpenAPI document: every error that a route may answer, who may call it, examples, words for the tags.

FastAPI knows parameters, bodies and the answer that is hoped for. The rest is found out here from what each route
declares already (`errors_of`, `RoleCheck`), so that no endpoint repeats it.
"""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from serving.error_responses import ErrorBody
from serving.openapi.errors import errors_of
from serving.openapi.examples import ANSWERS, REQUESTS
from serving.openapi.guards import Guard, guard_of
from serving.openapi.responses import error_responses
from serving.openapi.tags import TAGS

_BEARER: Final = "HTTPBearer"
_KEY: Final = "ApiKey"
_JSON: Final = "application/json"
# FastAPI's own body of a 422, which our handler never sends.
_FOREIGN_SCHEMAS: Final = ("HTTPValidationError", "ValidationError")


def operation_id(route: APIRoute) -> str:
    """A name that is unique and can be read: the folder of the endpoint and its function, as `batch_list_jobs`."""
    folder = route.endpoint.__module__.split(".")[-2]
    return route.name if f"{route.name}_".startswith(f"{folder}_") else f"{folder}_{route.name}"


def describe(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Let the application complete its document when it is first asked for.

    Args:
        app: With all its routes.
        routers: Those that it includes, without a prefix.
    """
    # Set as an attribute: FastAPI's documented way to extend the document.
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(make(), routers)
        return make()

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any], routers: Sequence[APIRouter]) -> None:
    routes = {
        (method, route.path_format): route
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    components = document["components"]
    shared = components.setdefault("responses", {})
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            route = routes.get((method.upper(), path))
            if route is not None:
                _complete_operation(operation, method.upper(), path, route, shared)
    for name in _FOREIGN_SCHEMAS:
        components["schemas"].pop(name, None)
    components["schemas"][ErrorBody.__name__] = ErrorBody.model_json_schema()
    components["securitySchemes"][_KEY] = {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The secret of an API key, which may also be sent as Bearer token",
    }
    used = {
        tag for operations in document["paths"].values() for each in operations.values() for tag in each.get("tags", ())
    }
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]


def _complete_operation(
    operation: dict[str, Any], method: str, path: str, route: APIRoute, shared: dict[str, Any]
) -> None:
    guard = guard_of(route)
    operation["description"] = f"{operation.get('description', '')}\n\n{guard.sentence}".strip()
    _name_security(operation, guard)
    declared = operation["responses"]
    declared.pop("422", None)
    for status, response in error_responses(errors_of(method, path, operation, guard)).items():
        if status in declared:
            declared[status] = _either(declared[status], response)
            continue
        # Most routes answer the same few: each is told once, and the others point there.
        name = "-".join([status, *response["x-codes"]])
        shared[name] = response
        declared[status] = {"$ref": f"#/components/responses/{name}"}
    operation["responses"] = {status: declared[status] for status in sorted(declared)}
    if (method, path) in REQUESTS:
        operation["requestBody"]["content"][_JSON]["examples"] = REQUESTS[method, path]
    if (method, path) in ANSWERS:
        answer = next(response for status, response in declared.items() if status.startswith("2"))
        answer["content"][_JSON]["example"] = ANSWERS[method, path]


def _name_security(operation: dict[str, Any], guard: Guard) -> None:
    if not guard.is_guarded:
        operation.pop("security", None)
        return
    ways: list[dict[str, list[str]]] = (
        [{_BEARER: []}] if guard.people_only or guard.platform_only else [{_BEARER: []}, {_KEY: []}]
    )
    operation["security"] = [*ways, {}] if guard.is_optional else ways


def _either(own: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    """The answer of a route that has a body of its own for a status of errors, or none that it tells of."""
    if "content" not in own:
        return {**error, "description": f"{own['description']}. {error['description']}"}
    schemas = [own["content"][_JSON]["schema"], error["content"][_JSON]["schema"]]
    return {**own, **error, "description": own["description"], "content": {_JSON: {"schema": {"anyOf": schemas}}}}
