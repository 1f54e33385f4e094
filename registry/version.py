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
