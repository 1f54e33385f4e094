"""Which errors a route may answer: most follow from what it declares, the rest is listed here, route by route.

A route that answers what is not declared fails the tests: each server of the test suite looks at every answer.
"""

from collections.abc import Iterator
from typing import Any, Final

from models.errors import BrokenImageError, ImageTooLargeError, InferenceError, UnsupportedImageError
from serving import errors
from serving.auth.dependencies import OF_STATIONS
from serving.openapi.guards import Guard

Kinds = tuple[type[Exception], ...]
Route = tuple[str, str]

_V1: Final = "/api/v1"
_INSPECTION: Final[Kinds] = (
    BrokenImageError,
    ImageTooLargeError,
    InferenceError,
    errors.IdempotencyMismatch,
    errors.InvalidRequest,
    errors.NotReady,
    errors.Overloaded,
    errors.TooLate,
)
_SWITCH: Final[Kinds] = (errors.Conflict, errors.ModelRefused, errors.RegistryUnavailable)
_NETWORK: Final[Kinds] = (errors.Conflict, errors.InvalidRequest, errors.NotFound, errors.NotReady)

# A path that names something answers 404 where it does not exist; this one makes it.
_MAKES: Final[frozenset[Route]] = frozenset({("PUT", f"{_V1}/stations/{{station_id}}")})

RAISED: Final[dict[Route, Kinds]] = {
    ("POST", f"{_V1}/auth/login"): (errors.NotAuthenticated,),
    ("POST", f"{_V1}/auth/refresh"): (errors.NotAuthenticated,),
    ("POST", f"{_V1}/inspect"): (*_INSPECTION, UnsupportedImageError),
    ("POST", f"{_V1}/inspect/camera"): (*_INSPECTION, errors.CameraFault),
    ("DELETE", f"{_V1}/inspect/{{inspection_id}}"): (errors.Conflict,),
    ("POST", f"{_V1}/inspect/{{inspection_id}}/overrule"): (errors.Conflict, errors.InvalidRequest),
    ("PUT", f"{_V1}/inspect/{{inspection_id}}/hold"): (errors.Conflict,),
    ("GET", "/static/images/{path}"): (errors.Gone,),
    ("PUT", f"{_V1}/stations/{{station_id}}"): (errors.InvalidRequest, errors.NotReady),
    ("POST", f"{_V1}/stations/{{station_id}}/calibrate"): (errors.Gone, errors.InvalidRequest),
    ("POST", f"{_V1}/batch/jobs"): (errors.InvalidRequest,),
    ("POST", f"{_V1}/batch/jobs/{{job_id}}/start"): (errors.Conflict, errors.JobsUnavailable),
    ("POST", f"{_V1}/batch/jobs/{{job_id}}/cancel"): (errors.Conflict, errors.JobsUnavailable),
    ("POST", f"{_V1}/active-learning/annotate/{{item_id}}"): (errors.Conflict, errors.InvalidRequest),
    ("POST", f"{_V1}/active-learning/skip/{{item_id}}"): (errors.Conflict,),
    ("POST", f"{_V1}/active-learning/segment/{{item_id}}"): (
        errors.InvalidRequest,
        errors.NotReady,
        errors.Overloaded,
        InferenceError,
    ),
    ("GET", f"{_V1}/active-learning/candidates"): (errors.InvalidRequest,),
    ("POST", f"{_V1}/active-learning/audit/draws"): (errors.Conflict, errors.InvalidRequest),
    ("POST", f"{_V1}/datasets/import"): (errors.Conflict, errors.InvalidRequest),
    ("POST", f"{_V1}/datasets"): (errors.InvalidRequest,),
    ("POST", f"{_V1}/training/start"): (errors.Conflict, errors.InvalidRequest, errors.JobsUnavailable),
    ("GET", f"{_V1}/training/status"): (errors.JobsUnavailable,),
    ("POST", f"{_V1}/training/stop"): (errors.Conflict, errors.JobsUnavailable),
    ("GET", f"{_V1}/models/compare"): (errors.NotFound, errors.RegistryUnavailable),
    ("POST", f"{_V1}/models/{{version_id}}/promote"): (
        errors.Conflict,
        errors.JobsUnavailable,
        errors.RegistryUnavailable,
    ),
    ("GET", f"{_V1}/models/{{version_id}}/gate"): (errors.RegistryUnavailable,),
    ("GET", f"{_V1}/models/{{version_id}}/gate/pictures/{{number}}"): (errors.RegistryUnavailable,),
    ("POST", f"{_V1}/models/{{version_id}}/deploy"): _SWITCH,
    ("POST", f"{_V1}/models/{{version_id}}/rollback"): _SWITCH,
    ("POST", f"{_V1}/openvino/load"): _NETWORK,
    ("POST", f"{_V1}/openvino/benchmark"): _NETWORK,
    ("POST", f"{_V1}/storage/cleanup"): (errors.Conflict, errors.JobsUnavailable),
    ("POST", f"{_V1}/storage/retention/passes/{{pass_id}}/chunks"): (errors.Conflict,),
    ("GET", f"{_V1}/export/csv"): (errors.InvalidRequest, errors.NotInstalled),
    ("GET", f"{_V1}/export/report"): (errors.NotFound,),
    ("GET", f"{_V1}/events"): (errors.BadRequest,),
    ("POST", f"{_V1}/alerts/test-delivery"): (errors.InvalidRequest, errors.NotFound),
    ("POST", f"{_V1}/config"): (errors.Conflict, errors.InvalidRequest),
    ("POST", f"{_V1}/config/revert/{{revision}}"): (errors.Conflict, errors.InvalidRequest),
    ("POST", f"{_V1}/query"): (errors.QueryDisabled, errors.QueryUnavailable),
    ("GET", f"{_V1}/opcua/results"): (errors.InvalidRequest,),
    ("POST", f"{_V1}/users"): (errors.Conflict, errors.InvalidRequest),
    ("PUT", f"{_V1}/users/me"): (errors.Conflict,),
    ("PUT", f"{_V1}/users/me/password"): (errors.Conflict, errors.InvalidRequest),
    ("PUT", f"{_V1}/users/{{user_id}}"): (errors.Conflict, errors.InvalidRequest),
    ("DELETE", f"{_V1}/users/{{user_id}}"): (errors.Conflict,),
    ("POST", f"{_V1}/api-keys"): (errors.Conflict, errors.InvalidRequest),
}


