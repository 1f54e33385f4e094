"""The golden pictures of the deployed version, judged by the candidate."""

from __future__ import annotations

from flows.gate import GoldenDifference
from models.bundle import Bundle
from models.intake import read_image
from models.recipe import Recipe
from models.runtime import open_runtime

SIMULATED = "simulated line"


def golden_differences(candidate: Bundle, deployed: Bundle) -> tuple[GoldenDifference, ...]:
    """Return the golden pictures of the deployed bundle on which the candidate decides otherwise, on the reference.

    Raises:
        ModelError: A picture cannot be read, or the candidate does not run.
    """
    runtime, found = open_runtime(candidate, backend="onnxruntime"), []
    for golden in deployed.manifest.golden:
        picture = read_image((deployed.root / golden.path).read_bytes())
        decision = runtime.inspect(picture, Recipe()).decision
        if decision != golden.decision:
            found.append(GoldenDifference(golden.path, golden.decision, decision))
    return tuple(found)


def golden_binds(candidate: Bundle, deployed: Bundle) -> bool:
    """Return whether a defect on a golden picture of the deployed bundle must still be found.

    The starter's golden pictures show parts of a simulated line, which no factory makes. A candidate that learned from
    real parts owes nothing to those.
    """
    return _kind(deployed) != SIMULATED or _kind(candidate) == SIMULATED


def _kind(bundle: Bundle) -> str | None:
    dataset = bundle.manifest.provenance.get("dataset")
    return dataset.get("kind") if isinstance(dataset, dict) else None
