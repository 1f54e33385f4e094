"""Flow: labelled pictures and the deployed version in, a new version with the alias `candidate` out.

What was reached is kept at each step: the weights in the MLflow run before they are exported, the version before it is
benchmarked. So a later step that fails costs that step alone, and can be done again from the command line.
"""

import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from flows.benchmark import benchmark, resolve
from flows.convert_openvino import NAME_PATTERN, convert_openvino
from flows.export_onnx import CHECKPOINT_FOLDER, RUN_PREFIX, export_onnx
from flows.progress import Progress
from flows.settings import FlowSettings
from flows.tasks.give_way import give_way
from flows.tasks.keep_errors import keep_errors
from flows.tasks.lineage import figures_of
from flows.tasks.lock_file import locked
from flows.tasks.mark_trained import mark_trained
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
    TAG_TEST_SET,
    ModelVersion,
)

if TYPE_CHECKING:
    from flows.tasks.fine_tuning import FineTuning
    from flows.tasks.frozen_dataset import FrozenDataset
    from flows.tasks.trainer import EpochReport

Grouping = Literal["picture", "magnetic-tile"]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the thresholds are chosen for."""

    allowed_escape: float
    allowed_overkill: float
    overkill_cost: float


@flow(name="fine-tune", timeout_seconds=24 * 3600, retries=0, validate_parameters=True)
def fine_tune(  # noqa: PLR0917 - as many as a person may choose
    dataset: str,
    epochs: Annotated[int, Field(ge=1)] = 20,
    batch_size: Annotated[int, Field(ge=1)] = 8,
    learning_rate: Annotated[float, Field(gt=0.0)] = 0.001,
    model_name: Annotated[str, Field(pattern=NAME_PATTERN)] = "",
    start_from: str = "deployed",
    grouping: Grouping = "picture",
    recipe: Literal["auto", "surface", "few-pictures", "starter"] = "auto",
    input_px: Annotated[int, Field(ge=0, multiple_of=32)] = 0,
    device: str = "cpu",
    dataset_id: str = "",
    pasted: Annotated[float, Field(ge=0.0, le=20.0)] | None = None,
    painted: Annotated[float, Field(ge=0.0, le=20.0)] | None = None,
    good_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0,
    allowed_escape: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.02,
    allowed_overkill: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01,
    overkill_cost: Annotated[float, Field(ge=0.0)] = 10.0,
) -> Any:
    """The new version, its figures and the folder of its test set, which `promote` takes.

    Args:
        dataset: COCO folder of labelled pictures, good parts included.
        epochs: Passes over the training pictures.
        batch_size: Pictures per step.
        learning_rate: The largest one.
        model_name: Version of the new bundle, `v1.1-scratch`; made up if empty.
        start_from: Number or alias of a version to go on with; `base` for the recipe's own weights, `scratch` for none.
        grouping: Which pictures show one part.
        recipe: Which network, and the rest of the options: see flows/tasks/recipes.py. `auto` chooses by the data.
        input_px: Longer side of the input, a multiple of 32; 0 keeps the base version's, or fits the defects.
        device: "cpu" or "cuda".
        dataset_id: The same data set in the API, whose pictures then count as trained; empty for none.
        pasted: Pictures made by pasting defects onto good parts, for each defective one; the recipe's if left out.
        painted: Pictures made by painting simulated defects onto good parts, for each good one; 2,000 at most.
        good_share: Share of good pictures among those shown; 0 keeps the recipe's.
        allowed_escape: Share of defective parts that may pass; chooses the thresholds.
        allowed_overkill: Share of good parts that may fail.
        overkill_cost: What one good part thrown away costs, in looks of a person at one uncertain part.

    Raises:
        ValueError: There are too few pictures.
        DatasetError: The folder is no COCO folder.
        RestoreError: The weights of the version to start from do not fit, or published ones cannot be had.
        RegistryError: No such version, or the registry does not answer.
        BusyError: Another training runs on this machine.
    """
    from flows.tasks.fine_tuning import FineTuning  # noqa: PLC0415 - 500 MiB that whoever lists the flows does without

    settings, name = FlowSettings(), model_name or f"ft-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    asked = (name, epochs, batch_size, learning_rate, recipe, input_px, device, pasted, painted, good_share)
    how = FineTuning(*asked, from_base=start_from == "base", base_weights=settings.base_weights_file)
    with locked(_folder(settings) / "training.lock", busy="another training runs on this machine"):
        base_version, base = _starting_point(settings, start_from)
        known, wanted = base.manifest.classes if base else (), _Wanted(allowed_escape, allowed_overkill, overkill_cost)
        frozen = _frozen(settings, Path(dataset), grouping, known)
        version = _train_and_publish(settings, how, base, frozen, _lineage(frozen, base_version), wanted)
    figures, (said, failed) = _register_candidate(settings, version), _errors(version, frozen)
    shortfalls = [*failed, *_benchmark(version), *_tell_api(dataset_id, version)]
    return _completed(name, version, frozen, figures, shortfalls, said)


def _frozen(settings: FlowSettings, dataset: Path, grouping: Grouping, known: tuple[str, ...]) -> "FrozenDataset":
    from flows.tasks.frozen_dataset import freeze_dataset  # noqa: PLC0415 - as `FineTuning`

    return freeze_dataset(dataset, _folder(settings) / "datasets", grouping=grouping, first_classes=known)


def _completed(
    name: str,
    version: str,
    frozen: "FrozenDataset",
    figures: dict[str, float],
    shortfalls: list[str],
    said: list[str],
) -> Any:
    """The end of a run: a report on Prefect's page, and what `promote` takes."""
    _show(name, version, frozen.digest, figures, shortfalls, said)
    result = {"version": version, "dataset": frozen.digest, "test_set": str(frozen.test_folder), "metrics": figures}
    return Completed(message="; ".join([f"version {version} is the candidate", *shortfalls]), data=result)