def errors_of(method: str, path: str, operation: dict[str, Any], guard: Guard) -> frozenset[type[Exception]]:
    """The errors that a route may answer.

    Args:
        method: `GET` and so on.
        path: Its template.
        operation: What FastAPI says of it.
        guard: Who may call it.
    """
    return frozenset({*_by_rule(method, path, operation, guard), *RAISED.get((method, path), ())})


def _by_rule(method: str, path: str, operation: dict[str, Any], guard: Guard) -> Iterator[type[Exception]]:
    # Before the route: the host, the limits, the keys, which are read from the database.
    yield from (errors.HostNotAllowed, errors.TooManyRequests, errors.StorageUnavailable)
    parameters = operation.get("parameters", [])
    if guard.is_guarded:
        yield errors.NotAuthenticated
        of_one_station = any(each["name"] == "station_id" and each["in"] == "query" for each in parameters)
        # A key for single stations gets no further than the routes of stations; there, not beyond its own.
        if (method, path) not in OF_STATIONS or of_one_station:
            yield errors.Forbidden
    if guard.is_audited or method != "GET":
        yield errors.StorageBusy
    if "requestBody" in operation:
        yield from (errors.BadRequest, errors.RequestTimeout, errors.PayloadTooLarge, errors.UnsupportedMediaType)
    if parameters or "requestBody" in operation:
        # The second where a value fits its field and yet cannot be stored, as NUL in PostgreSQL.
        yield from (errors.InvalidField, errors.InvalidRequest)
    if "{" in path and (method, path) not in _MAKES:
        yield errors.NotFound
