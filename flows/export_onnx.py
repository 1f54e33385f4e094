"""Flow: the checkpoint of a run → a bundle with ONNX, its thresholds and golden pictures, and its parity with torch."""

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from pydantic import Field

from flows.benchmark import resolve
from flows.progress import Progress
from flows.settings import FlowSettings
from registry.errors import RegistryError
from registry.rest import MlflowRest
from registry.version import CANDIDATE, TAG_DATASET_DIGEST, TAG_TEST_SET

if TYPE_CHECKING:
    from flows.tasks.choose_thresholds import Budget
    from registry.stored_runs import StoredRun

CHECKPOINT_FOLDER: Final = "checkpoint"
ONNX_FOLDER: Final = "onnx"
TAG_ONNX_DIGEST: Final = "ussop.onnx_bundle_digest"
RUN_PREFIX: Final = "runs:/"
_STEPS: Final = 5


@flow(name="export-onnx", timeout_seconds=2 * 3600, retries=0, validate_parameters=True)
def export_onnx(
    source: str = CANDIDATE,
    dataset: str = "",
    grouping: Literal["picture", "magnetic-tile"] = "picture",
    allowed_escape: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.02,
    allowed_overkill: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01,
    overkill_cost: Annotated[float, Field(ge=0.0)] = 10.0,
) -> dict[str, Any]:
    """The run whose artifacts hold the ONNX bundle afterwards, and how near it is to the trained network.

    Thresholds and golden pictures are chosen anew, on the same pictures as in the training. `convert_openvino` takes
    the same source and makes a version of it.

    Args:
        source: `runs:/ID` of an MLflow run that keeps a checkpoint, number or alias of a version made by such a run, or
            a checkpoint file on this machine.
        dataset: COCO folder of labelled pictures; empty takes the data set of the training.
        grouping: Which pictures of that folder show one part.
        allowed_escape: Share of defective parts that may pass, for the thresholds.
        allowed_overkill: Share of good parts that may fail.
        overkill_cost: What one good part thrown away costs, in looks of a person at one uncertain part.

    Raises:
        RegistryError: There is no such run or version, it keeps no checkpoint, or the registry does not answer.
        CheckpointError: The file is no checkpoint of ours.
        ExportError: ONNX gives another verdict than torch, or other scores than float32 explains.
        ValueError: The data set of the training is not on this machine.
    """
    from flows.tasks.checkpoints import CHECKPOINT_NAME  # noqa: PLC0415
    from flows.tasks.choose_thresholds import Budget  # noqa: PLC0415

    settings = FlowSettings()
    budget = Budget(escape=allowed_escape, overkill=allowed_overkill, overkill_cost=overkill_cost)
    with tempfile.TemporaryDirectory(prefix="ussop-export-") as scratch:
        work = Path(scratch)
        if Path(source).is_file():
            return _export(settings, None, Path(source), dataset, grouping, budget, work)
        run = run_of(settings, source)
        try:
            checkpoint = run.fetch(f"{CHECKPOINT_FOLDER}/{CHECKPOINT_NAME}", work)
        except RegistryError as error:
            raise RegistryError(f"{source} has no checkpoint to export: {error}") from error
        return _export(settings, run, checkpoint, dataset, grouping, budget, work)


def run_of(settings: FlowSettings, source: str) -> "StoredRun":
    """The run that `runs:/ID`, a number or an alias means.

    Raises:
        RegistryError: There is no such run or version, or the version was made by no run.
    """
    from registry.stored_runs import stored_run  # noqa: PLC0415

    if source.startswith(RUN_PREFIX):
        return stored_run(settings.mlflow_url, source.removeprefix(RUN_PREFIX))
    with MlflowRest(settings.mlflow_url) as rest:
        found = resolve(rest, source)
    if found.run_id is None:
        raise RegistryError(f"version {found.version} was made by no run")
    return stored_run(settings.mlflow_url, found.run_id)


def _new_run(settings: FlowSettings, checkpoint: Path, version: str, work: Path) -> "StoredRun":
    """A new run that keeps the checkpoint; so a file and a run are one from here on."""
    from flows.tasks.checkpoints import CHECKPOINT_NAME  # noqa: PLC0415
    from registry.runs import tracked_run  # noqa: PLC0415
    from registry.stored_runs import stored_run  # noqa: PLC0415

    copied = work / "given" / CHECKPOINT_FOLDER
    copied.mkdir(parents=True)
    shutil.copyfile(checkpoint, copied / CHECKPOINT_NAME)
    with tracked_run(settings.mlflow_url, name=version, params={"checkpoint": checkpoint.name}, tags={}) as run:
        run.log_files(copied.parent)
        return stored_run(settings.mlflow_url, run.run_id)


def _export(
    settings: FlowSettings,
    known_run: "StoredRun | None",
    checkpoint: Path,
    dataset: str,
    grouping: Literal["picture", "magnetic-tile"],
    budget: "Budget",
    work: Path,
) -> dict[str, Any]:
    # Here, not above: what only lists the flows does without torch and mlflow (500 MiB).
    from flows.tasks.checkpoints import read_checkpoint  # noqa: PLC0415
    from flows.tasks.frozen_dataset import find_dataset  # noqa: PLC0415
    from flows.tasks.onnx_bundle import BundleRequest, assemble_onnx_bundle  # noqa: PLC0415

    network, about = read_checkpoint(checkpoint, work)
    root = settings.data_dir.absolute() / "training" / "datasets"
    frozen = find_dataset(dataset, about.provenance, root, grouping=grouping, first_classes=about.class_names)
    request = BundleRequest(
        name="inspector",
        version=about.version,
        class_names=about.class_names,
        shape_hw=about.shape_hw,
        val=frozen.data.val,
        test=frozen.data.test,
        head=about.head,
        provenance=about.provenance,
        budget=budget,
    )
    kept = work / "kept"
    with Progress("export-onnx-progress", f"ONNX of {about.version}", _STEPS) as progress:
        steps = iter(range(_STEPS))

        def on_step(text: str) -> None:
            get_run_logger().info(text)
            progress.reached(next(steps, _STEPS - 1))

        bundle, parity = assemble_onnx_bundle(kept / ONNX_FOLDER, network, request, on_step)
        rows = [asdict(p) for p in parity]
        (kept / "torch-parity.json").write_text(json.dumps(rows, indent=2), encoding="utf-8")
        run = known_run or _new_run(settings, checkpoint, about.version, work)
        run.log_files(kept)
        run.set_tag(TAG_ONNX_DIGEST, bundle.digest)
        if TAG_DATASET_DIGEST not in run.tags:
            run.set_tag(TAG_DATASET_DIGEST, frozen.digest)
            run.set_tag(TAG_TEST_SET, str(frozen.test_folder))
        progress.reached(_STEPS)
    worst = {key: max((float(row[key]) for row in rows), default=0.0) for key in ("score_gap", "box_gap_px")}
    run.log_metrics({f"parity.torch.{key}": value for key, value in worst.items()}, step=0)
    create_table_artifact(rows, key="export-onnx", description=f"ONNX of {about.version} beside torch")
    get_run_logger().info("%s: ONNX and torch agree on %d pictures, %s", about.version, len(rows), worst)
    return {"run_id": run.run_id, "bundle_digest": bundle.digest, "pictures": len(rows), **worst}
