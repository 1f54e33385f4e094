"""What versions there are: the registry's list, or what this machine holds while MLflow is away."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, get_args

from registry.errors import RegistryError
from registry.local_store import Pointer
from registry.version import (
    CANDIDATE,
    DEPLOYED,
    MODEL_NAME,
    PREVIOUS,
    TAG_BASE_VERSION,
    TAG_BUNDLE_DIGEST,
    TAG_BUNDLE_VERSION,
    TAG_DATASET_DIGEST,
    TAG_DEPLOYED_AT,
    TAG_GATE,
    TAG_GATE_REASON_CODES,
    TAG_GATE_REASONS,
    TAG_GIT_COMMIT,
    TAG_LATENCY_PREFIX,
    TAG_METRIC_PREFIX,
    ModelVersion,
)
from serving.live.holder import LoadedModel
from serving.model_versions.schemas import GateOutcome, ModelList, ModelVersionOut, VersionStatus
from serving.model_versions.switch import ModelSwitch

# A version may have several aliases; the first of these says what it is.
_STATUSES: Final[Mapping[str, VersionStatus]] = {
    DEPLOYED: "deployed",
    CANDIDATE: "candidate",
    PREVIOUS: "previous",
}


def list_versions(switch: ModelSwitch, mlflow_port: int) -> ModelList:
    """Every version, newest first. Waits for the registry (3 s at most): call it in a thread."""
    active = switch.active
    try:
        found = switch.rest.versions(MODEL_NAME)
    except RegistryError:
        return ModelList(models=_held_versions(switch, active, mlflow_port), registry="unavailable")
    return ModelList(models=[version_out(v, active, mlflow_port) for v in found], registry="available")


def metrics_of(tags: Mapping[str, str]) -> dict[str, float]:
    """The numbers among a version's tags: `metric.…` without that word, latencies as `latency_ms.…`."""
    found = {}
    for key, text in tags.items():
        if not key.startswith((TAG_METRIC_PREFIX, TAG_LATENCY_PREFIX)):
            continue
        try:
            value = float(text)
        except ValueError:
            continue
        if math.isfinite(value):  # JSON has no NaN
            found[key.removeprefix(TAG_METRIC_PREFIX).removeprefix("ussop.")] = value
    return found


def gate_of(tags: Mapping[str, str]) -> GateOutcome | None:
    """What the gate said of a version by its tags, None where it was never asked."""
    return next((outcome for outcome in get_args(GateOutcome) if tags.get(TAG_GATE) == outcome), None)


def version_out(version: ModelVersion, active: LoadedModel | None, mlflow_port: int) -> ModelVersionOut:
    """A version of the registry as it travels over the wire."""
    tags = version.tags
    digest = tags.get(TAG_BUNDLE_DIGEST)
    return ModelVersionOut(
        id=version.version,
        name=version.name,
        version=version.version,
        status=next((status for alias, status in _STATUSES.items() if alias in version.aliases), "archived"),
        aliases=sorted(version.aliases),
        active=_is_active(active, version.version, digest),
        created_at=version.created_at,
        bundle_version=tags.get(TAG_BUNDLE_VERSION),
        bundle_digest=digest,
        dataset_digest=tags.get(TAG_DATASET_DIGEST),
        base_version=tags.get(TAG_BASE_VERSION),
        git_commit=tags.get(TAG_GIT_COMMIT),
        run_id=version.run_id,
        mlflow_url=_page_of(version.version, mlflow_port),
        metrics=metrics_of(tags),
        gate=gate_of(tags),
        gate_reasons=tags.get(TAG_GATE_REASONS, ""),
        gate_reason_codes=tags.get(TAG_GATE_REASON_CODES, "").split(),
        deployed_at=_moment(tags.get(TAG_DEPLOYED_AT)),
    )


def _held_versions(switch: ModelSwitch, active: LoadedModel | None, mlflow_port: int) -> list[ModelVersionOut]:
    held: list[ModelVersionOut] = []
    for alias in (DEPLOYED, PREVIOUS):
        pointer = switch.pointer(alias)
        if pointer is not None and pointer.version is not None and all(m.id != pointer.version for m in held):
            held.append(_from_pointer(alias, pointer, pointer.version, active, mlflow_port))
    if active is not None and active.registry_version is None:
        held.insert(0, _unregistered(active, mlflow_port))
    return held


def _unregistered(active: LoadedModel, mlflow_port: int) -> ModelVersionOut:
    """The model in use that no registry has seen yet: that of a first start, or of a platform without jobs."""
    shown = _from_pointer(DEPLOYED, Pointer(active.digest), f"bundle-{active.digest[:12]}", active, mlflow_port)
    own = active.version
    return shown.model_copy(update={"version": own, "bundle_version": own, "aliases": [], "active": True})


def _from_pointer(
    alias: str, pointer: Pointer, version: str, active: LoadedModel | None, mlflow_port: int
) -> ModelVersionOut:
    return ModelVersionOut(
        id=version,
        name=MODEL_NAME,
        version=version,
        status=_STATUSES[alias],
        aliases=[alias],
        active=_is_active(active, version, pointer.digest),
        created_at=None,
        bundle_version=None,
        bundle_digest=pointer.digest,
        dataset_digest=None,
        base_version=None,
        git_commit=None,
        run_id=None,
        mlflow_url=_page_of(version, mlflow_port),
        metrics={},
    )


def _is_active(active: LoadedModel | None, version: str, digest: str | None) -> bool:
    return active is not None and (active.registry_version, active.digest) == (version, digest)


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:  # tags are text that anybody may write
        return None


def _page_of(version: str, mlflow_port: int) -> str:
    return f"http://localhost:{mlflow_port}/#/models/{MODEL_NAME}/versions/{version}"
