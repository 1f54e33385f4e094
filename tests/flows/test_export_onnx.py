"""Export on real servers: a run's checkpoint becomes an ONNX bundle that agrees with torch, and then a version."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from mlflow import MlflowClient

from flows.tasks.checkpoints import CHECKPOINT_NAME, Checkpoint, write_checkpoint
from flows.tasks.convert_openvino import pictures_to_blobs
from flows.tasks.simulated_dataset import write_simulated_dataset
from flows.tasks.trainer import TrainedWeights
from flows.tasks.ultralytics_trainer import restore_checkpoint
from models.bundle import load_bundle
from models.simulation import DEFECT_CLASSES, SimulatedLine
from registry.publish import publish_bundle
from registry.rest import MlflowRest
from registry.version import MODEL_NAME
from tests.prefect_platform import PrefectPlatform

pytestmark = [
    pytest.mark.slow,
    pytest.mark.training,
    pytest.mark.filterwarnings("ignore"),  # torch and ultralytics warn of their own deprecations
]
ENDED = ("COMPLETED", "FAILED", "CRASHED")
STARTER = Path(__file__).resolve().parents[2] / "models" / "starter"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO folder of 24 labelled parts."""
    folder = tmp_path_factory.mktemp("coco")
    write_simulated_dataset(folder, line=SimulatedLine(12, 0.6), count=24)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter's weights as a training would leave them."""
    folder = tmp_path_factory.mktemp("checkpoint")
    starter = load_bundle(STARTER)
    shape_hw = starter.manifest.input.shape_hw
    pictures = write_simulated_dataset(folder / "seen", line=SimulatedLine(13, 0.6), count=8).pictures
    blobs = tuple(pictures_to_blobs(pictures, starter.manifest.input))
    restored = restore_checkpoint(starter.path_of(starter.manifest.onnx), DEFECT_CLASSES, blobs, folder / "restored.pt")
    weights = TrainedWeights(restored, DEFECT_CLASSES, shape_hw, 1, 1.0, ())
    about = Checkpoint("v-export", DEFECT_CLASSES, shape_hw, "one_to_one", {"git_commit": "c" * 40})
    return write_checkpoint(weights, about, folder / CHECKPOINT_NAME)


def _table(platform: PrefectPlatform, run_id: str) -> list[dict[str, Any]]:
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}, "type": {"any_": ["table"]}}}
    (found,) = httpx.post(f"{platform.api}/artifacts/filter", json=wanted, trust_env=False).json()
    rows: list[dict[str, Any]] = json.loads(found["data"])
    return rows


def test_onnx_agrees_with_torch_and_becomes_a_version_when_a_run_keeps_a_checkpoint(
    platform: PrefectPlatform, checkpoint: Path, folder: Path, tmp_path: Path
) -> None:
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    training = client.create_run("0", tags={"ussop.base_version": "41"}).info.run_id
    client.log_artifact(training, str(checkpoint), "checkpoint")
    run_id = platform.run("export-onnx", source=f"runs:/{training}", dataset=str(folder))
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "COMPLETED", message
    rows = _table(platform, run_id)
    assert rows
    assert all(row["torch_decision"] == row["onnx_decision"] for row in rows)
    logged = client.get_run(training).data
    assert 0.0 <= logged.metrics["parity.torch.score_gap"] < 2e-3
    assert len(logged.tags["ussop.dataset_digest"]) == 64
    bundle = load_bundle(Path(client.download_artifacts(training, "onnx", str(tmp_path))))
    assert bundle.manifest.openvino_fp16 is None
    assert bundle.manifest.metrics["test"]["box"]["ap50"] > 0.8
    assert {row["picture"] for row in rows} == {g.path.removeprefix("golden/") for g in bundle.manifest.golden}

    run_id = platform.run("convert-openvino", source=f"runs:/{training}", dataset=str(folder))
    kind, message = platform.wait_for(run_id, *ENDED)
    assert kind == "COMPLETED", message
    with MlflowRest(platform.mlflow_url) as rest:
        version = rest.versions(MODEL_NAME)[0]
    assert version.run_id == training
    assert (version.tags["ussop.bundle_version"], version.tags["ussop.base_version"]) == ("v-export", "41")
    assert version.tags["ussop.int8"]
    # The version leads back to its run, so it can be exported again.
    run_id = platform.run("export-onnx", source=version.version, dataset=str(folder))
    assert platform.wait_for(run_id, *ENDED)[0] == "COMPLETED"


def test_run_of_its_own_keeps_checkpoint_and_onnx_when_a_file_is_exported(
    platform: PrefectPlatform, checkpoint: Path, folder: Path
) -> None:
    run_id = platform.run("export-onnx", source=str(checkpoint), dataset=str(folder))
    assert platform.wait_for(run_id, *ENDED)[0] == "COMPLETED"
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    experiment = client.get_experiment_by_name(MODEL_NAME)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "attributes.run_name = 'v-export'")
    assert {a.path for a in client.list_artifacts(run.info.run_id)} == {"checkpoint", "onnx", "torch-parity.json"}


def test_run_fails_with_the_reason_when_there_is_nothing_to_export(
    platform: PrefectPlatform, folder: Path, tmp_path: Path
) -> None:
    client = MlflowClient(platform.mlflow_url, platform.mlflow_url)
    run = client.create_run("0").info.run_id
    version = publish_bundle(client, load_bundle(STARTER), run_id=run, tags={}).version
    (tmp_path / "foreign.pt").write_bytes(b"no checkpoint")
    reasons = {
        version: "no checkpoint to export",
        "runs:/none": "no run",
        "999": "UnknownVersionError",
        str(tmp_path / "foreign.pt"): "no checkpoint of ours",
    }
    for source, said in reasons.items():  # one after the other: the deployment runs one at a time
        kind, message = platform.wait_for(platform.run("export-onnx", source=source, dataset=str(folder)), *ENDED)
        assert kind == "FAILED"
        assert said in message
