"""A version of a registered model, as the registry describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final, Self

MODEL_NAME: Final = "inspector"
CANDIDATE: Final = "candidate"
DEPLOYED: Final = "deployed"
PREVIOUS: Final = "previous"

# Tags by which a version is tied to what it came from and to its bytes.
TAG_BUNDLE_DIGEST: Final = "ussop.bundle_digest"
TAG_BUNDLE_VERSION: Final = "ussop.bundle_version"
TAG_DATASET_DIGEST: Final = "ussop.dataset_digest"
TAG_BASE_VERSION: Final = "ussop.base_version"
TAG_GIT_COMMIT: Final = "ussop.git_commit"
TAG_FLOW_RUN: Final = "ussop.flow_run_id"
# On the run: the version that came of it, so that the way back is as short as the way there.
TAG_MODEL_VERSION: Final = "ussop.model_version"
# Folder of the frozen test parts of its data set, on the machine that trained it.
TAG_TEST_SET: Final = "ussop.test_set"
# When it was put to use last (UTC); a version without it never inspected.
TAG_DEPLOYED_AT: Final = "ussop.deployed_at"

# What the gate said: `passed`, `blocked` or `overridden`, why, on which pictures, and where its figures are kept.
TAG_GATE: Final = "ussop.gate"
TAG_GATE_REASONS: Final = "ussop.gate.reasons"
TAG_GATE_REASON_CODES: Final = "ussop.gate.reason_codes"
TAG_GATE_TEST_DIGEST: Final = "ussop.gate.test_digest"
TAG_GATE_RUN: Final = "ussop.gate.run_id"
TAG_GATE_FLOW_RUN: Final = "ussop.gate.flow_run_id"
TAG_GATE_AT: Final = "ussop.gate.judged_at"
TAG_OVERRIDE_REASON: Final = "ussop.gate.override_reason"
TAG_APPROVED_BY: Final = "ussop.gate.approved_by"
GATE_EXPERIMENT: Final = "inspector-gate"
GATE_REPORT: Final = "gate.json"
TAG_LENGTH: Final = 4000  # MLflow refuses tags of more than 5,000 characters

# Numbers worth a look beside the version: `ussop.metric.box_ap50`, `ussop.latency_ms.openvino.f32`.
TAG_METRIC_PREFIX: Final = "ussop.metric."
TAG_LATENCY_PREFIX: Final = "ussop.latency_ms."

# Folder of the bundle inside a version's artifacts; beside it lies the `MLmodel` file.
BUNDLE_FOLDER: Final = "bundle"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version.

    Attributes:
        name: Name of the registered model.
        version: Its number, as text.
        source: Where its artifacts lie, as the registry writes it.
        run_id: The run that made it, None for one that was imported.
        created_at: UTC.
        tags: Tags of the version.
        aliases: The aliases that point at it.
    """

    name: str
    version: str
    source: str
    run_id: str | None
    created_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """The version of a REST answer (Source: MLflow REST API, structure `ModelVersion`)."""
        return cls(
            name=str(content["name"]),
            version=str(content["version"]),
            source=str(content.get("source", "")),
            run_id=str(content["run_id"]) if content.get("run_id") else None,
            created_at=datetime.fromtimestamp(int(content.get("creation_timestamp", 0)) / 1000, UTC),
            tags={str(t["key"]): str(t.get("value", "")) for t in content.get("tags", [])},
            aliases=tuple(str(a) for a in content.get("aliases", [])),
        )


@dataclass(frozen=True, slots=True)
class TrackedMetrics:
    """A run in MLflow with the newest value of each metric.

    Attributes:
        run_id: Its id.
        experiment_id: Of the experiment it belongs to.
        metrics: By name.
    """

    run_id: str
    experiment_id: str
    metrics: Mapping[str, float]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """The run of a REST answer (Source: MLflow REST API, structure `Run`)."""
        metrics = content.get("data", {}).get("metrics", [])
        return cls(
            run_id=str(content["info"]["run_id"]),
            experiment_id=str(content["info"]["experiment_id"]),
            # NaN travels as a word, and is no figure.
            metrics={str(m["key"]): float(m["value"]) for m in metrics if isfinite(float(m["value"]))},
        )
