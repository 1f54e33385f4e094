"""One successful call of each route that changes something; the walk over all routes looks for its entry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import httpx
import onnx
from onnx import TensorProto, helper

from serving.alerts.service import raise_alert
from serving.database import Database
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import PASSWORD, bearer, log_in
from tests.serving.datasets.archives import coco_files, import_zip, zip_of

V1: Final = "/api/v1"


@dataclass
class Stage:
    """A running platform and its administrator.

    Attributes:
        client: Sends the administrator's token.
        database: Beside the API.
        models_dir: Where networks may be loaded from.
    """

    client: httpx.Client
    database: Database
    models_dir: Path

    def inspected(self) -> str:
        """The id of a new inspection."""
        files = {"file": ("x", png_bytes(square_picture("pale_red")))}
        return str(self.client.post(f"{V1}/inspect", files=files).json()["id"])

    def queued(self) -> str:
        """The id of a picture in the review queue."""
        self.inspected()
        return str(self.client.get(f"{V1}/active-learning/queue").json()["items"][0]["id"])

    def held(self) -> str:
        """The id of an inspection that is on hold."""
        inspection_id = self.inspected()
        assert self.client.put(f"{V1}/inspect/{inspection_id}/hold", json={"reason": "x"}).status_code == 200
        return inspection_id

    @cached_property
    def dataset(self) -> str:
        """The id of a data set."""
        return str(import_zip(self.client, zip_of(coco_files()))["dataset_id"])

    def user(self) -> str:
        """The id of a new user."""
        return str(make_user(self).json()["id"])

    def key(self) -> str:
        """The id of a new API key."""
        return str(make_key(self).json()["id"])

    def alert(self) -> str:
        """The id of a new alert."""
        raised = self.database.write(lambda session: raise_alert(session, "info", "t", "m", "k"))
        return raised.result(timeout=20)

    def job(self) -> str:
        """The id of a batch job that waits."""
        return str(make_job(self).json()["id"])

    def retention_pass(self) -> httpx.Response:
        """The answer to the beginning of a pass."""
        return self.client.post(f"{V1}/storage/retention/passes", json={})

    def other(self) -> httpx.Client:
        """A client of another user, whose session may end."""
        headers = bearer(log_in(self.client, "viewer"))
        return httpx.Client(base_url=self.client.base_url, headers=headers, timeout=20.0, trust_env=False)


def make_user(stage: Stage) -> httpx.Response:
    return stage.client.post(f"{V1}/users", json={"username": "jo", "password": "another long password"})


def make_key(stage: Stage) -> httpx.Response:
    return stage.client.post(f"{V1}/api-keys", json={"name": "line 3"})


def make_job(stage: Stage) -> httpx.Response:
    inbox = stage.models_dir.parent / "inbox"
    inbox.mkdir(exist_ok=True)
    return stage.client.post(f"{V1}/batch/jobs", json={"name": "n", "input_dir": str(inbox)})


def load_network(stage: Stage) -> httpx.Response:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [out])
    stage.models_dir.mkdir(exist_ok=True)
    path = stage.models_dir / "relu.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return stage.client.post(f"{V1}/openvino/load", json={"model_key": "relu", "model_path": str(path)})


def change_password(stage: Stage) -> httpx.Response:
    with stage.other() as client:
        body = {"old_password": PASSWORD, "new_password": "another long password"}
        return client.put(f"{V1}/users/me/password", json=body)


def log_out(stage: Stage) -> httpx.Response:
    with stage.other() as client:
        return client.post(f"{V1}/auth/logout")


def freeze(stage: Stage) -> httpx.Response:
    assert stage.dataset
    return stage.client.post(f"{V1}/datasets", json={"name": "frozen"})


def send_archive(stage: Stage) -> httpx.Response:
    return stage.client.post(f"{V1}/datasets/import", files={"file": ("a.zip", zip_of(coco_files()))})


def draw(stage: Stage) -> httpx.Response:
    files = {"file": ("x", png_bytes(square_picture(None)))}
    assert stage.client.post(f"{V1}/inspect", files=files).json()["decision"] == "pass"
    body = {"since": "2020-01-01T00:00:00Z", "share": 1.0}
    return stage.client.post(f"{V1}/active-learning/audit/draws", json=body)


def queue_inspection(stage: Stage) -> httpx.Response:
    item = {"inspection_id": stage.inspected(), "reasons": [{"strategy": "diversity", "score": 0.5}]}
    return stage.client.post(f"{V1}/active-learning/items", json={"items": [item]})


def _put(stage: Stage, path: str, body: Mapping[str, Any]) -> httpx.Response:
    return stage.client.put(f"{V1}{path}", json=body)


def _post(stage: Stage, path: str, body: Mapping[str, Any]) -> httpx.Response:
    return stage.client.post(f"{V1}{path}", json=body)


def _delete(stage: Stage, path: str) -> httpx.Response:
    return stage.client.delete(f"{V1}{path}")


# (method, route): (the call, the action that the audit log must name)
def revert_config(stage: Stage) -> httpx.Response:
    """A way back from a change."""
    assert stage.client.post(f"{V1}/config", json={"takt_s": 3}).status_code == 200
    return _post(stage, "/config/revert/0", {})


ACTS: Final[Mapping[tuple[str, str], tuple[Callable[[Stage], httpx.Response], str]]] = {
    ("POST", f"{V1}/auth/login"): (
        lambda s: s.client.post(f"{V1}/auth/login", json={"username": "viewer", "password": PASSWORD}),
        "auth.logged_in",
    ),
    ("POST", f"{V1}/auth/logout"): (log_out, "auth.logged_out"),
    ("DELETE", f"{V1}/inspect/{{inspection_id}}"): (
        lambda s: _delete(s, f"/inspect/{s.inspected()}"),
        "inspection.deleted",
    ),
    ("PUT", f"{V1}/inspect/{{inspection_id}}/hold"): (
        lambda s: _put(s, f"/inspect/{s.inspected()}/hold", {"reason": "complaint"}),
        "inspection.held",
    ),
    ("DELETE", f"{V1}/inspect/{{inspection_id}}/hold"): (
        lambda s: _delete(s, f"/inspect/{s.held()}/hold"),
        "inspection.released",
    ),
    ("PUT", f"{V1}/stations/{{station_id}}"): (lambda s: _put(s, "/stations/s", {"name": "S"}), "station.configured"),
    ("POST", f"{V1}/alerts/{{alert_id}}/acknowledge"): (
        lambda s: _post(s, f"/alerts/{s.alert()}/acknowledge", {}),
        "alert.acknowledged",
    ),
    ("POST", f"{V1}/config"): (lambda s: _post(s, "/config", {"takt_s": 2}), "config.changed"),
    ("POST", f"{V1}/config/revert/{{revision}}"): (revert_config, "config.reverted"),
    ("POST", f"{V1}/batch/jobs"): (make_job, "batch.created"),
    ("POST", f"{V1}/batch/jobs/{{job_id}}/cancel"): (
        lambda s: _post(s, f"/batch/jobs/{s.job()}/cancel", {}),
        "batch.cancelled",
    ),
    ("POST", f"{V1}/active-learning/annotate/{{item_id}}"): (
        lambda s: _post(s, f"/active-learning/annotate/{s.queued()}", {"annotations": []}),
        "review.annotated",
    ),
    ("POST", f"{V1}/active-learning/skip/{{item_id}}"): (
        lambda s: _post(s, f"/active-learning/skip/{s.queued()}", {}),
        "review.skipped",
    ),
    ("POST", f"{V1}/active-learning/items"): (queue_inspection, "review.queued"),
    ("POST", f"{V1}/active-learning/audit/draws"): (draw, "audit_sample.drawn"),
    ("POST", f"{V1}/datasets/import"): (send_archive, "dataset.import_started"),
    ("POST", f"{V1}/datasets"): (freeze, "dataset.frozen"),
    ("POST", f"{V1}/datasets/{{dataset_id}}/trained"): (
        lambda s: _post(s, f"/datasets/{s.dataset}/trained", {"model_version": "3"}),
        "dataset.trained",
    ),
    ("GET", f"{V1}/datasets/{{dataset_id}}/export"): (
        lambda s: s.client.get(f"{V1}/datasets/{s.dataset}/export"),
        "dataset.exported",
    ),
    ("POST", f"{V1}/openvino/load"): (load_network, "openvino.loaded"),
    ("POST", f"{V1}/storage/retention/passes"): (Stage.retention_pass, "retention.begun"),
    ("POST", f"{V1}/users"): (make_user, "user.created"),
    ("PUT", f"{V1}/users/me"): (lambda s: _put(s, "/users/me", {"email": "a@plant.example"}), "user.updated"),
    ("PUT", f"{V1}/users/me/password"): (change_password, "user.password_changed"),
    ("PUT", f"{V1}/users/{{user_id}}"): (
        lambda s: _put(s, f"/users/{s.user()}", {"roles": ["engineer"]}),
        "user.updated",
    ),
    ("DELETE", f"{V1}/users/{{user_id}}"): (lambda s: _delete(s, f"/users/{s.user()}"), "user.deleted"),
    ("POST", f"{V1}/api-keys"): (make_key, "api_key.created"),
    ("DELETE", f"{V1}/api-keys/{{key_id}}"): (lambda s: _delete(s, f"/api-keys/{s.key()}"), "api_key.revoked"),
}

# What an engineer or administrator may call without an entry that is looked for here, and why.
EXCEPTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("POST", f"{V1}/alerts/test-delivery"): "needs a target: tests/serving/delivery/test_endpoints.py",
    ("POST", f"{V1}/openvino/benchmark"): "changes nothing: it times a network",
    ("POST", f"{V1}/stations/{{station_id}}/calibrate"): "changes nothing: it measures a picture and answers a scale",
    ("POST", f"{V1}/storage/retention/passes/{{pass_id}}/chunks"): "a pass is told of at its beginning and its end",
    ("POST", f"{V1}/storage/cleanup"): "needs Prefect: tests/serving/training/test_audit.py",
    ("POST", f"{V1}/training/start"): "needs Prefect: tests/serving/training/test_audit.py",
    ("POST", f"{V1}/training/stop"): "needs Prefect: tests/serving/training/test_audit.py",
    ("POST", f"{V1}/models/{{version_id}}/promote"): "needs Prefect: tests/serving/model_versions/test_gate.py",
    ("POST", f"{V1}/models/{{version_id}}/deploy"): "needs MLflow: tests/serving/model_versions/test_deploy.py",
    ("POST", f"{V1}/models/{{version_id}}/rollback"): "needs MLflow: tests/serving/model_versions/test_deploy.py",
}
