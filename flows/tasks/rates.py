"""Shares of parts judged wrongly, with exact confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy.stats import beta

from flows.tasks.evaluate import Inspected
from models.decide import decide
from models.recipe import Recipe, Thresholds


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its exact interval.

    Attributes:
        count: Parts counted.
        of: Parts looked at.
        share: `count / of`, 0 where nothing was looked at.
        low: Lower end of the 95 % interval.
        high: Upper end of it.
    """

    count: int
    of: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class VerdictRates:
    """How often the verdict on a part is wrong or left open.

    Attributes:
        escape: Defective parts judged pass.
        overkill: Good parts judged fail.
        uncertain: Parts of either kind judged uncertain.
        uncertain_good: Good parts judged uncertain.
        uncertain_defective: Defective parts judged uncertain.
    """

    escape: Rate
    overkill: Rate
    uncertain: Rate
    uncertain_good: Rate
    uncertain_defective: Rate

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a manifest or a report."""
        return asdict(self)


def clopper_pearson(count: int, of: int, *, confidence: float = 0.95) -> Rate:
    """Return the share `count / of` with its exact two-sided interval.

    Raises:
        ValueError: `count` is not in 0..`of`.

    Source:
        Clopper and Pearson (1934), Biometrika 26: quantiles of the beta distribution.
    """
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of} is no share")
    tail = (1.0 - confidence) / 2.0
    low = float(beta.ppf(tail, count, of - count + 1)) if count > 0 else 0.0
    high = float(beta.ppf(1.0 - tail, count + 1, of - count)) if count < of else 1.0
    return Rate(count, of, count / of if of else 0.0, low, high)


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether parts show that a share stays below what is allowed, and how many more would.

    Attributes:
        allowed: The share that is allowed.
        count: Wrong verdicts seen.
        of: Parts looked at.
        at_most: With 95 % confidence the true share is no larger.
        more_parts: So many more parts without a wrong verdict would prove `allowed`; 0 where it is proven.
    """

    allowed: float
    count: int
    of: int
    at_most: float
    more_parts: int

    @property
    def is_proven(self) -> bool:
        """Whether nothing is missing."""
        return self.more_parts == 0


def at_most(count: int, of: int, *, confidence: float = 0.95) -> float:
    """Return the exact one-sided upper limit of a share.

    Source:
        Clopper and Pearson (1934); with no error among n parts it is 1 - 0.05^(1/n), the "rule of three".
    """
    return float(beta.ppf(confidence, count + 1, of - count)) if count < of else 1.0


def proof(rate: Rate, allowed: float, *, confidence: float = 0.95) -> Proof:
    """Return how far a measured share proves that the true one is at most `allowed`.

    Parts to come are counted as if no further one were judged wrongly: fewer are never enough.

    Raises:
        ValueError: `allowed` is not in ]0, 1[, which no number of parts proves, or need not be proven.
    """
    if not 0.0 < allowed < 1.0:
        raise ValueError(f"a share of {allowed} cannot be proven by counting parts")
    limit = at_most(rate.count, rate.of, confidence=confidence)
    if rate.of > 0 and limit <= allowed:
        return Proof(allowed, rate.count, rate.of, limit, 0)
    low, high = 0, 1
    while at_most(rate.count, rate.of + high, confidence=confidence) > allowed:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        is_enough = at_most(rate.count, rate.of + middle, confidence=confidence) <= allowed
        low, high = (low, middle) if is_enough else (middle, high)
    return Proof(allowed, rate.count, rate.of, limit, high)


def proof_text(name: str, kind: str, found: Proof) -> str:
    """Return the proof as a sentence: what was seen, and what is missing."""
    seen = f"{name}: {found.count} of {found.of} {kind} parts, at most {found.at_most:.1%} with 95 % confidence"
    if found.is_proven:
        return f"{seen}; {found.allowed:.1%} is proven"
    if found.count > found.allowed * found.of:
        return f"{seen}; that is more than the {found.allowed:.1%} allowed"
    return f"{seen}; {found.more_parts} more {kind} parts without an error are needed to prove {found.allowed:.1%}"


def verdict_rates(inspected: Sequence[Inspected], thresholds: Mapping[str, Thresholds]) -> VerdictRates:
    """Return the rates of the verdicts that the live decision gives at these thresholds."""
    decisions = [(part.picture.is_good, decide(part.detections, thresholds, Recipe()).decision) for part in inspected]
    good = [decision for is_good, decision in decisions if is_good]
    defective = [decision for is_good, decision in decisions if not is_good]
    return VerdictRates(
        escape=clopper_pearson(defective.count("pass"), len(defective)),
        overkill=clopper_pearson(good.count("fail"), len(good)),
        uncertain=clopper_pearson(good.count("uncertain") + defective.count("uncertain"), len(decisions)),
        uncertain_good=clopper_pearson(good.count("uncertain"), len(good)),
        uncertain_defective=clopper_pearson(defective.count("uncertain"), len(defective)),
    )
