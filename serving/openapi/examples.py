"""Examples of the main requests and answers, as a client sends and gets them. A test holds each to its schema."""

from typing import Any, Final

Route = tuple[str, str]
_V1: Final = "/api/v1"
_TOKEN: Final = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl"  # noqa: S105 - of nobody
_ID: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"
_AT: Final = "2026-01-15T09:32:00Z"

_INSPECTION: Final = {
    "id": _ID,
    "decision": "fail",
    "confidence": 0.94,
    "objects_found": 1,
    "total_time_ms": 63.1,
    "detections": [
        {
            "class_name": "scratch",
            "confidence": 0.94,
            "bbox": [120, 80, 240, 160],
            "area_mm2": 12.4,
            "area_px": 1240.0,
            "length_px": 118.0,
            "width_px": 12.5,
            "length_mm": 11.8,
            "width_mm": 1.25,
            "mask_polygon": [[[120.0, 80.0], [240.0, 150.0], [236.0, 160.0]]],
        }
    ],
    "image_url": f"/static/images/2026/01/15/{_ID}.jpg?exp=1768473120&sig=mR0",
    "station_id": "line-1",
    "part_id": "4711",
    "source": "upload",
    "created_at": _AT,
    "model_name": "inspector",
    "model_version": "7",
    "backend": "openvino CPU f32",
    "recipe": {"mm_per_px": 0.1, "thresholds": {}},
    "recipe_digest": "9f86d081884c7d65",
    "thresholds": {"scratch": {"accept_below": 0.3, "reject_above": 0.6}},
    "timings_ms": {"decode": 3.2, "inference": 48.0, "store": 6.1},
    "image_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "image_media_type": "image/jpeg",
    "image_bytes": 183402,
    "width_px": 1280,
    "height_px": 960,
}
_SESSION: Final = {
    "access_token": _TOKEN,
    "refresh_token": _TOKEN,
    "token_type": "bearer",
    "expires_in": 1800,
    "must_change_password": False,
    "user": {"id": _ID, "username": "admin", "roles": ["admin"]},
}
_JOB: Final = {"name": "Shift A", "input_dir": "/data/shift_a", "file_pattern": "*.jpg"}


def _named(**bodies: Any) -> dict[str, Any]:
    return {name.replace("_", " "): {"value": body} for name, body in bodies.items()}


REQUESTS: Final[dict[Route, dict[str, Any]]] = {
    ("POST", f"{_V1}/auth/login"): _named(login={"username": "admin", "password": "a long password"}),
    ("POST", f"{_V1}/auth/refresh"): _named(refresh={"refresh_token": _TOKEN}),
    ("POST", f"{_V1}/auth/logout"): _named(this_session={}, another_session={"refresh_token": _TOKEN}),
    ("PUT", f"{_V1}/stations/{{station_id}}"): _named(
        calibrated={"name": "Line 1", "mm_per_px": 0.1, "min_area_mm2": {"scratch": 0.5}},
        stricter={"thresholds": {"scratch": {"accept_below": 0.2, "reject_above": 0.5}}},
        defaults={},
    ),
    ("POST", f"{_V1}/batch/jobs"): _named(shift=_JOB, with_subfolders={**_JOB, "file_pattern": "**/*.jpg"}),
    ("POST", f"{_V1}/active-learning/annotate/{{item_id}}"): _named(
        a_scratch={
            "annotations": [{"class_name": "scratch", "bbox": [10, 20, 100, 80]}],
            "reviewed_by": "operator1",
        },
        a_good_part={"annotations": []},
    ),
    ("POST", f"{_V1}/active-learning/segment/{{item_id}}"): _named(
        a_box={"box": [10, 20, 100, 80]}, clicks={"points": [{"x": 40, "y": 50}, {"x": 90, "y": 20, "label": 0}]}
    ),
    ("POST", f"{_V1}/training/start"): _named(
        fine_tuning={"epochs": 20, "batch_size": 8, "learning_rate": 0.001, "model_name": "v1.1-scratch"}
    ),
    ("POST", f"{_V1}/models/{{version_id}}/deploy"): _named(
        usual={}, override={"override_reason": "The escape on part 17 is a known labelling error"}
    ),
    ("POST", f"{_V1}/storage/cleanup"): _named(usual={}, count_only={"dry_run": True}),
    ("POST", f"{_V1}/query"): _named(scratches={"question": "How many scratches were found at Station 3 this week?"}),
    ("POST", f"{_V1}/openvino/load"): _named(
        encoder={"model_key": "encoder", "model_path": "resnet18_image_encoder.onnx", "device": "CPU"}
    ),
    ("POST", f"{_V1}/openvino/benchmark"): _named(encoder={"model_key": "encoder", "iterations": 50}),
    ("POST", f"{_V1}/users"): _named(
        operator={"username": "jo", "password": "a long password", "roles": ["operator"], "email": "jo@plant.example"}
    ),
    ("PUT", f"{_V1}/users/{{user_id}}"): _named(another_role={"roles": ["engineer"]}, disabled={"is_active": False}),
    ("PUT", f"{_V1}/users/me"): _named(email={"email": "jo@plant.example"}),
    ("PUT", f"{_V1}/users/me/password"): _named(
        password={"old_password": "a long password", "new_password": "another long password"}
    ),
    ("POST", f"{_V1}/api-keys"): _named(
        a_plc={"name": "line 3 PLC", "role": "operator", "stations": ["line-3"], "rate_limit": "600/minute"}
    ),
}