def _train_and_publish(
    settings: FlowSettings,
    how: "FineTuning",
    base: Bundle | None,
    frozen: "FrozenDataset",
    lineage: dict[str, str],
    wanted: _Wanted,
) -> str:
    """The number of the new version, whose thresholds are chosen for what is `wanted`."""
    from flows.tasks.fine_tuning import train_checkpoint  # noqa: PLC0415
    from registry.runs import tracked_run  # noqa: PLC0415

    if settings.training_gives_way:
        give_way()
    log = get_run_logger()
    log.info("data set %s: %s", frozen.digest[:12], frozen.data.description)
    how = how.settled(base, frozen.data.train)
    log.info("recipe %s; %s", how.recipe, how.said_of_start(base))
    # One training at a time, so that what an earlier one left when it was killed may go.
    work = _folder(settings) / "work"
    shutil.rmtree(work, ignore_errors=True)
    try:
        with tracked_run(
            settings.mlflow_url, name=how.version, params=asdict(how) | asdict(wanted), tags=lineage
        ) as run:
            run.log_dataset(frozen.data.description["kind"], frozen.digest, source=str(frozen.folder))
            with Progress("fine-tune-progress", f"epochs of {how.version}", how.epochs) as progress:

                def on_epoch(report: "EpochReport") -> None:
                    figures = {**report.losses, **report.metrics}
                    progress.reached(report.epoch)
                    run.log_metrics(figures, step=report.epoch)
                    said = {k: round(v, 4) for k, v in figures.items()}
                    log.info("epoch %d of %d: %s", report.epoch, how.epochs, said)

                checkpoint = train_checkpoint(how, base, frozen.data, work, on_epoch)
            (work / "logged").mkdir()
            checkpoint.parent.rename(work / "logged" / CHECKPOINT_FOLDER)
            run.log_files(work / "logged")
            source = f"{RUN_PREFIX}{run.run_id}"
            log.info("trained; whatever fails from here on can be done again from %s", source)
            # Without limits of their own: Prefect's alarm knows one at a time, and this flow has one.
            export_onnx.with_options(timeout_seconds=0)(
                source,
                allowed_escape=wanted.allowed_escape,
                allowed_overkill=wanted.allowed_overkill,
                overkill_cost=wanted.overkill_cost,
            )
            converted = convert_openvino.with_options(timeout_seconds=0)(source)
            return str(converted["version"])
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _register_candidate(settings: FlowSettings, version: str) -> dict[str, float]:
    """The figures of the new version, which has the alias `candidate` from here on, and is on this disk."""
    with MlflowRest(settings.mlflow_url) as rest:
        rest.set_alias(MODEL_NAME, CANDIDATE, version)
        return figures_of(fetch_bundle(rest, LocalStore(settings.bundles_dir), rest.version(MODEL_NAME, version)))


def _errors(version: str, frozen: "FrozenDataset") -> tuple[list[str], list[str]]:
    """Lines on thresholds and errors, and what is to be said if the analysis failed; it costs the version nothing."""
    state = keep_errors(version, str(frozen.test_folder), return_state=True)
    if state.is_completed():
        return list(state.result()), []
    get_run_logger().warning("the errors of version %s are not analysed: %s", version, state.message)
    return [], [f"the errors are not analysed: {state.message}"]


def _benchmark(version: str) -> list[str]:
    """What is to be said if the benchmark failed; the version is registered all the same."""
    state = benchmark.with_options(timeout_seconds=0)(version, return_state=True)
    if state.is_completed():
        return []
    get_run_logger().warning("the benchmark of version %s failed: %s", version, state.message)
    return [f"the benchmark failed: {state.message}"]


def _tell_api(dataset_id: str, version: str) -> list[str]:
    """What is to be said if the pictures could not be marked as trained."""
    if not dataset_id:
        return []
    state = mark_trained(dataset_id, version, return_state=True)
    if state.is_completed():
        return []
    get_run_logger().warning("the pictures are not marked as trained: %s", state.message)
    call = f"POST /api/v1/datasets/{dataset_id}/trained"
    return [f"the pictures are not marked as trained ({state.message}); an engineer can do so by {call}"]


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
    if start_from in {"base", "scratch"}:
        return None, None
    with MlflowRest(settings.mlflow_url) as rest:
        found = resolve(rest, start_from)
        return found, fetch_bundle(rest, LocalStore(settings.bundles_dir), found)


def _show(
    name: str, version: str, digest: str, figures: dict[str, float], shortfalls: list[str], said: list[str]
) -> None:
    """The report on Prefect's page."""
    rows = "\n".join(f"| {key} | {value:.4f} |" for key, value in figures.items())
    remarks = "\n".join(["", "Not done:", "", *(f"- {remark}" for remark in shortfalls), ""]) if shortfalls else ""
    more = "\n".join(["", *said])
    head = f"# {name}: version {version}\n\nData set `{digest}`, test parts:\n\n| | |\n|---|---|\n{rows}\n"
    create_markdown_artifact(f"{head}{remarks}{more}", key="fine-tune", description=name)
