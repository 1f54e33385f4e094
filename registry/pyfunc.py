"""A version as a pyfunc: `mlflow.pyfunc.load_model("models:/inspector@deployed").predict(...)`.

MLflow finds `_load_pyfunc` here by name (Source: MLflow, custom `loader_module` of the python_function flavour).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from models.bundle import load_bundle
from models.intake import read_image
from models.recipe import Recipe
from models.runtime import Runtime, open_runtime


class BundlePyfunc:
    """The bundle behind MLflow's `predict`."""

    def __init__(self, runtime: Runtime) -> None:
        """Takes an open runtime."""
        self._runtime = runtime

    def predict(
        self, model_input: "pd.DataFrame | Sequence[bytes]", params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """One row per picture: decision, confidence, detections (JSON), as live inspection gives them.

        Args:
            model_input: Encoded pictures: a column `image`, or a plain list of bytes.
            params: `mm_per_px`, optional.

        Raises:
            ModelError: A picture does not decode, or the network fails.
        """
        pictures = model_input["image"].tolist() if isinstance(model_input, pd.DataFrame) else list(model_input)
        recipe = Recipe(mm_per_px=(params or {}).get("mm_per_px"))
        verdicts = [self._runtime.inspect(read_image(bytes(data)), recipe) for data in pictures]
        return pd.DataFrame(
            {
                "decision": [v.decision for v in verdicts],
                "confidence": [v.confidence for v in verdicts],
                "detections": [json.dumps([asdict(d) for d in v.detections]) for v in verdicts],
            }
        )


def _load_pyfunc(path: str) -> BundlePyfunc:
    return BundlePyfunc(open_runtime(load_bundle(Path(path))))