ANSWERS: Final[dict[Route, Any]] = {
    ("POST", f"{_V1}/auth/login"): _SESSION,
    ("POST", f"{_V1}/auth/refresh"): _SESSION,
    ("POST", f"{_V1}/auth/logout"): {"status": "logged_out"},
    ("POST", f"{_V1}/inspect"): _INSPECTION,
    ("POST", f"{_V1}/inspect/camera"): {**_INSPECTION, "source": "camera"},
    ("GET", f"{_V1}/inspect/{{inspection_id}}"): _INSPECTION,
    ("GET", f"{_V1}/inspections"): {"inspections": [_INSPECTION], "total": 1420, "limit": 50, "offset": 0},
    ("GET", f"{_V1}/health"): {
        "status": "healthy",
        "version": "1.0.0",
        "model": {"name": "inspector", "version": "7", "backend": "openvino CPU f32"},
        "storage": {"available": True, "free_bytes": 512_000_000_000, "writes_waiting": 0},
        "uptime_s": 86400.5,
    },
    ("POST", f"{_V1}/openvino/load"): {"status": "loaded", "model_key": "encoder", "device": "CPU"},
    ("GET", f"{_V1}/openvino/status"): {
        "available": True,
        "enabled": True,
        "device": "AUTO",
        "loaded_models": ["detector"],
        "ort_fallback": False,
        "fallback_reason": None,
        "devices": ["CPU"],
    },
    ("GET", f"{_V1}/alerts"): {
        "alerts": [
            {
                "id": _ID,
                "severity": "warning",
                "title": "Pass rate below threshold",
                "message": "Pass rate 87% is below the 90% target",
                "code": "pass_rate_low",
                "params": {"percent": 87.0, "target_percent": 90.0, "parts": 200, "window_min": 60},
                "ended_code": None,
                "timestamp": _AT,
                "acknowledged": False,
                "station_id": "line-1",
                "occurrences": 3,
                "last_seen_at": _AT,
                "acknowledged_by": None,
                "acknowledged_at": None,
                "resolved_at": None,
            }
        ],
        "total": 1,
    },
    ("GET", f"{_V1}/active-learning/stats"): {
        "pending": 12,
        "labeled": 240,
        "trained": 180,
        "skipped": 3,
        "total": 435,
        "good_parts": 150,
        "per_class": {"scratch": 190, "dent": 80},
    },
}
