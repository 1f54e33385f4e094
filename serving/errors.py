"""The errors of this room and the one table that gives each its HTTP status."""

# ruff: noqa: N818 - the names are what is raised: `raise NotFound` reads as a sentence

from typing import ClassVar

from models.errors import (
    BrokenImageError,
    BundleError,
    ImageTooLargeError,
    InferenceError,
    ModelError,
    UnsupportedImageError,
)


class ServingError(Exception):
    """Base of every error raised in `serving`. The message is for people and may leave the house.

    Attributes:
        code: Stable word for machines.
        retry_after_s: Seconds after which trying again makes sense, None where it does not.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ConfigurationError(ServingError):
    """A setting, or what it points at, cannot be used."""

    code = "configuration"


class BadRequest(ServingError):
    """The request makes no sense."""

    code = "bad_request"


class HostNotAllowed(BadRequest):
    """The host name of the request is not on the list (`ALLOWED_HOSTS`)."""

    code = "host_not_allowed"


class NotAuthenticated(ServingError):
    """No token, or one that does not hold."""

    code = "not_authenticated"


class Forbidden(ServingError):
    """The role does not reach."""

    code = "forbidden"


class NotFound(ServingError):
    """There is no such thing."""

    code = "not_found"


class Gone(ServingError):
    """The thing was there and was deleted on purpose."""

    code = "gone"


class Conflict(ServingError):
    """The thing is in a state that forbids this."""

    code = "conflict"


class RequestTimeout(ServingError):
    """The client stopped sending."""

    code = "request_timeout"


class PayloadTooLarge(ServingError):
    """The body is larger than allowed."""

    code = "too_large"


class UnsupportedMediaType(ServingError):
    """The body is of another kind than this route reads."""

    code = "unsupported_media_type"


class InvalidRequest(ServingError):
    """The request is well-formed but asks for something impossible."""

    code = "invalid_request"


class InvalidField(InvalidRequest):
    """A field of the request is missing or breaks its rule; the detail names it."""

    code = "validation_error"


class IdempotencyMismatch(InvalidRequest):
    """The idempotency key was used before, for another request."""

    code = "idempotency_mismatch"


class ModelRefused(InvalidRequest):
    """A version of the model is damaged or fails its tests; the one in use stays."""

    code = "model_refused"


class TooManyRequests(ServingError):
    """A limit is used up."""

    code = "rate_limited"


class StorageBusy(ServingError):
    """More writes are waiting than the queue holds."""

    code = "storage_busy"

    def __init__(self, message: str = "too many writes are waiting", *, retry_after_s: int | None = 1) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class StorageUnavailable(ServingError):
    """The database or the picture store cannot be written or read now (full, locked, gone)."""

    code = "storage"

    def __init__(self, message: str = "storage is unavailable", *, retry_after_s: int | None = 5) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class Overloaded(ServingError):
    """More inspections are waiting than can be done in time."""

    code = "overloaded"

    def __init__(self, message: str = "too many inspections are waiting", *, retry_after_s: int | None = 1) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class TooLate(ServingError):
    """The deadline of the station passed before the verdict was stored; there is none, and never a late *pass*."""

    code = "too_late"

    def __init__(self, message: str, *, retry_after_s: int | None = 1) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class CameraFault(ServingError):
    """The camera gave no picture that can be judged (unplugged, late, frozen, black)."""

    code = "camera_fault"


class NotReady(ServingError):
    """No model is loaded."""

    code = "not_ready"


class NotInstalled(ServingError):
    """An optional part of the platform is not installed here."""

    code = "not_installed"


class RegistryUnavailable(ServingError):
    """MLflow does not answer, and this machine does not hold what is asked for."""

    code = "registry_unavailable"

    def __init__(self, message: str, *, retry_after_s: int | None = 10) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class JobsUnavailable(ServingError):
    """Prefect does not answer, or nobody executes the flow that is wanted."""

    code = "jobs_unavailable"

    def __init__(self, message: str, *, retry_after_s: int | None = 10) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class QueryDisabled(ServingError):
    """Questions in plain language are switched off."""

    code = "query_disabled"


class QueryUnavailable(ServingError):
    """The language model cannot be asked, failed, or was too late."""

    code = "query_unavailable"

    def __init__(self, message: str, *, retry_after_s: int | None = 10) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


ERROR_STATUS: dict[type[Exception], int] = {
    BadRequest: 400,
    NotAuthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    RequestTimeout: 408,
    Conflict: 409,
    Gone: 410,
    PayloadTooLarge: 413,
    UnsupportedMediaType: 415,
    InvalidRequest: 422,
    TooManyRequests: 429,
    StorageBusy: 503,
    StorageUnavailable: 503,
    Overloaded: 503,
    TooLate: 503,
    CameraFault: 503,
    NotReady: 503,
    NotInstalled: 503,
    RegistryUnavailable: 503,
    JobsUnavailable: 503,
    QueryDisabled: 503,
    QueryUnavailable: 503,
    ServingError: 500,
    UnsupportedImageError: 415,
    BrokenImageError: 422,
    ImageTooLargeError: 422,
    InferenceError: 503,
    BundleError: 503,
    ModelError: 500,
}


def status_of(error: Exception) -> int:
    """The HTTP status of an error: that of its nearest ancestor in `ERROR_STATUS`, 500 for strangers."""
    return next((ERROR_STATUS[kind] for kind in type(error).__mro__ if kind in ERROR_STATUS), 500)
