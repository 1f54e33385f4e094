"""The p-chart: shares of rejected parts in subgroups, judged by the Western Electric rules."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BASELINE_SUBGROUPS: Final = 25
"""Subgroups from which the centre line is taken. Source: Montgomery, Introduction to Statistical Quality Control,
7.2.1: limits from 20 to 25 preliminary samples."""
JUDGED_SUBGROUPS: Final = 8
"""The longest of the rules looks at eight points."""
LEAST_EXPECTED: Final = 5.0
"""Rejects, and passes, that a subgroup must be expected to hold so that the binomial is near enough to the normal
distribution that the zones assume. Source: the usual rule n·p ≥ 5 and n·(1-p) ≥ 5, ibid. 3.5.4."""
# A share that equals the centre line must not lie on one side of it by the last bit of a float.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule that the newest points break.

    Attributes:
        rule: Number of the rule, 1 to 4.
        meaning: The rule in words.
        above: Whether the points lie above the centre line (more rejects) or below it.
        newest: Newest share of rejects.
        centre: Centre line.
        sigma: Standard deviation of a share, of the subgroup's size.
    """

    rule: int
    meaning: str
    above: bool
    newest: float
    centre: float
    sigma: float


# Points that must lie beyond so many sigma, of so many newest ones, all on one side.
# Source: Western Electric, Statistical Quality Control Handbook, 1956, part B, tests for unnatural patterns.
_RULES: Final = (
    (1, 1, 1, 3.0, "one point beyond 3 sigma"),
    (2, 2, 3, 2.0, "two of three points beyond 2 sigma"),
    (3, 4, 5, 1.0, "four of five points beyond 1 sigma"),
    (4, 8, 8, 0.0, "eight points in a row on one side"),
)


def needed_size(share: float, least: int) -> int | None:
    """Parts that a subgroup needs where this share is rejected, None where no size does (nothing or all rejected)."""
    rarer = min(share, 1.0 - share)
    return None if rarer <= 0.0 else max(least, math.ceil(LEAST_EXPECTED / rarer))


def shares(rejected: Sequence[bool], size: int) -> list[float]:
    """Share of rejects of each full subgroup, oldest first; takes the parts oldest first too."""
    start = len(rejected) % size
    return [sum(rejected[at : at + size]) / size for at in range(start, len(rejected), size)]


def judge(baseline: Sequence[float], newest: Sequence[float], size: int) -> Signal | None:
    """The first rule that the newest point breaks, None where the process is in control.

    Args:
        baseline: Shares of rejects from which the centre line is taken.
        newest: Shares of rejects that are judged, oldest first.
        size: Parts in each subgroup.
    """
    centre = sum(baseline) / len(baseline)
    sigma = math.sqrt(centre * (1.0 - centre) / size)
    if sigma == 0.0 or not newest:
        return None
    for rule, wanted, of, beyond, meaning in _RULES:
        recent = newest[-of:]
        for side in (1.0, -1.0):
            # The newest point must be one of them: an old excursion that is over is no signal any more.
            points = [side * (share - centre) > beyond * sigma + _ROUNDING for share in recent]
            if len(recent) == of and points[-1] and sum(points) >= wanted:
                return Signal(rule, meaning, side > 0, newest[-1], centre, sigma)
    return None
