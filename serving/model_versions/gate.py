"""Starting the gate for a version and telling how it stands. Prefect owns the run, MLflow keeps the judgement."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog
from pydantic import ValidationError

from registry.errors import RegistryError
from registry.version import (
    CANDIDATE,
    DEPLOYED,
    GATE_REPORT,
    TAG_APPROVED_BY,
    TAG_GATE_FLOW_RUN,
    TAG_GATE_REASONS,
    TAG_GATE_RUN,
    TAG_OVERRIDE_REASON,
    ModelVersion,
)
from serving.audit.actor import Actor
from serving.audit.record import record
from serving.auth.principal import Principal
from serving.errors import Conflict, Forbidden, JobsUnavailable
from serving.jobs.prefect import FlowRun
from serving.model_versions.asking import in_registry_thread, registered_version
from serving.model_versions.deploy_rule import OVERRIDE_ROLE
from serving.model_versions.gate_schemas import GateLinks, GateOut, GateReport, GateState, PromoteIn
from serving.model_versions.service import gate_of
from serving.platform import Platform

FLOW: Final = "promote"
_LOOKED_AT: Final = 50  # runs of the gate among which that of a version is looked for
_STATES: Final[dict[str, GateState]] = {
    "RUNNING": "running",
    "CANCELLING": "stopping",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CRASHED": "failed",
    "CANCELLED": "cancelled",
}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What MLflow keeps of the last judgement: the report, and the page of its run."""

    report: GateReport | None = None
    page: str | None = None


async def start(platform: Platform, version: str, wanted: PromoteIn, user: Principal, by: Actor) -> GateOut:
    """The run that was started.

    Raises:
        NotFound: There is no such version.
        Conflict: It is deployed already, or the gate is at work.
        Forbidden: An override, and the role does not reach.
        RegistryUnavailable: MLflow does not answer.
        JobsUnavailable: Prefect does not answer, or nobody runs the flow.
    """
    if wanted.override_reason and not user.reaches(OVERRIDE_ROLE):
        raise Forbidden(f"an override needs the role {OVERRIDE_ROLE}")
    found = await in_registry_thread(platform, partial(registered_version, platform.switch.rest, version))
    if DEPLOYED in found.aliases:
        raise Conflict(f"version {version} is deployed already")
    latest = await platform.jobs.latest_run(FLOW)
    if latest is not None and not latest.has_ended:
        raise Conflict(f"the gate is at work on version {_version_of(latest)}")
    await platform.jobs.deployment_id(FLOW)  # before anything is written
    parameters: dict[str, Any] = {
        "version": version,
        "dataset": wanted.dataset or "",
        "latency_budget_ms": wanted.latency_budget_ms or platform.config.current.gate_latency_budget_ms,
        "override_reason": wanted.override_reason or "",
        # The one who asks, never what a client says of itself.
        "approved_by": user.username if wanted.override_reason else "",
    }
    # Written first: a run that overrides without an entry must not be; an entry without a run harms nobody.
    action = "model.override_ordered" if wanted.override_reason else "model.gate_started"
    told = partial(record, actor=by, action=action, subject=f"model/{version}", after=parameters, now=platform.clock())
    await asyncio.wrap_future(platform.database.write(told))
    # Two calls at the same moment saw the same newest run, have the same key, and so start one run.
    key = f"gate-after:{latest.id if latest else 'none'}"
    run = await platform.jobs.create_run(FLOW, parameters, idempotency_key=key, name=f"gate of version {version}")
    if any(run.parameters.get(name) != value for name, value in parameters.items()):
        raise Conflict("the gate was started a moment ago")
    return await _shown(platform, found, run, _Kept(), jobs_answer=True)


async def show(platform: Platform, version: str) -> GateOut:
    """How the gate stands for a version.

    Raises:
        NotFound: There is no such version.
        RegistryUnavailable: MLflow does not answer.
    """
    found = await in_registry_thread(platform, partial(registered_version, platform.switch.rest, version))
    kept = await in_registry_thread(platform, partial(_kept, platform, found))
    try:
        run = _newest_of(found, await platform.jobs.recent_runs(FLOW, _LOOKED_AT))
        return await _shown(platform, found, run, kept, jobs_answer=True)
    except JobsUnavailable:
        return await _shown(platform, found, None, kept, jobs_answer=False)


async def _shown(
    platform: Platform, found: ModelVersion, run: FlowRun | None, kept: _Kept, *, jobs_answer: bool
) -> GateOut:
    tags, outcome = found.tags, gate_of(found.tags)
    is_live = run is not None and not run.has_ended
    judged = bool(outcome) and not is_live
    state: GateState = "completed" if outcome else "idle"
    if run is not None:
        state = _STATES.get(run.state_type, "queued")
    progress = await platform.jobs.read_progress(run.id) if run is not None and is_live else None
    reasons = kept.report.reasons if kept.report else [text for text in [tags.get(TAG_GATE_REASONS)] if text]
    job_id = run.id if run else tags.get(TAG_GATE_FLOW_RUN) or None
    return GateOut(
        version=found.version,
        state=state,
        job_id=job_id,
        progress=100.0 if state == "completed" else progress or 0.0,
        message=run.message or None if run is not None and state == "failed" else None,
        started_at=run.started_at if run else None,
        ended_at=run.ended_at if run else None,
        outcome=outcome if judged else None,
        reasons=reasons if judged else [],
        override_reason=tags.get(TAG_OVERRIDE_REASON) or None if judged else None,
        approved_by=tags.get(TAG_APPROVED_BY) or None if judged else None,
        report=kept.report,
        jobs="available" if jobs_answer else "unavailable",
        links=GateLinks(prefect=platform.jobs.link_to(job_id) if job_id else None, mlflow=kept.page),
    )


def _newest_of(found: ModelVersion, runs: Sequence[FlowRun]) -> FlowRun | None:
    """The newest run for a version. One that names an alias counts while it is under way, or if it left its mark."""
    for run in runs:
        named = _version_of(run)
        if named == found.version or run.id == found.tags.get(TAG_GATE_FLOW_RUN):
            return run
        if named in found.aliases and not run.has_ended:
            return run
    return None


def _version_of(run: FlowRun) -> str:
    return str(run.parameters.get("version") or CANDIDATE)


def _kept(platform: Platform, found: ModelVersion) -> _Kept:
    run_id, rest = found.tags.get(TAG_GATE_RUN), platform.switch.rest
    if not run_id:
        return _Kept()
    try:
        page = f"http://localhost:{platform.settings.mlflow_port}{rest.run_page(run_id)}"
        return _Kept(GateReport.model_validate_json(rest.read_run_file(run_id, GATE_REPORT)), page)
    except (RegistryError, ValidationError) as error:
        _log.warning("gate_report_lost", model_version=found.version, error=str(error))
        return _Kept()
