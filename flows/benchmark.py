"""Flow: how fast a version runs on this machine, per backend and precision, beside each other."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact

from flows.progress import Progress
from flows.settings import FlowSettings
from flows.tasks.provenance import cpu_name
from models.bundle import Bundle
from models.intake import read_image
from models.timing import Timing, time_variants
from registry.local_store import LocalStore
from registry.rest import MlflowRest
from registry.sync import fetch_bundle
from registry.version import MODEL_NAME, ModelVersion


@flow(name="benchmark", timeout_seconds=1800, retries=0, validate_parameters=True)
def benchmark(version: str = "deployed", iterations: int = 50, device: str = "AUTO") -> dict[str, Any]:
    """The timings of a version, also as a table artifact, as tags of the version and as metrics of its run.

    Args:
        version: Number or alias of the version.
        iterations: Inferences per backend and precision, at least 1.
        device: OpenVINO device.

    Raises:
        RegistryError: No such version, or the registry does not answer.
        BundleError: The version does not run here.
    """
    if iterations < 1:
        raise ValueError("iterations must be at least 1")
    settings = FlowSettings()
    with MlflowRest(settings.mlflow_url) as rest:
        found = resolve(rest, version)
        bundle = fetch_bundle(rest, LocalStore(settings.bundles_dir), found)
        with Progress("benchmark-progress", f"benchmark of version {found.version}", iterations) as progress:
            timings = time_variants(
                bundle, _picture_of(bundle), iterations=iterations, device=device, on_round=progress.reached
            )
        for timing in timings:
            key = f"ussop.latency_ms.{timing.backend}.{timing.precision}"
            rest.set_tag(MODEL_NAME, found.version, key, f"{timing.mean_ms:.2f}")
    _log_to_run(settings, found, timings)
    create_table_artifact(_rows(timings), key="benchmark", description=f"Version {found.version}, {iterations} rounds")
    get_run_logger().info("version %s: %s", found.version, _rows(timings))
    return {"version": found.version, "timings": [asdict(t) for t in timings]}


def resolve(rest: MlflowRest, version: str) -> ModelVersion:
    """The version of a number or an alias.

    Raises:
        UnknownVersionError: There is none.
    """
    if version.isdigit():
        return rest.version(MODEL_NAME, version)
    return rest.version_of_alias(MODEL_NAME, version)


def _log_to_run(settings: FlowSettings, version: ModelVersion, timings: list[Timing]) -> None:
    """Adds the timings to the run that made the version: metrics, and rows of a table that grows with each machine."""
    # Here, not above: what only lists the flows does without mlflow.
    from registry.stored_runs import stored_run  # noqa: PLC0415

    if version.run_id is None:
        get_run_logger().warning("version %s was made by no run: its tags alone hold the timings", version.version)
        return
    run = stored_run(settings.mlflow_url, version.run_id)
    metrics: dict[str, float] = {}
    for timing in timings:
        of = f"benchmark.{timing.backend}.{timing.precision}"
        figures = {"mean_ms": timing.mean_ms, "p50_ms": timing.p50_ms, "p95_ms": timing.p95_ms}
        figures |= {"per_second": timing.throughput_per_s, "speedup": timing.speedup}
        metrics |= {f"{of}.{name}": value for name, value in figures.items()}
    run.log_metrics(metrics, step=0)
    where = {"measured at": datetime.now(UTC).isoformat(timespec="seconds"), "processor": cpu_name()}
    run.add_rows("benchmark", [{**row, **where} for row in _rows(timings)])


def _picture_of(bundle: Bundle) -> Any:
    if bundle.manifest.golden:
        return read_image((bundle.root / bundle.manifest.golden[0].path).read_bytes()).pixels_rgb
    return np.full((*bundle.manifest.input.shape_hw, 3), 127, np.uint8)


def _rows(timings: list[Timing]) -> list[dict[str, Any]]:
    return [
        {
            "backend": t.backend,
            "precision": t.precision,
            "mean ms": round(t.mean_ms, 2),
            "p50 ms": round(t.p50_ms, 2),
            "p95 ms": round(t.p95_ms, 2),
            "per second": round(t.throughput_per_s, 1),
            "speed-up": round(t.speedup, 2),
        }
        for t in timings
    ]
