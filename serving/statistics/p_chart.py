"""The p-chart: whether the share of failed parts is still what chance alone makes of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_SIGMAS: Final = 3.0


@dataclass(frozen=True, slots=True)
class PChart:
    """Shares and limits, one value per sample; None where nothing was inspected.

    Attributes:
        p: Share of failed parts, 0 to 1.
        n: Size of the sample.
        centre_line: Share of failed parts over all samples.
        lower_limit: Lower control limit, at least 0.
        upper_limit: Upper control limit, at most 1.
    """

    p: list[float | None]
    n: list[int]
    centre_line: float | None
    lower_limit: list[float | None]
    upper_limit: list[float | None]


def p_chart(failed: Sequence[int], total: Sequence[int]) -> PChart:
    """The chart of samples of different sizes.

    The limits of a sample of n are p̄ ± 3 √(p̄ (1 - p̄) / n), with p̄ over all samples.
    Source: NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.3.2, proportions control charts.

    Args:
        failed: Failed parts per sample.
        total: Inspected parts per sample.
    """
    inspected = sum(total)
    if inspected == 0:
        nothing: list[float | None] = [None] * len(total)
        return PChart(nothing, list(total), None, nothing, nothing)
    centre = sum(failed) / inspected
    widths = [_SIGMAS * math.sqrt(centre * (1 - centre) / n) if n else None for n in total]
    return PChart(
        p=[f / n if n else None for f, n in zip(failed, total, strict=True)],
        n=list(total),
        centre_line=centre,
        lower_limit=[None if width is None else max(0.0, centre - width) for width in widths],
        upper_limit=[None if width is None else min(1.0, centre + width) for width in widths],
    )
