"""A whole simulated line: an endless, random-access row of parts, some of them defective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from models.simulation.marks import DEFECT_CLASSES
from models.simulation.part import SimulatedPart, render_part

USUAL_COUNTS = {1: 0.7, 2: 0.22, 3: 0.08}
"""How many defects a defective part has, and how often."""
CROWDED_COUNTS = {1: 0.25, 2: 0.25, 3: 0.2, 4: 0.2, 5: 0.1}
"""The same for parts to learn from: a defect costs a trainer less when it shares the picture."""


@dataclass(frozen=True, slots=True)
class SimulatedLine:
    """A line whose part `index` is always the same picture, in whatever order parts are asked for.

    Attributes:
        seed: Chooses the line: its lamp, its parts and their defects.
        defect_rate: The share of defective parts, 0..1.
        defect_counts: How many defects a defective part has (key) and how often (value; they sum to 1).
    """

    seed: int
    defect_rate: float = 0.3
    defect_counts: Mapping[int, float] = field(default_factory=lambda: USUAL_COUNTS)

    def __post_init__(self) -> None:
        """Refuse a rate that is no share.

        Raises:
            ValueError: `defect_rate` lies outside 0..1.
        """
        if not 0.0 <= self.defect_rate <= 1.0:
            raise ValueError(f"defect_rate must lie in 0..1, not {self.defect_rate}")

    def part(self, index: int) -> SimulatedPart:
        """Return part `index` (from 0) of this line."""
        return render_part(self.seed, index, defects=self.defects_of(index))

    def defects_of(self, index: int) -> tuple[str, ...]:
        """Return the classes of defects that part `index` is given; empty for a good part."""
        rng = np.random.default_rng((self.seed, index, 0xDEF))
        if rng.random() >= self.defect_rate:
            return ()
        count = int(rng.choice(list(self.defect_counts), p=list(self.defect_counts.values())))
        return tuple(DEFECT_CLASSES[int(k)] for k in rng.integers(0, len(DEFECT_CLASSES), count))
