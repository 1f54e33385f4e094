"""A good call of each line of the reference that needs neither Prefect nor MLflow."""

import shutil
from collections.abc import Callable, Mapping
from typing import Final

import httpx

from tests.contracts.reference import V1
from tests.pictures import png_bytes, square_picture
from tests.serving.audit import acts
from tests.serving.audit.acts import Stage
from tests.serving.conftest import PASSWORD, bearer, log_in

Call = Callable[[Stage], httpx.Response]
_NEXT: Final = "another long password"
CALIBRATED: Final = "calibrated"


def inspect(stage: Stage) -> httpx.Response:
    """A part with a scratch, at a station that knows millimetres: only there an area in mm² is a number."""
    assert stage.client.put(f"{V1}/stations/{CALIBRATED}", json={"mm_per_px": 0.1}).status_code == 200
    files = {"file": ("part.png", png_bytes(square_picture("red")), "image/png")}
    return stage.client.post(f"{V1}/inspect", files=files, data={"station_id": CALIBRATED, "part_id": "4711"})


def log_in_again(stage: Stage) -> httpx.Response:
    """A session."""
    return stage.client.post(f"{V1}/auth/login", json={"username": "engineer", "password": PASSWORD})


def health(stage: Stage) -> httpx.Response:
    """How it is, asked without a token."""
    return httpx.get(stage.client.base_url.join(f"{V1}/health"), trust_env=False)


def refresh(stage: Stage) -> httpx.Response:
    """The next pair of tokens of a session."""
    return stage.client.post(f"{V1}/auth/refresh", json={"refresh_token": log_in_again(stage).json()["refresh_token"]})


def load_encoder(stage: Stage) -> httpx.Response:
    """A network under the key of the reference, by an absolute path as there."""
    assert acts.load_network(stage).status_code == 200
    path = stage.models_dir / "resnet18_image_encoder.onnx"
    shutil.copy(stage.models_dir / "relu.onnx", path)
    return stage.client.post(
        f"{V1}/openvino/load", json={"model_key": "encoder", "model_path": str(path), "device": "CPU"}
    )


def benchmark(stage: Stage) -> httpx.Response:
    """A comparison of both runtimes."""
    assert load_encoder(stage).status_code == 200
    return stage.client.post(f"{V1}/openvino/benchmark", json={"model_key": "encoder", "iterations": 50})


def annotate(stage: Stage) -> httpx.Response:
    """A label for a picture of the queue, as the reference sends it."""
    annotation = {"class_name": "scratch", "bbox": [10, 20, 60, 60]}
    body = {"annotations": [annotation], "reviewed_by": "operator1"}
    return stage.client.post(f"{V1}/active-learning/annotate/{queued(stage)}", json=body)


def queued(stage: Stage) -> str:
    """The id of a picture that nobody has looked at."""
    picture = square_picture("pale_red", at_xy=(2 + len(_SEEN), 24))  # the same picture is queued once
    _SEEN.append(1)
    assert stage.client.post(f"{V1}/inspect", files={"file": ("x", png_bytes(picture))}).status_code == 200
    return str(stage.client.get(f"{V1}/active-learning/queue").json()["items"][0]["id"])


_SEEN: Final[list[int]] = []


def of_new_user(stage: Stage, send: Callable[[Stage, str, httpx.Client], httpx.Response]) -> httpx.Response:
    """What `send` gets for a user that is made for it and deleted afterwards: stage, the user's id, their client."""
    body = {"username": "jo", "password": PASSWORD, "must_change_password": False}
    made = stage.client.post(f"{V1}/users", json=body)
    assert made.status_code == 201, made.text
    user = made.json()["id"]
    headers = bearer(log_in(stage.client, "jo"))
    try:
        with httpx.Client(base_url=stage.client.base_url, headers=headers, timeout=30.0, trust_env=False) as own:
            return send(stage, user, own)
    finally:
        stage.client.delete(f"{V1}/users/{user}")


def make_user(stage: Stage) -> httpx.Response:
    """A user, gone again by the time the answer is looked at."""
    answer = acts.make_user(stage)
    stage.client.delete(f"{V1}/users/{answer.json()['id']}")
    return answer


