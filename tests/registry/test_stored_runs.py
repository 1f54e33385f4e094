"""A run that has ended can still be read and added to; what it does not keep is said."""

import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from models.bundle import Bundle, load_bundle
from registry.errors import RegistryError, RegistryUnavailableError, UnknownVersionError
from registry.rest import MlflowRest
from registry.runs import tracked_run
from registry.stored_runs import stored_run
from tests.ports import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.training,
    pytest.mark.filterwarnings("ignore:.*select_dtypes"),  # how MLflow 3.17 writes a table with pandas 3
]
EXPERIMENT = "stored-runs"


@pytest.fixture
def run_id(mlflow_url: str, tiny_bundle: Bundle, tmp_path: Path) -> str:
    """A finished run that keeps a bundle."""
    shutil.copytree(tiny_bundle.root, tmp_path / "kept" / "onnx")
    with tracked_run(mlflow_url, name="a", params={}, tags={"ussop.base_version": "1"}, experiment=EXPERIMENT) as run:
        run.log_files(tmp_path / "kept")
        return run.run_id


def test_folder_comes_back_whole_when_fetched(
    mlflow_url: str, run_id: str, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    run = stored_run(mlflow_url, run_id)
    assert run.tags["ussop.base_version"] == "1"
    assert load_bundle(run.fetch("onnx", tmp_path)).digest == tiny_bundle.digest
    assert run.fetch("onnx/manifest.json", tmp_path).is_file()
    for absent in ("checkpoint", "onnx/other.onnx", "../onnx"):
        with pytest.raises(RegistryError):
            run.fetch(absent, tmp_path)


def test_rows_tags_and_versions_are_added_when_the_run_has_ended(
    mlflow_url: str, client: MlflowClient, run_id: str, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    run = stored_run(mlflow_url, run_id)
    run.set_tag("ussop.onnx_bundle_digest", "d")
    run.add_rows("benchmark", [{"backend": "a", "mean ms": 1.5}])
    run.add_rows("benchmark", [{"backend": "b", "mean ms": 2.5}])
    version = run.publish(tiny_bundle, tags={}, name="of-stored-runs")
    with MlflowRest(mlflow_url) as rest:
        assert rest.version("of-stored-runs", version).run_id == run_id
    again = stored_run(mlflow_url, run_id)
    assert again.tags["ussop.onnx_bundle_digest"] == run.tags["ussop.onnx_bundle_digest"] == "d"
    rows = json.loads(again.fetch("benchmark.json", tmp_path).read_text())
    assert rows == {"columns": ["backend", "mean ms"], "data": [["a", 1.5], ["b", 2.5]]}
    assert client.get_run(run_id).info.status == "FINISHED"


def test_refused_when_there_is_no_such_run_or_no_server(mlflow_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for unknown in ("0" * 32, "../x", ""):
        with pytest.raises(UnknownVersionError):
            stored_run(mlflow_url, unknown)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryUnavailableError):
        stored_run(f"http://127.0.0.1:{free_port()}", "0" * 32)
