"""Starting, watching and stopping the training. Prefect owns the job; nothing of it is kept here."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Final

from anyio import to_thread
from sqlmodel import Session

from registry.errors import RegistryError
from registry.rest import MlflowRest
from registry.version import MODEL_NAME, TAG_FLOW_RUN, TrackedMetrics
from serving.audit.actor import Actor
from serving.audit.record import record
from serving.datasets import exporting
from serving.datasets import service as datasets
from serving.errors import Conflict, InvalidRequest
from serving.events.outbox import publish
from serving.jobs.prefect import FlowRun
from serving.platform import Platform
from serving.review import repository as review
from serving.training.dataset_folder import write_dataset_folder
from serving.training.schemas import TrainingIn, TrainingLinks, TrainingOut, TrainingState

FLOW: Final = "fine-tune"
# Three sets of each kind are made of them: with fewer, the test parts would say nothing.
MIN_PICTURES: Final = 20
MIN_OF_A_KIND: Final = 5
_STATES: Final[dict[str, TrainingState]] = {
    "RUNNING": "running",
    "CANCELLING": "stopping",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CRASHED": "failed",
    "CANCELLED": "cancelled",
}


async def start(platform: Platform, wanted: TrainingIn, by: Actor) -> TrainingOut:
    """The training that was started, on everything labelled so far.

    Raises:
        Conflict: One runs already.
        InvalidRequest: Too little is labelled; the message counts.
        JobsUnavailable: Prefect does not answer, or nobody runs the flow.
    """
    latest = await platform.jobs.latest_run(FLOW)
    if latest is not None and not latest.has_ended:
        raise Conflict("a training runs already")
    await platform.jobs.deployment_id(FLOW)  # before anything is written
    await asyncio.to_thread(_require_enough, platform)
    runtime, now = platform.live.runtime, platform.clock()
    classes = tuple(runtime.manifest.classes) if runtime is not None else ()
    name = wanted.model_name or f"ft-{now:%Y%m%d-%H%M%S}"
    written = platform.database.write(lambda session: datasets.freeze(session, name, classes, by=by, now=now))
    frozen = await asyncio.wrap_future(written)
    folder = await asyncio.to_thread(_write_folder, platform, frozen.id, str(frozen.digest))
    parameters = {**wanted.model_dump(), "model_name": name, "dataset": str(folder), "dataset_id": frozen.id}
    # Two calls at the same moment saw the same newest run, have the same key, and so start one training.
    key = f"after:{latest.id if latest else 'none'}"
    run = await platform.jobs.create_run(FLOW, parameters, idempotency_key=key, name=name)
    if run.parameters.get("model_name") != name:
        raise Conflict("a training was started a moment ago")
    await _note(platform, "training.started", by, now, run, {"dataset": frozen.digest, "name": name})
    return await _shown(platform, run)


async def status(platform: Platform) -> TrainingOut:
    """The newest training and how far it is.

    Raises:
        JobsUnavailable: Prefect does not answer.
    """
    run = await platform.jobs.latest_run(FLOW)
    return TrainingOut(state="idle") if run is None else await _shown(platform, run)


async def stop(platform: Platform, by: Actor) -> TrainingOut:
    """The training that was asked to end; it does so after the batch at hand.

    Raises:
        Conflict: None runs.
        JobsUnavailable: Prefect does not answer.
    """
    run = await platform.jobs.latest_run(FLOW)
    if run is None or run.has_ended:
        raise Conflict("no training runs")
    await platform.jobs.cancel_run(run.id)
    run = await platform.jobs.read_run(run.id) or run
    await _note(platform, "training.stopped", by, platform.clock(), run)
    return await _shown(platform, run)


def _require_enough(platform: Platform) -> None:
    with platform.database.read() as session:
        total, good = len(review.labelled_items(session)), review.count_good(session)
        per_class = dict(review.count_by_class(session))
    defective = total - good
    if total < MIN_PICTURES or min(good, defective) < MIN_OF_A_KIND:
        raise InvalidRequest(
            f"too little is labelled: {total} pictures of {MIN_PICTURES}, {good} good parts and {defective} defective "
            f"ones of {MIN_OF_A_KIND} each, labels per class {per_class}"
        )


def _write_folder(platform: Platform, dataset_id: str, digest: str) -> Path:
    export = exporting.prepare(platform.database, platform.live.media, dataset_id)
    return write_dataset_folder(export, platform.settings.data_dir / "datasets" / digest)


async def _note(platform: Platform, action: str, by: Actor, now: datetime, run: FlowRun, data: object = None) -> None:
    def write(session: Session) -> None:
        record(session, by, action, f"training/{run.id}", after=data, now=now)
        publish_state(session, run, now)

    await asyncio.wrap_future(platform.database.write(write))


def publish_state(session: Session, run: FlowRun, now: datetime) -> None:
    """Tells followers how far a training is. The session is that of a `Database.write` job."""
    status = state_of(run)
    told = {"kind": "training", "id": run.id, "name": run.parameters.get("model_name"), "status": status}
    publish(session, "job", {**told, "error": run.message or None if status == "failed" else None}, now)


def state_of(run: FlowRun) -> TrainingState:
    """The state of a training, from that of its run."""
    return _STATES.get(run.state_type, "queued")


async def _shown(platform: Platform, run: FlowRun) -> TrainingOut:
    percent = await platform.jobs.read_progress(run.id) or 0.0
    tracked = await to_thread.run_sync(_tracked, platform, run.id, limiter=platform.registry_slots)
    epochs = int(run.parameters.get("epochs") or 0)
    state = state_of(run)
    mlflow = f"http://localhost:{platform.settings.mlflow_port}/#/experiments"
    return TrainingOut(
        state=state,
        job_id=run.id,
        model_name=run.parameters.get("model_name"),
        dataset=Path(str(run.parameters.get("dataset") or "")).name or None,
        epoch=round(percent * epochs / 100),
        epochs=epochs,
        progress=percent,
        metrics=dict(tracked.metrics) if tracked else {},
        eta_s=_eta_s(run, percent, platform.clock()) if state == "running" else None,
        message=run.message or None if state == "failed" else None,
        started_at=run.started_at,
        ended_at=run.ended_at,
        links=TrainingLinks(
            prefect=platform.jobs.link_to(run.id),
            mlflow=f"{mlflow}/{tracked.experiment_id}/runs/{tracked.run_id}" if tracked else None,
        ),
    )


def _tracked(platform: Platform, run_id: str) -> TrackedMetrics | None:
    try:
        with MlflowRest(f"http://127.0.0.1:{platform.settings.mlflow_port}") as rest:
            return rest.find_run(MODEL_NAME, TAG_FLOW_RUN, run_id)
    except RegistryError:
        return None  # without MLflow the state is still worth showing


def _eta_s(run: FlowRun, percent: float, now: datetime) -> float | None:
    if run.started_at is None or percent <= 0.0:
        return None
    return max(0.0, (now - run.started_at).total_seconds() * (100.0 - percent) / percent)
