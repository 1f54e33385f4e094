"""Exact confidence intervals of a share, without scipy: the serving side does without it."""

import math
from collections.abc import Callable
from typing import Final

_STEPS: Final = 60  # halvings of the interval 0-1: beyond the precision of a float


def clopper_pearson(count: int, of: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval of the share `count / of`; 0 to 1 where nothing was looked at.

    Args:
        count: Parts counted.
        of: Parts looked at.
        confidence: Probability that the interval covers the true share is at least this.

    Raises:
        ValueError: `count` is not in 0..`of`.

    Source:
        Clopper and Pearson (1934), Biometrika 26: the ends are the shares under which a count as extreme as this has
        half of the remaining probability.
    """
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of} is no share")
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if count == 0 else _share_where(lambda share: 1.0 - at_most(count - 1, of, share) >= tail)
    high = 1.0 if count == of else _share_where(lambda share: at_most(count, of, share) <= tail)
    return low, high


def at_most(count: int, of: int, share: float) -> float:
    """The probability of `count` or fewer among `of`, each with the probability `share`."""
    if share <= 0.0 or count >= of:
        return 1.0
    if share >= 1.0:
        return 0.0
    log_share, log_rest = math.log(share), math.log1p(-share)
    ways = math.lgamma(of + 1)
    return min(
        1.0,
        math.fsum(
            math.exp(ways - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * log_share + (of - k) * log_rest)
            for k in range(count + 1)
        ),
    )


def _share_where(reached: Callable[[float], bool]) -> float:
    """The smallest share for which a condition holds that once reached stays so."""
    below, above = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (below + above) / 2
        if reached(middle):
            above = middle
        else:
            below = middle
    return above
