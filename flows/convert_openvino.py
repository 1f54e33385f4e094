"""Flow: a version's ONNX → OpenVINO in 16 bits, and in 8 bits where they cost next to no accuracy: a new version."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run
from pydantic import Field

from flows.benchmark import resolve
from flows.export_onnx import ONNX_FOLDER, RUN_PREFIX, TAG_ONNX_DIGEST, run_of
from flows.progress import Progress
from flows.settings import FlowSettings
from flows.tasks.lineage import TAG_CONVERTED_WITH, handed_on, tags_of
from models.bundle import Bundle, load_bundle
from registry.errors import RegistryError
from registry.local_store import LocalStore
from registry.rest import MlflowRest
from registry.sync import fetch_bundle
from registry.version import CANDIDATE, MODEL_NAME, TAG_BASE_VERSION, TAG_FLOW_RUN

if TYPE_CHECKING:
    from flows.tasks.frozen_dataset import FrozenDataset
    from registry.runs import TrackedRun

NAME_PATTERN: Final = r"^([A-Za-z0-9][A-Za-z0-9._+-]{0,63})?$"  # as a manifest takes it
_CALIBRATION: Final = 300
_STEPS: Final = 5
_ROWS: Final = {"ONNX, 32 bits": "onnx", "OpenVINO, 16 bits": "openvino_fp16", "OpenVINO, 8 bits": "openvino_int8"}


@dataclass(frozen=True, slots=True)
class _Source:
    """What is converted, and where it came from."""

    bundle: Bundle
    run_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@flow(name="convert-openvino", timeout_seconds=4 * 3600, retries=0, validate_parameters=True)
def convert_openvino(
    source: str = CANDIDATE,
    dataset: str = "",
    grouping: Literal["picture", "magnetic-tile"] = "picture",
    int8_budget: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01,
    model_name: Annotated[str, Field(pattern=NAME_PATTERN)] = "",
) -> dict[str, Any]:
    """The new version, and whether it has 8 bits; its thresholds and golden pictures are those of the source.

    8 bits are calibrated on the training pictures of the data set, chosen by its validation pictures, and shipped only
    if they keep every golden verdict and the budget. No alias is moved.

    Args:
        source: Number or alias of a version, `runs:/ID` of a run that `export_onnx` worked on, or a bundle's folder
            (with a slash in it).
        dataset: COCO folder of labelled pictures; empty takes the data set of the training.
        grouping: Which pictures of that folder show one part.
        int8_budget: How much mAP50 and part AUROC (0 to 1) 8 bits may cost, each; beyond that it stays at 16 bits.
        model_name: Version of the new bundle; made up if empty, or kept where the source is a run.

    Raises:
        RegistryError: There is no such version or run, it keeps no ONNX, or the registry does not answer.
        BundleError: The source is no valid bundle, or the new one failed its self-test.
        ConversionError: OpenVINO gives other verdicts than ONNX even in 32-bit arithmetic.
        ValueError: The data set of the training is not on this machine.
    """
    # Here, not above: what only lists the flows does without nncf (torch).
    from flows.tasks.frozen_dataset import find_dataset  # noqa: PLC0415
    from flows.tasks.openvino_bundle import ConversionRequest, convert_bundle  # noqa: PLC0415

    settings, log = FlowSettings(), get_run_logger()
    with tempfile.TemporaryDirectory(prefix="ussop-convert-") as scratch:
        found = _find(settings, source, Path(scratch))
        manifest = found.bundle.manifest
        root = settings.data_dir.absolute() / "training" / "datasets"
        frozen = find_dataset(
            dataset, manifest.provenance, root, grouping=grouping, first_classes=tuple(manifest.classes)
        )
        train = frozen.data.train
        request = ConversionRequest(
            calibration=train[:: max(1, len(train) // _CALIBRATION)],
            val=frozen.data.val,
            test=frozen.data.test,
            int8_budget=int8_budget,
            version=model_name or ("" if found.run_id else _made_up(manifest.version)),
        )
        with Progress("convert-openvino-progress", f"OpenVINO of {manifest.version}", _STEPS) as progress:
            steps = iter(range(_STEPS))

            def on_step(text: str) -> None:
                log.info(text)
                progress.reached(next(steps, _STEPS - 1))

            bundle = convert_bundle(Path(scratch) / "whole", found.bundle, request, on_step)
            version = _publish(settings, found, bundle, frozen)
            progress.reached(_STEPS)
    return _told(version, bundle)


def _find(settings: FlowSettings, source: str, scratch: Path) -> _Source:
    if source.startswith(RUN_PREFIX):
        run = run_of(settings, source)
        bundle = load_bundle(run.fetch(ONNX_FOLDER, scratch))
        if bundle.digest != run.tags.get(TAG_ONNX_DIGEST):
            raise RegistryError(f"{source} does not keep the bundle that was exported (digest differs)")
        return _Source(bundle, run.run_id, handed_on(run.tags))
    if "/" in source:
        return _Source(load_bundle(Path(source)))
    with MlflowRest(settings.mlflow_url) as rest:
        version = resolve(rest, source)
        bundle = fetch_bundle(rest, LocalStore(settings.bundles_dir), version)
    tags = {**handed_on(version.tags), TAG_BASE_VERSION: version.version}
    if run_id := flow_run.get_id():
        tags[TAG_FLOW_RUN] = run_id
    return _Source(bundle, None, tags)


def _made_up(version: str) -> str:
    return f"{version.partition('+ov')[0][:40]}+ov{datetime.now(UTC):%Y%m%d%H%M%S}"


def _publish(settings: FlowSettings, found: _Source, bundle: Bundle, frozen: "FrozenDataset") -> str:
    """The number of the new version: of the training's run where the source is one, else of a run of its own."""
    tags = {**found.tags, **tags_of(bundle), TAG_CONVERTED_WITH: frozen.digest}
    with _run_for(settings, found, bundle, tags) as run:
        run.log_metrics(_metrics(bundle), step=0)
        return run.publish(bundle, tags=tags, name=MODEL_NAME)


