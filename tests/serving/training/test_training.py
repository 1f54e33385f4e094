"""Training by REST: started once and on enough pictures, watched, stopped; Prefect is real, its flow is played."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("prefect", reason="needs the train extra")

from serving.app import create_app
from serving.settings import Settings
from tests.contracts.reference import as_documented
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.datasets.archives import import_zip, zip_of
from tests.serving.server import serve
from tests.serving.training.conftest import PrefectServer

pytestmark = [pytest.mark.slow, pytest.mark.training]
API = "/api/v1/training"


@pytest.fixture
def engineer(settings: Settings, prefect: PrefectServer) -> Iterator[httpx.Client]:
    """An engineer on an application that reads this Prefect server."""
    app = create_app(settings.model_copy(update={"prefect_port": prefect.port}))
    with serve(app) as url, httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "engineer")))
        yield client


def label(client: httpx.Client, defective: int, good: int) -> None:
    """Brings labelled pictures in."""
    total = defective + good
    document = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 96, "height": 64} for n in range(total)],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [n, 24, 16, 16], "segmentation": [], "iscrowd": 0}
            for n in range(defective)
        ],
        "categories": [{"id": 1, "name": "scratch"}],
    }
    pictures = {
        f"images/{n}.png": png_bytes(square_picture("red", shape_hw=(64, 96), at_xy=(n, 24 if n < defective else 40)))
        for n in range(total)
    }
    done = import_zip(client, zip_of({"annotations.json": json.dumps(document), **pictures}))
    assert done["counts"]["added"] == total


def test_training_runs_on_all_labelled_pictures_when_started(engineer: httpx.Client, prefect: PrefectServer) -> None:
    assert engineer.get(f"{API}/status").json()["state"] in {"idle", "cancelled"}
    label(engineer, defective=15, good=8)
    wanted = {"epochs": 10, "batch_size": 4, "learning_rate": 0.002, "model_name": "v1.1-scratch"}
    wanted["recipe"] = "surface"
    answer = engineer.post(f"{API}/start", json=wanted)
    assert answer.status_code == 202, answer.text
    job = as_documented(answer)
    assert (job["state"], job["model_name"], job["epochs"]) == ("queued", "v1.1-scratch", 10)
    run = httpx.get(f"{prefect.api}/flow_runs/{job['job_id']}", trust_env=False).json()
    assert {k: run["parameters"][k] for k in wanted} == wanted
    folder = Path(run["parameters"]["dataset"])
    assert folder.name == job["dataset"]
    document = json.loads((folder / "annotations.json").read_text())
    assert (len(document["images"]), len(document["annotations"])) == (23, 15)
    assert len(list((folder / "images").iterdir())) == 23

    assert engineer.post(f"{API}/start", json=wanted).status_code == 409

    prefect.set_state(job["job_id"], "RUNNING")
    artifact = {"type": "progress", "key": "fine-tune-progress", "data": 40.0, "flow_run_id": job["job_id"]}
    prefect.send("/artifacts/", artifact)
    status = as_documented(engineer.get(f"{API}/status"))
    assert (status["state"], status["epoch"], status["progress"]) == ("running", 4, 40.0)
    assert status["eta_s"] >= 0.0
    assert status["links"]["prefect"].endswith(job["job_id"])

    assert as_documented(engineer.post(f"{API}/stop"))["state"]
    assert engineer.get(f"{API}/status").json()["state"] == "stopping"
    prefect.set_state(job["job_id"], "CANCELLED")
    assert engineer.get(f"{API}/status").json()["state"] == "cancelled"
    assert engineer.post(f"{API}/stop").status_code == 409

    again = engineer.post(f"{API}/start", json=wanted)
    assert again.status_code == 202
    assert again.json()["job_id"] != job["job_id"]
    assert again.json()["dataset"] == job["dataset"]
    prefect.set_state(again.json()["job_id"], "FAILED", "no memory left")
    status = engineer.get(f"{API}/status").json()
    assert (status["state"], status["message"]) == ("failed", "no memory left")


@pytest.mark.parametrize(("defective", "good"), [(3, 2), (22, 2)])
def test_refused_with_counts_when_too_little_is_labelled(engineer: httpx.Client, defective: int, good: int) -> None:
    label(engineer, defective, good)
    answer = engineer.post(f"{API}/start", json={})
    assert answer.status_code == 422
    assert f"{defective + good} pictures of 20, {good} good parts and {defective} defective" in answer.json()["detail"]
    assert f"{{'scratch': {defective}}}" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body", [{"epochs": 0}, {"batch_size": -1}, {"learning_rate": 5}, {"model_name": "../x"}, {"recipe": "magic"}]
)
def test_refused_when_an_option_makes_no_sense(engineer: httpx.Client, body: dict[str, object]) -> None:
    assert engineer.post(f"{API}/start", json=body).status_code == 422


def test_unavailable_when_prefect_is_away(settings: Settings) -> None:
    app = create_app(settings)
    with serve(app) as url, httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "engineer")))
        for method, path in (("POST", "start"), ("GET", "status"), ("POST", "stop")):
            assert client.request(method, f"{API}/{path}").status_code == 503
