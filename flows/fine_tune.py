"""Flow: labelled pictures and the deployed version in, a new version with the alias `candidate` out."""

import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from pydantic import Field

from flows.benchmark import resolve
from flows.progress import Progress
from flows.settings import FlowSettings
from models.bundle import Bundle
from registry.local_store import LocalStore
from registry.rest import MlflowRest
from registry.sync import fetch_bundle
from registry.version import (
    CANDIDATE,
    MODEL_NAME,
    TAG_BASE_VERSION,
    TAG_DATASET_DIGEST,
    TAG_FLOW_RUN,
    TAG_GIT_COMMIT,
    TAG_METRIC_PREFIX,
    ModelVersion,
)

if TYPE_CHECKING:
    from flows.tasks.fine_tuning import FineTuning
    from flows.tasks.frozen_dataset import FrozenDataset
    from flows.tasks.trainer import EpochReport

TAG_TEST_SET = "ussop.test_set"
_NAME = r"^([A-Za-z0-9][A-Za-z0-9._+-]{0,63})?$"  # as a manifest takes it
_FIGURES = {
    "box_ap50": ("box", "ap50"),
    "mask_ap50": ("mask", "ap50"),
    "escape_rate": ("verdicts", "escape", "share"),
    "overkill_rate": ("verdicts", "overkill", "share"),
}


@flow(name="fine-tune", timeout_seconds=24 * 3600, retries=0, validate_parameters=True)
def fine_tune(
    dataset: str,
    epochs: Annotated[int, Field(ge=1)] = 20,
    batch_size: Annotated[int, Field(ge=1)] = 8,
    learning_rate: Annotated[float, Field(gt=0.0)] = 0.001,
    model_name: Annotated[str, Field(pattern=_NAME)] = "",
    start_from: str = "deployed",
    grouping: Literal["picture", "magnetic-tile"] = "picture",
    recipe: Literal["few-pictures", "starter"] = "few-pictures",
    input_px: Annotated[int, Field(ge=0, multiple_of=32)] = 0,
    device: str = "cpu",
) -> dict[str, Any]:
    """The new version, its figures and the folder of its test set, which `promote` takes.

    Args:
        dataset: COCO folder of labelled pictures, good parts included.
        epochs: Passes over the training pictures.
        batch_size: Pictures per step.
        learning_rate: The largest one.
        model_name: Version of the new bundle, `v1.1-scratch`; made up if empty.
        start_from: Number or alias of the version whose weights to start from; `scratch` for none.
        grouping: Which pictures show one part.
        recipe: The rest of the options: see flows/tasks/recipes.py.
        input_px: Longer side of the input, a multiple of 32; 0 keeps that of the version to start from.
        device: "cpu" or "cuda".

    Raises:
        ValueError: There are too few pictures.
        DatasetError: The folder is no COCO folder.
        RestoreError: The version to start from is of another architecture.
        RegistryError: No such version, or the registry does not answer.
    """
    # Here, not above: the host of the flows imports this file to list it, and does without torch and mlflow (500 MiB).
    from flows.tasks.fine_tuning import FineTuning  # noqa: PLC0415
    from flows.tasks.frozen_dataset import freeze_dataset  # noqa: PLC0415

    settings = FlowSettings()
    name = model_name or f"ft-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    how = FineTuning(name, epochs, batch_size, learning_rate, recipe, input_px, device)
    base_version, base = _starting_point(settings, start_from)
    known = base.manifest.classes if base else ()
    frozen = freeze_dataset(Path(dataset), _folder(settings) / "datasets", grouping=grouping, first_classes=known)
    get_run_logger().info("data set %s: %s", frozen.digest[:12], frozen.data.description)
    version, figures = _train_and_publish(settings, how, base, frozen, _lineage(frozen, base_version))
    with MlflowRest(settings.mlflow_url) as rest:
        rest.set_alias(MODEL_NAME, CANDIDATE, version)
    create_markdown_artifact(_report(name, version, frozen.digest, figures), key="fine-tune", description=name)
    return {"version": version, "dataset": frozen.digest, "test_set": str(frozen.test_folder), "metrics": figures}


def _train_and_publish(
    settings: FlowSettings, how: "FineTuning", base: Bundle | None, frozen: "FrozenDataset", lineage: dict[str, str]
) -> tuple[str, dict[str, float]]:
    """The number of the new version and what it reaches on the test parts."""
    from flows.tasks.fine_tuning import fine_tune_bundle  # noqa: PLC0415
    from registry.runs import tracked_run  # noqa: PLC0415

    say = get_run_logger().info
    # One run at a time, so that what an earlier one left when it was killed may go.
    work = _folder(settings) / "work"
    shutil.rmtree(work, ignore_errors=True)
    try:
        with (
            tracked_run(settings.mlflow_url, name=how.version, params=asdict(how), tags=lineage) as run,
            Progress("fine-tune-progress", f"epochs of {how.version}", how.epochs) as progress,
        ):
            run.log_dataset(frozen.data.description["kind"], frozen.digest, source=str(frozen.folder))

            def on_epoch(report: "EpochReport") -> None:
                figures = {**report.losses, **report.metrics}
                progress.reached(report.epoch)
                run.log_metrics(figures, step=report.epoch)
                say("epoch %d of %d: %s", report.epoch, how.epochs, {k: round(v, 4) for k, v in figures.items()})

            bundle = fine_tune_bundle(how, base, frozen.data, work, on_epoch, say)
            figures = _figures(bundle)
            run.log_metrics({f"test.{key}": value for key, value in figures.items()}, step=how.epochs)
            return run.publish(bundle, tags={**lineage, **_tags_of(bundle, figures)}), figures
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _folder(settings: FlowSettings) -> Path:
    return settings.data_dir.absolute() / "training"


def _lineage(frozen: "FrozenDataset", base: ModelVersion | None) -> dict[str, str]:
    tags = {TAG_DATASET_DIGEST: frozen.digest, TAG_TEST_SET: str(frozen.test_folder)}
    if base is not None:
        tags[TAG_BASE_VERSION] = base.version
    if run_id := flow_run.get_id():
        tags[TAG_FLOW_RUN] = run_id
    return tags


def _starting_point(settings: FlowSettings, start_from: str) -> tuple[ModelVersion | None, Bundle | None]:
    if start_from == "scratch":
        return None, None
    with MlflowRest(settings.mlflow_url) as rest:
        found = resolve(rest, start_from)
        return found, fetch_bundle(rest, LocalStore(settings.bundles_dir), found)


def _figures(bundle: Bundle) -> dict[str, float]:
    """What the bundle reaches on its test parts."""
    found = {}
    for name, path in _FIGURES.items():
        value: Any = bundle.manifest.metrics["test"]
        for step in path:
            value = value[step]
        found[name] = float(value)
    return found


def _tags_of(bundle: Bundle, figures: dict[str, float]) -> dict[str, str]:
    tags = {f"{TAG_METRIC_PREFIX}{key}": f"{value:.4f}" for key, value in figures.items()}
    commit = bundle.manifest.provenance.get("git_commit")
    return {**tags, TAG_GIT_COMMIT: str(commit)} if commit else tags


def _report(name: str, version: str, digest: str, figures: dict[str, float]) -> str:
    rows = "\n".join(f"| {key} | {value:.4f} |" for key, value in figures.items())
    return f"# {name}: version {version}\n\nData set `{digest}`, test parts:\n\n| | |\n|---|---|\n{rows}\n"