@contextmanager
def _run_for(settings: FlowSettings, found: _Source, bundle: Bundle, tags: dict[str, str]) -> "Iterator[TrackedRun]":
    from registry.runs import tracked_run  # noqa: PLC0415
    from registry.stored_runs import stored_run  # noqa: PLC0415

    if found.run_id is not None:
        yield stored_run(settings.mlflow_url, found.run_id)
        return
    params = {"converted_from": found.bundle.manifest.version, "bundle_digest": found.bundle.digest}
    with tracked_run(settings.mlflow_url, name=bundle.manifest.version, params=params, tags=tags) as run:
        yield run


def _told(version: str, bundle: Bundle) -> dict[str, Any]:
    """The result, after it was also put into the table artifact and the log."""
    shipped = bundle.manifest.openvino_int8 is not None
    said = "with 8 bits" if shipped else f"stays at 16 bits: {bundle.manifest.metrics['int8_attempts'][-1]['refused']}"
    create_table_artifact(_rows(bundle), key="convert-openvino", description=f"Version {version}: {said}")
    get_run_logger().info("version %s (%s) %s", version, bundle.manifest.version, said)
    return {"version": version, "model_name": bundle.manifest.version, "int8_shipped": shipped, "said": said}


def _metrics(bundle: Bundle) -> dict[str, float]:
    found = {}
    for name in _ROWS.values():
        artefact = getattr(bundle.manifest, name)
        if artefact is not None and "box" in artefact.metrics:
            found[f"test.{name}.box_ap50"] = float(artefact.metrics["box"]["ap50"])
    return found


def _rows(bundle: Bundle) -> list[dict[str, Any]]:
    """What each artefact reaches on the held-out parts, and how much it may differ on the golden pictures."""
    rows: list[dict[str, Any]] = []
    for title, name in _ROWS.items():
        artefact = getattr(bundle.manifest, name)
        if artefact is None:
            rows.append({"artefact": title, "remark": str(bundle.manifest.metrics["int8_attempts"][-1]["refused"])})
            continue
        reached = artefact.metrics or {"box": {}, "mask": {}, "verdicts": {}}
        size = sum(p.stat().st_size for p in bundle.path_of(artefact).parent.glob(f"{bundle.path_of(artefact).stem}.*"))
        rows.append(
            {
                "artefact": title,
                "box mAP50": reached["box"].get("ap50"),
                "mask mAP50": reached["mask"].get("ap50"),
                "escape": reached["verdicts"].get("escape", {}).get("share"),
                "overkill": reached["verdicts"].get("overkill", {}).get("share"),
                "score tolerance": artefact.score_tolerance,
                "MiB": round(size / 2**20, 1),
                "remark": "",
            }
        )
    return rows
