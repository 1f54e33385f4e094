"""Fine-tuning on real servers: a candidate with its lineage, and a stop that ends everything within seconds."""

import json
import time
from pathlib import Path

import httpx
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from mlflow import MlflowClient

from flows.tasks.coco import read_coco
from flows.tasks.lock_file import locked
from flows.tasks.simulated_dataset import write_simulated_dataset
from models.bundle import load_bundle
from models.simulation import SimulatedLine
from registry.publish import publish_bundle
from registry.rest import MlflowRest
from registry.version import CANDIDATE, DEPLOYED, MODEL_NAME
from tests.flows.in_flow import run_in_flow
from tests.prefect_platform import PrefectPlatform
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.training]
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
STARTER = Path(__file__).resolve().parents[2] / "models" / "starter"
SMALL = {"recipe": "starter", "input_px": 64, "batch_size": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO folder of 24 labelled parts."""
    folder = tmp_path_factory.mktemp("coco")
    write_simulated_dataset(folder, line=SimulatedLine(12, 0.6), count=24)
    return folder


@pytest.fixture
def base_version(platform: PrefectPlatform) -> str:
    """The starter, registered and deployed."""
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    run_id = client.create_run("0").info.run_id
    version = publish_bundle(client, load_bundle(STARTER), run_id=run_id, tags={}).version
    with MlflowRest(platform.mlflow_url) as rest:
        rest.set_alias(MODEL_NAME, DEPLOYED, version)
    return version


def test_candidate_with_lineage_and_metrics_follows_when_run(
    platform: PrefectPlatform, base_version: str, folder: Path
) -> None:
    run_id = platform.run("fine-tune", dataset=str(folder), epochs=2, model_name="v1.1-test", dataset_id="d1", **SMALL)
    wait_until(lambda: platform.state_of(run_id)[0] in ENDED, "the run ends", deadline_s=600.0)  # minutes on two cores
    kind, message = platform.state_of(run_id)
    assert kind == "COMPLETED", message
    # There is no API here: that is said, and the version is there all the same.
    assert "the pictures are not marked as trained" in message
    assert "benchmark" not in message
    with MlflowRest(platform.mlflow_url) as rest:
        version = rest.version_of_alias(MODEL_NAME, CANDIDATE)
        assert rest.version_of_alias(MODEL_NAME, DEPLOYED).version == base_version
    tags = version.tags
    assert tags["ussop.base_version"] == base_version
    assert tags["ussop.bundle_version"] == "v1.1-test"
    assert float(tags["ussop.metric.escape_rate"]) >= 0.0
    assert float(tags["ussop.metric.escape_parts_to_prove"]) > 100.0  # a handful of test parts proves nothing
    assert 0.0 <= float(tags["ussop.metric.part_auroc"]) <= 1.0
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    run = client.get_run(str(version.run_id))
    assert run.info.status == "FINISHED"
    assert run.data.params["epochs"] == "2"
    assert run.data.params["allowed_escape"] == "0.02"
    assert [m.step for m in client.get_metric_history(run.info.run_id, "metrics/mAP50_B_")] == [1, 2]
    assert run.data.tags["ussop.flow_run_id"] == run_id
    assert run.inputs is not None
    assert tags["ussop.dataset_digest"].startswith(run.inputs.dataset_inputs[0].dataset.digest)
    assert {a.path for a in client.list_artifacts(run.info.run_id)} >= {
        "checkpoint",
        "onnx",
        "errors",
        "benchmark.json",
    }
    assert run.data.metrics["benchmark.onnxruntime.f32.p95_ms"] > 0.0
    assert run.data.metrics["parity.torch.score_gap"] < 2e-3
    assert float(tags["ussop.latency_ms.openvino.f32"]) > 0.0
    children = httpx.post(
        f"{platform.api}/flow_runs/filter",
        json={"flow_runs": {"parent_flow_run_id": {"any_": [run_id]}}},
        trust_env=False,
    ).json()
    assert [c["state_type"] for c in children] == ["COMPLETED"] * 3
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    artifacts = httpx.post(f"{platform.api}/artifacts/filter", json=wanted, trust_env=False).json()
    assert {a["type"]: a["data"] for a in artifacts}["progress"] == 100.0
    shown = {a["key"]: a["data"] for a in artifacts}
    assert "## Thresholds" in shown["fine-tune"]
    assert "## Errors" in shown["fine-tune"]
    chart = httpx.get(shown["errors-charts"].replace("localhost", "127.0.0.1"), trust_env=False)
    assert chart.content.startswith(b"\x89PNG")
    assert len(read_coco(Path(tags["ussop.test_set"])).pictures) >= 4  # what the gate takes


def test_run_ends_within_seconds_and_says_killed_when_cancelled(
    platform: PrefectPlatform, base_version: str, folder: Path
) -> None:
    run_id = platform.run("fine-tune", dataset=str(folder), epochs=5000, model_name="v-stopped", **SMALL)
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)

    def training() -> str | None:
        experiment = client.get_experiment_by_name(MODEL_NAME)
        runs = client.search_runs([experiment.experiment_id], "attributes.run_name = 'v-stopped'") if experiment else []
        return str(runs[0].info.run_id) if runs and runs[0].data.metrics else None

    mlflow_run = wait_until(training, "the first epoch is logged")
    began_s = time.monotonic()
    cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    httpx.post(f"{platform.api}/flow_runs/{run_id}/set_state", json=cancelling, trust_env=False).raise_for_status()
    assert platform.wait_for(run_id, *ENDED)[0] == "CANCELLED"
    assert time.monotonic() - began_s < 20.0
    assert client.get_run(mlflow_run).info.status == "KILLED"
    assert not (platform.folder / "training" / "work").exists()


def test_run_fails_with_the_reason_when_there_are_too_few_pictures(
    platform: PrefectPlatform, base_version: str, tmp_path: Path
) -> None:
    write_simulated_dataset(tmp_path, line=SimulatedLine(13, 1.0), count=2)
    run_id = platform.run("fine-tune", dataset=str(tmp_path), epochs=1, **SMALL)
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "FAILED"
    assert "too few" in message


def test_second_training_is_refused_when_one_runs_on_this_machine(
    platform: PrefectPlatform, base_version: str, folder: Path
) -> None:
    with locked(platform.folder / "training" / "training.lock"):
        run_id = platform.run("fine-tune", dataset=str(folder), epochs=1, **SMALL)
        kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "FAILED"
    assert "another training runs" in message


def test_failed_benchmark_is_said_and_costs_nothing_else(platform: PrefectPlatform) -> None:
    output = run_in_flow(platform, "from flows.fine_tune import _benchmark", "_benchmark('999')")
    (said,) = json.loads(output)
    assert said.startswith("the benchmark failed: ")
    assert "UnknownVersionError" in said
