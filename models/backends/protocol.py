"""What every backend offers: one call, safe from many threads at once."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

BackendName = Literal["openvino", "onnxruntime"]
Precision = Literal["f32", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class BackendDescription:
    """What really runs, for status pages and for the record of each verdict.

    Attributes:
        name: The library.
        device: Device as the library names it, for instance `CPU`.
        precision: Precision of the computation.
        fallback_reason: Why it is not what was asked for; None if it is.
    """

    name: BackendName
    device: str
    precision: Precision
    fallback_reason: str | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.device}:{self.precision}"


class Backend(Protocol):
    """A network ready to run."""

    @property
    def description(self) -> BackendDescription:
        """What runs."""
        ...

    def run(self, blob: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """The outputs for one input, in the network's order; arrays of their own, safe to keep.

        Args:
            blob: float32 (1, 3, height, width).

        Raises:
            InferenceError: The library failed.
        """
        ...
