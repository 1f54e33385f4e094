"""The API reference as a table: what each call takes and answers, in the reference's order.

The reference wins over everything else. A line that is changed here changes what customers were promised.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.contracts.shapes import UUID, MapOf, OneOf, Several, Shape, Text, problems
from tests.serving.declared import document, operation_of

V1: Final = "/api/v1"
_UNSET: Final = object()


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query string.

    Attributes:
        kind: Its JSON type: `string`, `integer`, `boolean`.
        default: What holds if it is left out.
        least: Smallest number.
        most: Largest number.
        words: The only values.
    """

    kind: str
    default: Any = _UNSET
    least: int | None = None
    most: int | None = None
    words: tuple[str, ...] = ()

    @property
    def has_default(self) -> bool:
        """Whether the reference names one."""
        return self.default is not _UNSET


@dataclass(frozen=True)
class Documented:
    """One call of the reference.

    Attributes:
        method: HTTP method.
        path: Template, with our names of its parameters.
        says: The reference's own words.
        query: Its parameters.
        body: Fields of the request that must be taken, with a value of the reference's own example.
        answer: The shape of a good answer, None where the reference shows none and there is nothing to say of it.
        lowest: The role from which on it is open, where the reference says so.
        lives_in: The test that makes the call where it needs Prefect or MLflow; empty: tests/contracts.
    """

    method: str
    path: str
    says: str
    query: dict[str, Parameter] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    answer: Shape | None = None
    lowest: str = ""
    lives_in: str = ""

    @property
    def route(self) -> tuple[str, str]:
        """Method and path."""
        return self.method, self.path


