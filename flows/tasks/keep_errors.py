"""The error analysis of a new version: kept in its run in MLflow, shown in Prefect."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prefect import get_run_logger, task
from prefect.artifacts import create_image_artifact
from prefect.cache_policies import NO_CACHE

from flows.settings import FlowSettings
from registry.local_store import LocalStore
from registry.rest import MlflowRest
from registry.sync import fetch_bundle
from registry.version import MODEL_NAME

_SHOWN: Final = {
    "charts.png": "scores, precision and recall, confusion, classes and sizes",
    "escapes.jpg": "defective parts that pass, the worst first; annotated white, proposed yellow",
    "overkills.jpg": "good parts that fail, the worst first",
}


@task(name="keep-errors", cache_policy=NO_CACHE)
def keep_errors(version: str, test_folder: str) -> list[str]:
    """The lines of a report on thresholds and errors of a version, whose run in MLflow keeps all of it afterwards.

    Args:
        version: Its number; it was made by a run.
        test_folder: COCO folder of the test parts of its data set.

    Raises:
        DatasetError: The folder is none.
        ModelError: The version does not run here, or a picture cannot be read.
        RegistryError: The registry does not answer.
    """
    # Here, not above: the host of the flows imports this file, and does without scipy, pycocotools and mlflow.
    from flows.tasks.coco import read_coco  # noqa: PLC0415
    from flows.tasks.error_report import error_markdown, error_metrics, write_errors  # noqa: PLC0415
    from flows.tasks.evaluate import inspect_pictures  # noqa: PLC0415
    from flows.tasks.threshold_report import threshold_markdown  # noqa: PLC0415
    from models.runtime import open_runtime  # noqa: PLC0415
    from registry.stored_runs import stored_run  # noqa: PLC0415

    settings = FlowSettings()
    with MlflowRest(settings.mlflow_url) as rest, tempfile.TemporaryDirectory(prefix="ussop-errors-") as scratch:
        found = rest.version(MODEL_NAME, version)
        bundle = fetch_bundle(rest, LocalStore(settings.bundles_dir), found)
        pictures = read_coco(Path(test_folder)).pictures
        inspected = inspect_pictures(open_runtime(bundle, backend="onnxruntime"), pictures)
        title = f"Version {version} on {len(pictures)} test parts"
        analysis = write_errors(inspected, bundle.manifest, Path(scratch), title)
        if found.run_id is not None:
            run = stored_run(settings.mlflow_url, found.run_id)
            run.log_files(Path(scratch))
            run.log_metrics(error_metrics(analysis), step=0)
            show_errors(Path(scratch), lambda path: address_of(rest, settings, str(found.run_id), path), title)
    get_run_logger().info("%s: %d escapes, %d overkills", title, len(analysis.escapes), len(analysis.overkills))
    return [*threshold_markdown(bundle.manifest.metrics), *error_markdown(analysis)]


def address_of(rest: MlflowRest, settings: FlowSettings, run_id: str, path: str) -> str:
    """The address of a run's artifact, as the browser beside Prefect's page reaches it."""
    return f"{settings.mlflow_url.replace('127.0.0.1', 'localhost')}{rest.run_file_path(run_id, path)}"


def show_errors(folder: Path, address: Callable[[str], str], title: str) -> None:
    """Puts the charts and the sheets of `folder/errors` on Prefect's page.

    Args:
        folder: Where `write_errors` left them.
        address: Of an artifact in MLflow, by its path there.
        title: What was measured.
    """
    for name, said in _SHOWN.items():
        if (folder / "errors" / name).is_file():
            key = f"errors-{name.partition('.')[0]}"
            create_image_artifact(address(f"errors/{name}"), key=key, description=f"{title}: {said}")
