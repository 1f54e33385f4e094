"""How far a distribution has moved: the population stability index.

PSI = Σ (r_i - e_i)·ln(r_i / e_i) over bins, r the recent shares and e those of the reference. It is 0 for equal
distributions; below 0.1 counts as stable, from 0.25 on as moved. Source: Siddiqi, Credit Risk Scorecards, 2006; for
equal distributions its mean is about (bins - 1)(1/n + 1/m) (Yurdakul and Naranjo, Journal of Risk Model Validation
14, 2020), so that samples of a few hundred stay far below 0.25. It says that pictures, parts or process look different
to the model; it does not say that the model is wrong.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

BINS: Final = 10
# Added to each bin so that an empty one makes no infinity.
_PSEUDO_COUNT: Final = 0.5


def psi(recent: Sequence[float], reference: Sequence[float]) -> float:
    """The index of two lists of counts over the same bins."""
    recent_total = sum(recent) + _PSEUDO_COUNT * len(recent)
    reference_total = sum(reference) + _PSEUDO_COUNT * len(reference)
    total = 0.0
    for recent_count, reference_count in zip(recent, reference, strict=True):
        now = (recent_count + _PSEUDO_COUNT) / recent_total
        before = (reference_count + _PSEUDO_COUNT) / reference_total
        total += (now - before) * math.log(now / before)
    return total


def score_psi(recent: Sequence[float], reference: Sequence[float]) -> float:
    """The index of two samples of scores, over bins that hold about a tenth of the reference each."""
    ordered = sorted(reference)
    # Scores that many parts share (1.0 of a clear pass) would give the same edge twice.
    edges = sorted({ordered[len(ordered) * n // BINS] for n in range(1, BINS)})
    return psi(_counts(recent, edges), _counts(reference, edges))


def class_psi(recent: Mapping[str, int], reference: Mapping[str, int]) -> float:
    """The index of two counts by class; what is rarer than the nine most frequent classes is taken together."""
    both = {name: recent.get(name, 0) + reference.get(name, 0) for name in {*recent, *reference}}
    frequent = sorted(both, key=lambda name: (-both[name], name))[: BINS - 1]

    def counts(of: Mapping[str, int]) -> list[float]:
        known = [float(of.get(name, 0)) for name in frequent]
        return [*known, sum(of.values()) - sum(known)]

    return psi(counts(recent), counts(reference))


def _counts(scores: Sequence[float], edges: Sequence[float]) -> list[float]:
    # An edge is a bin of its own beside those between the edges, for scores that many parts share.
    counts = [0.0] * (2 * len(edges) + 1)
    for score in scores:
        counts[bisect_left(edges, score) + bisect_right(edges, score)] += 1
    return counts