DECISION: Final = OneOf(("pass", "fail", "uncertain"))
SEVERITIES: Final = ("info", "warning", "error", "critical")
_USER: Final = {"id": str, "username": str, "roles": [str]}
_SESSION: Final = {
    "access_token": Text(r"eyJ.+"),
    "refresh_token": Text(r"eyJ.+"),
    "token_type": OneOf(("bearer",)),
    "user": _USER,
}
INSPECTION: Final = {
    "id": UUID,
    "decision": DECISION,
    "confidence": float,
    "objects_found": int,
    "total_time_ms": float,
    "detections": [{"class_name": str, "confidence": float, "bbox": Several(4, int), "area_mm2": float}],
    "image_url": Text(r"/static/images/.+"),
}
STATISTICS: Final = {
    "total_inspections": int,
    "passed": int,
    "failed": int,
    "uncertain": int,
    "pass_rate": float,
    "avg_inspection_time_ms": float,
    "defect_breakdown": MapOf(int),
}
TRENDS: Final = {
    "labels": [Text(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")],
    "total": [int],
    "passed": [int],
    "failed": [int],
}
ALERT: Final = {
    "id": UUID,
    "severity": OneOf(SEVERITIES),
    "title": str,
    "message": str,
    "timestamp": Text(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"),
    "acknowledged": bool,
}
_JOB: Final = {"id": str, "name": str, "input_dir": str, "file_pattern": str, "status": str, "progress": float}
_TRAINING: Final = {"state": str, "metrics": MapOf(float)}
_STATION: Final = Parameter("string")
_HOURS: Final = Parameter("integer", default=24, least=1, most=168)
_PREFECT: Final = "tests/serving/training/test_training.py"
_MLFLOW: Final = "tests/serving/model_versions/test_deploy.py"

DOCUMENTED: Final = (
    Documented(
        "POST",
        f"{V1}/auth/login",
        "Request username and password; response 200 with both tokens, token_type bearer and the user",
        body={"username": "admin", "password": "admin"},
        answer=_SESSION,
    ),
    Documented(
        "POST",
        f"{V1}/auth/refresh",
        "Response 200: new access_token",
        body={"refresh_token": "eyJ..."},
        answer={"access_token": Text(r"eyJ.+")},
    ),
    Documented("POST", f"{V1}/auth/logout", "Invalidates the refresh token."),
    Documented("GET", f"{V1}/auth/me", "Returns the current user profile.", answer=_USER),
    Documented(
        "POST",
        f"{V1}/inspect",
        "Upload an image for inspection: multipart/form-data with file, station_id (default: default), part_id",
        answer=INSPECTION,
    ),
    Documented(
        "POST",
        f"{V1}/inspect/camera",
        "Capture from the configured camera and inspect. Same response shape.",
        query={"station_id": _STATION, "part_id": Parameter("string")},
        answer=INSPECTION,
    ),
    Documented(
        "GET", f"{V1}/inspect/{{inspection_id}}", "Returns a stored inspection record by ID.", answer=INSPECTION
    ),
    Documented(
        "GET",
        f"{V1}/inspections",
        "List inspections with filtering and pagination.",
        query={
            "station_id": _STATION,
            "decision": Parameter("string", words=DECISION.words),
            "limit": Parameter("integer", default=50, most=500),
            "offset": Parameter("integer", default=0),
        },
        answer={"inspections": [INSPECTION]},
    ),
    Documented(
        "DELETE",
        f"{V1}/inspect/{{inspection_id}}",
        "Delete an inspection record (admin/engineer only).",
        lowest="engineer",
    ),
    Documented(
        "GET",
        f"{V1}/statistics",
        "Returns aggregated stats for the last N hours. Cached 30 s.",
        query={"hours": _HOURS, "station_id": _STATION},
        answer=STATISTICS,
    ),
    Documented(
        "GET",
        f"{V1}/trends",
        "Time-series data for charting. Cached 60 s.",
        query={"hours": _HOURS, "interval": Parameter("string", words=("hour", "day")), "station_id": _STATION},
        answer=TRENDS,
    ),
    Documented("GET", f"{V1}/export/csv", "Download all inspection history as CSV."),
    Documented("GET", f"{V1}/batch/jobs", "List all batch jobs.", answer={"jobs": [_JOB]}),
    Documented(
        "POST",
        f"{V1}/batch/jobs",
        "Create a new batch job.",
        body={"name": "Shift A", "input_dir": "/data/shift_a", "file_pattern": "*.jpg"},
        answer=_JOB,
    ),
    Documented(
        "POST",
        f"{V1}/batch/jobs/{{job_id}}/start",
        "Start a pending job.",
        answer=_JOB,
        lives_in="tests/flows/test_inspect_batch.py",
    ),
    Documented("POST", f"{V1}/batch/jobs/{{job_id}}/cancel", "Cancel a running job.", answer=_JOB),
    Documented("GET", f"{V1}/batch/jobs/{{job_id}}", "Get job status and progress.", answer=_JOB),
    Documented(
        "GET",
        f"{V1}/active-learning/stats",
        "Returns queue counts: pending / labeled / trained.",
        answer={"pending": int, "labeled": int, "trained": int},
    ),
    Documented(
        "GET",
        f"{V1}/active-learning/queue",
        "?limit=1 returns the next N images requiring annotation.",
        query={"limit": Parameter("integer", default=1)},
        answer={"items": [{"id": str, "image_url": Text(r"/static/images/.+")}]},
    ),
    Documented(
        "POST",
        f"{V1}/active-learning/annotate/{{item_id}}",
        "Submit annotations for a queued image.",
        body={
            "annotations": [{"class_name": "scratch", "bbox": [10, 20, 100, 80]}],
            "reviewed_by": "operator1",
        },
        answer={"id": str},
    ),
    Documented(
        "POST",
        f"{V1}/training/start",
        "Start a fine-tuning job using labeled images.",
        body={"epochs": 20, "batch_size": 8, "learning_rate": 0.001, "model_name": "v1.1-scratch"},
        answer=_TRAINING,
        lives_in=_PREFECT,
    ),
    Documented(
        "GET",
        f"{V1}/training/status",
        "Returns current training job status and metrics.",
        answer=_TRAINING,
        lives_in=_PREFECT,
    ),
    Documented("POST", f"{V1}/training/stop", "Abort the running training job.", answer=_TRAINING, lives_in=_PREFECT),
    Documented(
        "GET",
        f"{V1}/models",
        "List all available model versions.",
        answer={"models": [{"id": str, "version": str, "active": bool}]},
    ),
    Documented(
        "POST",
        f"{V1}/models/{{version_id}}/deploy",
        "Hot-swap the active model (zero downtime).",
        answer={"status": OneOf(("deployed",)), "version": str},
        lives_in=_MLFLOW,
    ),
    Documented(
        "POST",
        f"{V1}/models/{{version_id}}/rollback",
        "Revert to a previous model version.",
        answer={"status": OneOf(("rolled_back",)), "version": str},
        lives_in=_MLFLOW,
    ),
    Documented(
        "GET",
        f"{V1}/alerts",
        "Query params: severity (info|warning|error|critical), acknowledged (bool)",
        query={"severity": Parameter("string", words=SEVERITIES), "acknowledged": Parameter("boolean")},
        answer={"alerts": [ALERT]},
    ),
    Documented("POST", f"{V1}/alerts/{{alert_id}}/acknowledge", "Mark an alert as acknowledged.", answer=ALERT),
    Documented(
        "GET",
        f"{V1}/health",
        "No auth required. status healthy, version 1.0.0",
        answer={"status": OneOf(("healthy",)), "version": OneOf(("1.0.0",))},
        lowest="everybody",
    ),
    Documented(
        "GET", f"{V1}/config", "Returns current application configuration.", answer={"values": {"timezone": str}}
    ),
    Documented(
        "POST",
        f"{V1}/config",
        "Update configuration (admin/engineer only).",
        answer={"values": {"takt_s": float}},
        lowest="engineer",
    ),
    Documented(
        "GET",
        f"{V1}/storage/usage",
        "Returns disk usage breakdown.",
        answer={"total_bytes": int, "used_bytes": int, "free_bytes": int, "breakdown": MapOf({"bytes": int})},
    ),
    Documented(
        "POST",
        f"{V1}/storage/cleanup",
        "Delete images older than retention policy.",
        answer={"status": str},
        lives_in="tests/serving/training/test_audit.py",
    ),
    Documented("GET", "/metrics", "Prometheus metrics endpoint."),
    Documented(
        "POST",
        f"{V1}/query",
        "Natural language query; requires VLM_ENABLED=true in settings.",
        body={"question": "How many scratches were found at Station 3 this week?"},
        answer={"question": str, "answer": str, "backend": OneOf(("anthropic", "local"))},
        lives_in="tests/serving/query/test_answers.py",
    ),
    Documented(
        "GET",
        f"{V1}/opcua/status",
        "Returns the current state of the OPC-UA server.",
        answer={
            "enabled": bool,
            "running": bool,
            "endpoint": Text(r"opc\.tcp://.+"),
            "station_count": int,
            "nodes": [str],
        },
    ),
    Documented(
        "GET",
        f"{V1}/openvino/status",
        "Returns whether the OpenVINO optimizer is available and which device is configured.",
        answer={"available": bool, "enabled": bool, "device": str, "loaded_models": [str], "ort_fallback": bool},
    ),
    Documented(
        "POST",
        f"{V1}/openvino/load",
        "Load an ONNX model into the OpenVINO runtime.",
        body={"model_key": "encoder", "model_path": "/app/models/resnet18_image_encoder.onnx", "device": "CPU"},
        answer={"status": OneOf(("loaded",)), "model_key": OneOf(("encoder",)), "device": OneOf(("CPU",))},
    ),
    Documented(
        "POST",
        f"{V1}/openvino/benchmark",
        "Run a side-by-side latency comparison between ONNX Runtime and OpenVINO.",
        body={"model_key": "encoder", "iterations": 50},
        answer={"model_key": OneOf(("encoder",)), "ort_mean_ms": float, "ov_mean_ms": float, "speedup": float},
    ),
    Documented("GET", f"{V1}/users", "List all users", answer={"users": [_USER]}, lowest="admin"),
    Documented("POST", f"{V1}/users", "Create user", answer=_USER, lowest="admin"),
    Documented("PUT", f"{V1}/users/{{user_id}}", "Update user", answer=_USER, lowest="admin"),
    Documented("DELETE", f"{V1}/users/{{user_id}}", "Delete user", lowest="admin"),
    Documented("PUT", f"{V1}/users/me", "Update own email", answer=_USER),
    Documented("PUT", f"{V1}/users/me/password", "Change own password"),
)
BY_ROUTE: Final = {each.route: each for each in DOCUMENTED}

# "All errors follow: detail", and what each status means.
ERROR: Final = {"detail": str}
ERROR_MEANINGS: Final = {
    400: "Bad request / validation error",
    401: "Missing or invalid token",
    403: "Insufficient permissions",
    404: "Resource not found",
    413: "File too large (> 20 MB)",
    415: "Unsupported media type",
    422: "Unprocessable entity",
    429: "Rate limit exceeded",
    503: "Service unavailable (VLM disabled, etc.)",
}
LOGINS_PER_MINUTE: Final = 10
REQUESTS_PER_MINUTE: Final = 200
LARGEST_FILE_BYTES: Final = 20 * 1024 * 1024
HEARTBEAT_S: Final = 5.0


def as_documented(answer: httpx.Response) -> Any:
    """The content of a good answer, which has the shape that the reference shows for its call."""
    operation = operation_of(answer.request.method, answer.request.url.path)
    (documented,) = [each for each in DOCUMENTED if operation_at(each.route) is operation]
    assert answer.is_success, answer.text
    return content_as_documented(documented.route, answer.json())


def content_as_documented(route: tuple[str, str], content: Any) -> Any:
    """The content of an answer, which has the shape that the reference shows for the route."""
    shape = BY_ROUTE[route].answer
    assert shape is None or problems(shape, content) == []
    return content


def operation_at(route: tuple[str, str]) -> dict[str, Any]:
    """What the API's description says of a route."""
    method, path = route
    found: dict[str, Any] = document()["paths"][path][method.lower()]
    return found
