"""What becomes of a version: judged by the gate, deployed, replaced. Written as tags and aliases over plain REST."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from registry.errors import RegistryError, UnknownVersionError
from registry.rest import MlflowRest
from registry.version import (
    CANDIDATE,
    DEPLOYED,
    MODEL_NAME,
    PREVIOUS,
    TAG_APPROVED_BY,
    TAG_DEPLOYED_AT,
    TAG_GATE,
    TAG_GATE_AT,
    TAG_GATE_FLOW_RUN,
    TAG_GATE_REASON_CODES,
    TAG_GATE_REASONS,
    TAG_GATE_RUN,
    TAG_GATE_TEST_DIGEST,
    TAG_LENGTH,
    TAG_OVERRIDE_REASON,
    ModelVersion,
)


@dataclass(frozen=True, slots=True)
class GateMark:
    """What the gate leaves on a version.

    Attributes:
        outcome: `passed`, `blocked` or `overridden`.
        reasons: What speaks against the version.
        reason_codes: The same for machines.
        test_digest: Of the pictures it was judged on.
        run_id: The run in MLflow that keeps figures and pictures.
        flow_run_id: The flow run in Prefect, empty outside of one.
        judged_at: ISO 8601, UTC.
        override_reason: Why a person deployed it all the same, empty if nobody did.
        approved_by: Who that was.
    """

    outcome: str
    reasons: tuple[str, ...]
    test_digest: str
    run_id: str
    flow_run_id: str
    judged_at: str
    override_reason: str = ""
    approved_by: str = ""
    reason_codes: tuple[str, ...] = ()


def mark_gate(rest: MlflowRest, version: ModelVersion, mark: GateMark) -> None:
    """Writes the judgement on the version. An earlier override does not outlive a new judgement.

    Raises:
        RegistryError: The version is gone, or the registry does not answer.
    """
    tags = {
        TAG_GATE_REASONS: "; ".join(mark.reasons),
        TAG_GATE_REASON_CODES: " ".join(mark.reason_codes),
        TAG_GATE_TEST_DIGEST: mark.test_digest,
        TAG_GATE_RUN: mark.run_id,
        TAG_GATE_FLOW_RUN: mark.flow_run_id,
        TAG_GATE_AT: mark.judged_at,
        TAG_OVERRIDE_REASON: mark.override_reason,
        TAG_APPROVED_BY: mark.approved_by,
        TAG_GATE: mark.outcome,  # last: whoever reads it finds the rest
    }
    for key, value in tags.items():
        rest.set_tag(MODEL_NAME, version.version, key, value[:TAG_LENGTH])


def mark_override(rest: MlflowRest, version: str, *, reason: str, approved_by: str) -> None:
    """Writes on a version that a person deployed it against the gate or without it.

    Raises:
        RegistryError: The version is gone, or the registry does not answer.
    """
    tags = {TAG_OVERRIDE_REASON: reason, TAG_APPROVED_BY: approved_by, TAG_GATE: "overridden"}
    for key, value in tags.items():
        rest.set_tag(MODEL_NAME, version, key, value[:TAG_LENGTH])


def require_deployed(rest: MlflowRest, compared: ModelVersion) -> None:
    """Makes sure that the version which the candidate was compared with is still the deployed one.

    Raises:
        RegistryError: Another one was deployed since, or the registry does not answer.
    """
    present = rest.version_of_alias(MODEL_NAME, DEPLOYED)
    if present.version != compared.version:
        raise RegistryError(
            f"version {present.version} was deployed meanwhile, and the comparison was with {compared.version}: "
            "run the gate again"
        )


def promote_version(rest: MlflowRest, version: ModelVersion, *, replaced: ModelVersion) -> None:
    """Moves the aliases: the version is deployed, the one before is `previous`, and `candidate` is free.

    Whatever dies in between, `deployed` points at a version that was good enough.

    Raises:
        RegistryError: Another version was deployed since the comparison, or the registry does not answer.
    """
    require_deployed(rest, replaced)
    rest.set_alias(MODEL_NAME, PREVIOUS, replaced.version)
    rest.set_alias(MODEL_NAME, DEPLOYED, version.version)
    note_deployed(rest, (replaced.version, version.version))


def note_deployed(rest: MlflowRest, versions: Iterable[str]) -> None:
    """Writes on versions that they have inspected, and takes `candidate` away from the last, which does so now.

    Raises:
        RegistryError: A version is gone, or the registry does not answer.
    """
    last = ""
    for last in versions:
        rest.set_tag(MODEL_NAME, last, TAG_DEPLOYED_AT, datetime.now(UTC).isoformat(timespec="seconds"))
    release_candidate(rest, last)


def release_candidate(rest: MlflowRest, version: str) -> None:
    """Takes the alias `candidate` away if it points at that version: what is deployed waits for nothing.

    Asked just before, since a training may have made another version the candidate.

    Raises:
        RegistryError: The registry does not answer.
    """
    try:
        found = rest.version_of_alias(MODEL_NAME, CANDIDATE)
    except UnknownVersionError:
        return
    if found.version == version:
        rest.delete_alias(MODEL_NAME, CANDIDATE)
