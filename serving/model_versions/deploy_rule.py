"""Which versions may be put to use as they are, and which need a person's word.

A version that came out of a training is a claim until the gate has compared it with the deployed one. What inspected
before, what was registered by hand, and what the gate let through may be deployed freely.
"""

from dataclasses import dataclass

from registry.version import (
    CANDIDATE,
    DEPLOYED,
    PREVIOUS,
    TAG_BASE_VERSION,
    TAG_DEPLOYED_AT,
    TAG_FLOW_RUN,
    TAG_GATE,
    TAG_GATE_REASONS,
    ModelVersion,
)
from serving.errors import Conflict, Forbidden

OVERRIDE_ROLE = "admin"


@dataclass(frozen=True, slots=True)
class Override:
    """A person's word for a version that the gate does not speak for.

    Attributes:
        reason: In their own words.
        is_allowed: Whether their role reaches.
    """

    reason: str
    is_allowed: bool


def objection_to(version: ModelVersion) -> str | None:
    """What speaks against putting a version to use, None if nothing does."""
    tags = version.tags
    if {DEPLOYED, PREVIOUS} & set(version.aliases) or tags.get(TAG_DEPLOYED_AT):
        return None
    outcome = tags.get(TAG_GATE)
    if outcome == "blocked":
        return f"the gate blocked it: {tags.get(TAG_GATE_REASONS) or 'see its report'}"
    if outcome in {"passed", "overridden"}:
        return None
    if CANDIDATE in version.aliases or tags.get(TAG_FLOW_RUN) or tags.get(TAG_BASE_VERSION):
        return f"the gate has not judged it yet (POST /api/v1/models/{version.version}/promote)"
    return None


def require_word(version: ModelVersion, override: Override | None) -> str | None:
    """What was overridden, None where nothing had to be.

    Raises:
        Conflict: Something speaks against the version, and nobody gave their word.
        Forbidden: Somebody did whose role does not reach.
    """
    objection = objection_to(version)
    if objection is None:
        return None
    if override is None:
        raise Conflict(
            f"version {version.version} is not deployed: {objection}. An {OVERRIDE_ROLE} may deploy it all the same "
            "with an override_reason"
        )
    if not override.is_allowed:
        raise Forbidden(f"an override needs the role {OVERRIDE_ROLE}; {objection}")
    return objection