CALLS: Final[Mapping[tuple[str, str], Call]] = {
    ("POST", f"{V1}/auth/login"): log_in_again,
    ("POST", f"{V1}/auth/refresh"): refresh,
    ("POST", f"{V1}/auth/logout"): lambda s: of_new_user(s, lambda _s, _id, own: own.post(f"{V1}/auth/logout")),
    ("GET", f"{V1}/auth/me"): lambda s: s.client.get(f"{V1}/auth/me"),
    ("POST", f"{V1}/inspect"): inspect,
    ("POST", f"{V1}/inspect/camera"): lambda s: s.client.post(
        f"{V1}/inspect/camera", params={"station_id": "line-1", "part_id": "4711"}
    ),
    ("GET", f"{V1}/inspect/{{inspection_id}}"): lambda s: s.client.get(f"{V1}/inspect/{inspect(s).json()['id']}"),
    ("GET", f"{V1}/inspections"): lambda s: (
        inspect(s),
        s.client.get(f"{V1}/inspections", params={"station_id": CALIBRATED}),
    )[1],
    ("DELETE", f"{V1}/inspect/{{inspection_id}}"): lambda s: s.client.delete(f"{V1}/inspect/{inspect(s).json()['id']}"),
    ("GET", f"{V1}/statistics"): lambda s: (inspect(s), s.client.get(f"{V1}/statistics"))[1],
    ("GET", f"{V1}/trends"): lambda s: s.client.get(f"{V1}/trends", params={"hours": 3, "interval": "hour"}),
    ("GET", f"{V1}/export/csv"): lambda s: s.client.get(f"{V1}/export/csv"),
    ("GET", f"{V1}/batch/jobs"): lambda s: (acts.make_job(s), s.client.get(f"{V1}/batch/jobs"))[1],
    ("POST", f"{V1}/batch/jobs"): acts.make_job,
    ("POST", f"{V1}/batch/jobs/{{job_id}}/cancel"): lambda s: s.client.post(f"{V1}/batch/jobs/{s.job()}/cancel"),
    ("GET", f"{V1}/batch/jobs/{{job_id}}"): lambda s: s.client.get(f"{V1}/batch/jobs/{s.job()}"),
    ("GET", f"{V1}/active-learning/stats"): lambda s: s.client.get(f"{V1}/active-learning/stats"),
    ("GET", f"{V1}/active-learning/queue"): lambda s: (
        queued(s),
        s.client.get(f"{V1}/active-learning/queue", params={"limit": 1}),
    )[1],
    ("POST", f"{V1}/active-learning/annotate/{{item_id}}"): annotate,
    ("GET", f"{V1}/models"): lambda s: s.client.get(f"{V1}/models"),
    ("GET", f"{V1}/alerts"): lambda s: (s.alert(), s.client.get(f"{V1}/alerts"))[1],
    ("POST", f"{V1}/alerts/{{alert_id}}/acknowledge"): lambda s: s.client.post(f"{V1}/alerts/{s.alert()}/acknowledge"),
    ("GET", f"{V1}/health"): health,
    ("GET", f"{V1}/opcua/status"): lambda s: s.client.get(f"{V1}/opcua/status"),
    ("GET", f"{V1}/config"): lambda s: s.client.get(f"{V1}/config"),
    ("POST", f"{V1}/config"): lambda s: s.client.post(f"{V1}/config", json={"takt_s": 2}),
    ("GET", f"{V1}/storage/usage"): lambda s: s.client.get(f"{V1}/storage/usage"),
    ("GET", "/metrics"): lambda s: s.client.get("/metrics"),
    ("GET", f"{V1}/openvino/status"): lambda s: s.client.get(f"{V1}/openvino/status"),
    ("POST", f"{V1}/openvino/load"): load_encoder,
    ("POST", f"{V1}/openvino/benchmark"): benchmark,
    ("GET", f"{V1}/users"): lambda s: s.client.get(f"{V1}/users"),
    ("POST", f"{V1}/users"): make_user,
    ("PUT", f"{V1}/users/{{user_id}}"): lambda s: of_new_user(
        s, lambda stage, user, _own: stage.client.put(f"{V1}/users/{user}", json={"roles": ["operator"]})
    ),
    ("DELETE", f"{V1}/users/{{user_id}}"): lambda s: of_new_user(
        s, lambda stage, user, _own: stage.client.delete(f"{V1}/users/{user}")
    ),
    ("PUT", f"{V1}/users/me"): lambda s: of_new_user(
        s, lambda _stage, _user, own: own.put(f"{V1}/users/me", json={"email": "jo@plant.example"})
    ),
    ("PUT", f"{V1}/users/me/password"): lambda s: of_new_user(
        s,
        lambda _stage, _user, own: own.put(
            f"{V1}/users/me/password", json={"old_password": PASSWORD, "new_password": _NEXT}
        ),
    ),
}
