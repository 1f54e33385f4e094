"""Two versions beside each other: figures, classes, thresholds, and what they came from."""

from typing import Literal

from pydantic import BaseModel

from models.manifest import Manifest
from registry.errors import RegistryError
from registry.sync import read_manifest
from registry.version import ModelVersion
from serving.model_versions.asking import registered_version
from serving.model_versions.schemas import ModelVersionOut
from serving.model_versions.service import version_out
from serving.model_versions.switch import ModelSwitch


class MetricPair(BaseModel):
    """One figure of both versions."""

    name: str
    a: float | None
    b: float | None
    difference: float | None
    """`b - a`; None where one of them lacks the figure."""


class ThresholdPair(BaseModel):
    """Accept below and reject from of one class, in both versions; None where a version does not know the class."""

    class_name: str
    a: tuple[float, float] | None
    b: tuple[float, float] | None


class ClassComparison(BaseModel):
    """The classes of both versions."""

    both: list[str]
    only_a: list[str]
    only_b: list[str]
    thresholds: list[ThresholdPair]


class LineageComparison(BaseModel):
    """What ties the two together; None where a version does not say what it came from."""

    same_bundle: bool
    same_dataset: bool | None
    same_git_commit: bool | None
    descent: Literal["a_from_b", "b_from_a", "same_base"] | None
    """Who started from whose weights, in one step."""


class ComparisonOut(BaseModel):
    """Two versions beside each other."""

    a: ModelVersionOut
    b: ModelVersionOut
    metrics: list[MetricPair]
    classes: ClassComparison | None
    """None where a bundle's manifest cannot be read or is not the one that was registered."""
    lineage: LineageComparison


def compare_versions(switch: ModelSwitch, mlflow_port: int, a: str, b: str) -> ComparisonOut:
    """The comparison. Waits for the registry (3 s at most a call): call it in a thread.

    Raises:
        NotFound: There is no such version.
        RegistryUnavailable: MLflow does not answer.
    """
    found = [registered_version(switch.rest, version) for version in (a, b)]
    first, second = (version_out(version, switch.active, mlflow_port) for version in found)
    return ComparisonOut(
        a=first,
        b=second,
        metrics=_metrics(first.metrics, second.metrics),
        classes=_classes(switch, *found),
        lineage=_lineage(first, second),
    )


def _metrics(a: dict[str, float], b: dict[str, float]) -> list[MetricPair]:
    pairs = []
    for name in sorted({*a, *b}):
        first, second = a.get(name), b.get(name)
        difference = None if first is None or second is None else round(second - first, 6)
        pairs.append(MetricPair(name=name, a=first, b=second, difference=difference))
    return pairs


def _classes(switch: ModelSwitch, a: ModelVersion, b: ModelVersion) -> ClassComparison | None:
    try:
        first, second = (read_manifest(switch.rest, version) for version in (a, b))
    except RegistryError:
        return None
    names = [*first.classes, *(name for name in second.classes if name not in first.classes)]
    return ClassComparison(
        both=[name for name in first.classes if name in second.classes],
        only_a=[name for name in first.classes if name not in second.classes],
        only_b=[name for name in second.classes if name not in first.classes],
        thresholds=[ThresholdPair(class_name=n, a=_limits(first, n), b=_limits(second, n)) for n in names],
    )


def _limits(manifest: Manifest, name: str) -> tuple[float, float] | None:
    limits = manifest.thresholds.get(name)
    return None if limits is None else (limits.accept_below, limits.reject_above)


def _lineage(a: ModelVersionOut, b: ModelVersionOut) -> LineageComparison:
    descent: Literal["a_from_b", "b_from_a", "same_base"] | None = None
    if a.base_version == b.id:
        descent = "a_from_b"
    elif b.base_version == a.id:
        descent = "b_from_a"
    elif a.base_version is not None and a.base_version == b.base_version:
        descent = "same_base"
    return LineageComparison(
        same_bundle=a.bundle_digest is not None and a.bundle_digest == b.bundle_digest,
        same_dataset=_same(a.dataset_digest, b.dataset_digest),
        same_git_commit=_same(a.git_commit, b.git_commit),
        descent=descent,
    )


def _same(a: str | None, b: str | None) -> bool | None:
    return None if a is None or b is None else a == b
