"""What is counted."""

from dataclasses import dataclass


@dataclass(slots=True)
class Count:
    """Some inspections; grows by `add`.

    Attributes:
        passed: Of them, those judged *pass*; `failed` and `uncertain` likewise.
        first: Of them, those of parts that were not inspected at their station before. A part without an id always is.
        first_passed: Of the first ones, those judged *pass*.
        time_ms: Their times together.
    """

    passed: int = 0
    failed: int = 0
    uncertain: int = 0
    first: int = 0
    first_passed: int = 0
    time_ms: float = 0.0

    @property
    def total(self) -> int:
        """All of them."""
        return self.passed + self.failed + self.uncertain

    @property
    def pass_rate(self) -> float:
        """Share of *pass*, 0 to 1; 0 where nothing was inspected: no figure may look better than what is known."""
        return self.passed / self.total if self.total else 0.0

    @property
    def first_pass_yield(self) -> float | None:
        """Share of *pass* among first inspections, 0 to 1; None without any."""
        return self.first_passed / self.first if self.first else None

    @property
    def mean_time_ms(self) -> float | None:
        """Mean time of an inspection; None without any."""
        return self.time_ms / self.total if self.total else None

    def add(self, other: "Count") -> None:
        """Count some more."""
        self.passed += other.passed
        self.failed += other.failed
        self.uncertain += other.uncertain
        self.first += other.first
        self.first_passed += other.first_passed
        self.time_ms += other.time_ms


@dataclass(slots=True)
class Defects:
    """Some defects; grows by `add`.

    Attributes:
        count: How many.
        measured: Of them, those with an area in mm².
        area_mm2: Area of the measured ones together.
    """

    count: int = 0
    measured: int = 0
    area_mm2: float = 0.0

    def add(self, other: "Defects") -> None:
        """Count some more."""
        self.count += other.count
        self.measured += other.measured
        self.area_mm2 += other.area_mm2


ByVersion = dict[tuple[str, str], Count]
"""Inspections by station and version of the model."""
ByClass = dict[tuple[str, str], Defects]
"""Defects by station and class."""
ByOverruling = dict[tuple[str, str], int]
"""Overruled inspections by the model's verdict and the person's."""
Stations = frozenset[str] | None
"""Which stations to look at; None means all."""
