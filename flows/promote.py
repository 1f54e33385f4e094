"""Flow: the gate. A candidate that is no worse than the deployed version takes its place."""

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.states import Completed

from flows.benchmark import resolve
from flows.gate import (
    TAG_APPROVED_BY,
    TAG_GATE,
    TAG_GATE_REASONS,
    TAG_GATE_TEST_DIGEST,
    TAG_OVERRIDE_REASON,
    GateJudgement,
    GateRules,
    MeasuredVersion,
    judge,
    report,
)
from flows.progress import Progress
from flows.settings import FlowSettings
from flows.tasks.coco import Dataset, dataset_digest, read_coco
from models.bundle import Bundle
from registry.local_store import LocalStore
from registry.rest import MlflowRest
from registry.sync import fetch_bundle
from registry.version import CANDIDATE, DEPLOYED, MODEL_NAME, PREVIOUS, ModelVersion

_TAG_LENGTH = 4000  # MLflow refuses tags of more than 5,000 characters


@flow(name="promote", timeout_seconds=3600, retries=0, validate_parameters=True)
def promote(
    test_set: str,
    version: str = CANDIDATE,
    latency_budget_ms: float = 200.0,
    override_reason: str = "",
    approved_by: str = "",
) -> Any:
    """The judgement; if nothing speaks against the version, `deployed` points at it afterwards and serving follows.

    Args:
        test_set: COCO folder of pictures that neither version was trained on.
        version: Number or alias of the candidate.
        latency_budget_ms: Longest 95th percentile of one inference.
        override_reason: Why it shall be deployed though the gate blocks; needs `approved_by`.
        approved_by: Who says so. The API lets this through for the right role only, and audits it.

    Raises:
        ValueError: It is deployed already, the test set is empty, or an override lacks its reason or its name.
        DatasetError: The folder is no COCO folder.
        RegistryError: No such version, or the registry does not answer.
    """
    if bool(override_reason.strip()) != bool(approved_by.strip()):
        raise ValueError("an override needs both override_reason and approved_by")
    settings = FlowSettings()
    pictures = read_coco(Path(test_set))
    if not pictures.pictures:
        raise ValueError("the test set is empty")
    with MlflowRest(settings.mlflow_url) as rest:
        candidate, deployed = resolve(rest, version), resolve(rest, DEPLOYED)
        if candidate.version == deployed.version:
            raise ValueError(f"version {candidate.version} is deployed already")
        store = LocalStore(settings.bundles_dir)
        bundles = [fetch_bundle(rest, store, found) for found in (candidate, deployed)]
        measured = _measure((candidate, deployed), bundles, pictures)
        judgement = judge(*measured, GateRules(latency_budget_ms))
        outcome = "passed" if judgement.passed else "overridden" if override_reason else "blocked"
        text = report(*measured, judgement, outcome=outcome)
        create_markdown_artifact(text, key="gate", description=f"Version {candidate.version}: {outcome}")
        tags = _tags(judgement, outcome, dataset_digest(pictures))
        if outcome == "overridden":
            tags |= {TAG_OVERRIDE_REASON: override_reason[:_TAG_LENGTH], TAG_APPROVED_BY: approved_by}
        for key, value in tags.items():
            rest.set_tag(MODEL_NAME, candidate.version, key, value)
        if outcome != "blocked":
            _move_aliases(rest, candidate, deployed)
    get_run_logger().info("version %s: %s. %s", candidate.version, outcome, "; ".join(judgement.reasons))
    return Completed(
        name=outcome.capitalize(),
        message="; ".join(judgement.reasons) or f"version {candidate.version} is deployed",
        data={"version": candidate.version, "outcome": outcome, "reasons": list(judgement.reasons)},
    )


def _measure(
    versions: tuple[ModelVersion, ModelVersion], bundles: list[Bundle], pictures: Dataset
) -> tuple[MeasuredVersion, MeasuredVersion]:
    # Here, not above: the host of the flows imports this file to list it, and does without scipy and pycocotools.
    from flows.tasks.measure_version import measure_version  # noqa: PLC0415

    total = 2 * len(pictures.pictures)
    with Progress("promote-progress", f"{total // 2} pictures by both versions", total) as progress:
        done = iter(range(1, total + 1))
        first, second = (
            measure_version(found.version, bundle, pictures, lambda: progress.reached(next(done)))
            for found, bundle in zip(versions, bundles, strict=True)
        )
    return first, second


def _tags(judgement: GateJudgement, outcome: str, digest: str) -> dict[str, str]:
    return {
        TAG_GATE: outcome,
        TAG_GATE_REASONS: "; ".join(judgement.reasons)[:_TAG_LENGTH],
        TAG_GATE_TEST_DIGEST: digest,
    }


def _move_aliases(rest: MlflowRest, candidate: ModelVersion, deployed: ModelVersion) -> None:
    """Whatever dies in between, `deployed` points at a version that was good enough."""
    rest.set_alias(MODEL_NAME, PREVIOUS, deployed.version)
    rest.set_alias(MODEL_NAME, DEPLOYED, candidate.version)
    if CANDIDATE in candidate.aliases:
        rest.delete_alias(MODEL_NAME, CANDIDATE)
