"""The lowest role of each route; tests/contracts/test_roles.py calls every route as everybody."""

from fastapi import FastAPI

from serving.auth.principal import ROLES, Principal

_EVERYBODY = "everybody"
_THE_PLATFORM = "the platform"  # its own account alone, see tests/serving/batch
# The lowest role that may call each route; a new route is added here on purpose, not by accident.
_LOWEST_ROLE = {
    ("GET", "/api/v1/health"): _EVERYBODY,
    ("POST", "/api/v1/auth/login"): _EVERYBODY,
    ("POST", "/api/v1/auth/refresh"): _EVERYBODY,
    ("POST", "/api/v1/auth/logout"): "viewer",
    ("GET", "/api/v1/auth/me"): "viewer",
    ("POST", "/api/v1/inspect"): "operator",
    ("POST", "/api/v1/inspect/camera"): "operator",
    ("GET", "/api/v1/inspect/{inspection_id}"): "viewer",
    ("DELETE", "/api/v1/inspect/{inspection_id}"): "engineer",
    ("POST", "/api/v1/inspect/{inspection_id}/overrule"): "operator",
    ("PUT", "/api/v1/inspect/{inspection_id}/hold"): "engineer",
    ("DELETE", "/api/v1/inspect/{inspection_id}/hold"): "engineer",
    ("GET", "/api/v1/inspections"): "viewer",
    ("GET", "/api/v1/stations"): "viewer",
    ("GET", "/api/v1/stations/{station_id}"): "viewer",
    ("PUT", "/api/v1/stations/{station_id}"): "engineer",
    ("POST", "/api/v1/stations/{station_id}/calibrate"): "engineer",
    ("GET", "/api/v1/alerts"): "viewer",
    ("POST", "/api/v1/alerts/{alert_id}/acknowledge"): "operator",
    ("GET", "/api/v1/alerts/deliveries"): "engineer",
    ("POST", "/api/v1/alerts/test-delivery"): "admin",
    ("GET", "/api/v1/config"): "viewer",
    ("POST", "/api/v1/config"): "engineer",
    ("GET", "/api/v1/config/history"): "engineer",
    ("POST", "/api/v1/config/revert/{revision}"): "engineer",
    ("GET", "/api/v1/batch/jobs"): "viewer",
    ("POST", "/api/v1/batch/jobs"): "operator",
    ("GET", "/api/v1/batch/jobs/{job_id}"): "viewer",
    ("POST", "/api/v1/batch/jobs/{job_id}/start"): "operator",
    ("POST", "/api/v1/batch/jobs/{job_id}/cancel"): "operator",
    ("PUT", "/api/v1/batch/jobs/{job_id}/report"): _THE_PLATFORM,
    ("POST", "/api/v1/training/start"): "engineer",
    ("GET", "/api/v1/training/status"): "viewer",
    ("POST", "/api/v1/training/stop"): "engineer",
    ("GET", "/api/v1/active-learning/stats"): "viewer",
    ("GET", "/api/v1/active-learning/queue"): "viewer",
    ("POST", "/api/v1/active-learning/annotate/{item_id}"): "operator",
    ("POST", "/api/v1/active-learning/skip/{item_id}"): "operator",
    ("GET", "/api/v1/active-learning/segment"): "viewer",
    ("POST", "/api/v1/active-learning/segment/{item_id}"): "operator",
    ("POST", "/api/v1/active-learning/items"): "engineer",  # and the platform's own account
    ("GET", "/api/v1/active-learning/candidates"): "viewer",
    ("GET", "/api/v1/active-learning/audit"): "viewer",
    ("POST", "/api/v1/active-learning/audit/draws"): "engineer",  # and the platform's own account
    ("POST", "/api/v1/datasets/import"): "engineer",
    ("GET", "/api/v1/datasets/imports/{import_id}"): "viewer",
    ("GET", "/api/v1/datasets"): "viewer",
    ("POST", "/api/v1/datasets"): "engineer",
    ("GET", "/api/v1/datasets/{dataset_id}"): "viewer",
    ("POST", "/api/v1/datasets/{dataset_id}/trained"): "engineer",
    ("GET", "/api/v1/datasets/{dataset_id}/export"): "engineer",
    ("GET", "/api/v1/models"): "viewer",
    ("GET", "/api/v1/models/compare"): "viewer",
    ("POST", "/api/v1/models/{version_id}/promote"): "engineer",
    ("GET", "/api/v1/models/{version_id}/gate"): "viewer",
    ("GET", "/api/v1/models/{version_id}/gate/pictures/{number}"): "viewer",
    ("POST", "/api/v1/models/{version_id}/deploy"): "engineer",
    ("POST", "/api/v1/models/{version_id}/rollback"): "engineer",
    ("GET", "/api/v1/opcua/status"): "viewer",
    ("PUT", "/api/v1/opcua/heartbeat"): _THE_PLATFORM,
    ("GET", "/api/v1/opcua/snapshot"): _THE_PLATFORM,
    ("GET", "/api/v1/opcua/results"): "viewer",
    ("GET", "/api/v1/openvino/status"): "viewer",
    ("POST", "/api/v1/openvino/load"): "engineer",
    ("POST", "/api/v1/openvino/benchmark"): "engineer",
    ("GET", "/api/v1/export/csv"): "viewer",
    ("GET", "/api/v1/export/report"): "viewer",
    ("GET", "/api/v1/export/report/{inspection_id}"): "viewer",
    ("GET", "/api/v1/statistics"): "viewer",
    ("GET", "/api/v1/statistics/parts"): "viewer",
    ("GET", "/api/v1/statistics/shift"): "viewer",
    ("GET", "/api/v1/trends"): "viewer",
    ("POST", "/api/v1/query"): "viewer",
    ("GET", "/api/v1/storage/usage"): "viewer",
    ("POST", "/api/v1/storage/cleanup"): "engineer",
    ("POST", "/api/v1/storage/retention/passes"): "admin",  # and the platform's own account
    ("POST", "/api/v1/storage/retention/passes/{pass_id}/chunks"): "admin",  # and the platform's own account
    ("GET", "/api/v1/users"): "admin",
    ("POST", "/api/v1/users"): "admin",
    ("PUT", "/api/v1/users/me"): "viewer",
    ("PUT", "/api/v1/users/me/password"): "viewer",
    ("PUT", "/api/v1/users/{user_id}"): "admin",
    ("DELETE", "/api/v1/users/{user_id}"): "admin",
    ("GET", "/api/v1/api-keys"): "admin",
    ("POST", "/api/v1/api-keys"): "admin",
    ("DELETE", "/api/v1/api-keys/{key_id}"): "admin",
    ("GET", "/api/v1/audit"): "admin",
    ("GET", "/api/v1/audit/verify"): "admin",
    ("GET", "/api/v1/events"): "viewer",
    ("GET", "/metrics"): _EVERYBODY,  # from this machine, see tests/serving/test_metrics.py
}


def _routes(app: FastAPI) -> set[tuple[str, str]]:
    paths = app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_route_is_in_the_table_when_listed(app: FastAPI) -> None:
    documented = {key for key in _routes(app) if not key[1].startswith("/static/images/")}
    assert documented == set(_LOWEST_ROLE)


def test_higher_roles_reach_what_lower_ones_do_when_compared() -> None:
    for have, role in enumerate(ROLES):
        principal = Principal("id", role, frozenset({role}), "session")
        for need, needed in enumerate(ROLES):
            assert principal.reaches(needed) == (have >= need)
    assert not Principal("id", "x", frozenset({"made-up"}), "session").reaches("viewer")
    assert not Principal("id", "x", frozenset(), "session").reaches("viewer")
