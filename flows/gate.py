"""The gate between a candidate and the line: measured values in, a judgement with its reasons out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.decide import Decision

if TYPE_CHECKING:  # scipy comes with it, and the host of the flows, which only lists them, does without
    from flows.tasks.rates import Rate

_MOST_FAIL = 0.5
"""Share of good parts; a version that certainly fails more of them inspects nothing."""


@dataclass(frozen=True, slots=True)
class ParityCheck:
    """What the golden pictures of a bundle showed on one way to run it.

    Attributes:
        runs_on: The library, and the precision of its computation.
        score_gap: Largest difference of a score from the one expected; None where it does not agree.
        broken: What is wrong, None where every decision, box and score is as expected.
    """

    runs_on: str
    score_gap: float | None = None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class MeasuredVersion:
    """What one version does on the test set and on this machine.

    Attributes:
        version: Its number in the registry.
        classes: The classes it knows.
        box_ap50: Average precision of the boxes at an overlap of 0.5, 0..1.
        escape: Defective parts judged pass.
        overkill: Good parts judged fail.
        uncertain: Parts judged uncertain.
        recall: Annotated defects of a class that are found at its accept threshold, by class.
        latency_p95_ms: 95th percentile of one inference as live inspection runs it.
        golden_pictures: Golden pictures in its bundle.
        parity: What these showed on each backend and precision, and of the trained network where that was compared.
    """

    version: str
    classes: tuple[str, ...]
    box_ap50: float
    escape: Rate
    overkill: Rate
    uncertain: Rate
    recall: Mapping[str, Rate]
    latency_p95_ms: float
    golden_pictures: int
    parity: tuple[ParityCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class GoldenDifference:
    """A golden picture of the deployed version on which the candidate decides otherwise.

    Attributes:
        picture: Its path in the deployed bundle.
        expected: The decision that the deployed bundle promises.
        found: The candidate's.
    """

    picture: str
    expected: Decision
    found: Decision


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a candidate must keep to beside being no worse.

    Attributes:
        latency_budget_ms: Longest 95th percentile of one inference.
        golden_binds: Whether an escape on a golden picture of the deployed version blocks.
    """

    latency_budget_ms: float = 200.0
    golden_binds: bool = True


@dataclass(frozen=True, slots=True)
class GateWord:
    """One thing that the gate says: in English, and as a code with figures for who says it in another language.

    Attributes:
        code: Which sentence it is.
        text: The sentence.
        params: What stands in its places.
    """

    code: str
    text: str
    params: Mapping[str, str | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        """The sentence."""
        return self.text


@dataclass(frozen=True, slots=True)
class GateJudgement:
    """Whether a candidate may be deployed.

    Attributes:
        reasons: Why not; empty if it may.
        remarks: What a person should know and what blocks nothing.
        unfit: Why not even a person's override can deploy it; empty otherwise.
    """

    reasons: tuple[GateWord, ...] = field(default=())
    remarks: tuple[GateWord, ...] = field(default=())
    unfit: tuple[GateWord, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def judge(
    candidate: MeasuredVersion,
    deployed: MeasuredVersion,
    rules: GateRules,
    golden: Iterable[GoldenDifference] = (),
) -> GateJudgement:
    """The judgement on a candidate that was measured on the same pictures as the deployed version.

    One escape more than the deployed version blocks, without a margin: an escape reaches the customer. On the same
    pictures the upper bound of the exact interval rises with the count, so that comparing counts and comparing upper
    bounds are one rule; waiting for intervals that do not overlap would let escapes double on a few hundred parts.
    False rejects, open verdicts and the recall of a class block when clearly worse (their intervals are disjoint):
    these cost money or attention, and vary by chance. Without that rule a version that fails every part, and so lets
    none escape, would pass.

    A golden picture of the deployed version shows a clear case. A defect there that the candidate lets pass blocks; any
    other difference is a remark, since the test set counts those with an interval.

    A deployed version that fails most good parts, as the starter does with parts it never saw, lets few escape for that
    reason alone. Its successor is blocked all the same, since only a person can say what the line does meanwhile; a
    remark tells them so.

    Args:
        candidate: The version that wants to be deployed.
        deployed: The version that is.
        rules: The rest.
        golden: The golden pictures of the deployed version that the candidate judges otherwise.
    """
    escapes: list[GateWord] = []
    others: list[GateWord] = []
    for difference in golden:
        is_escape = difference.expected == "fail" and difference.found == "pass"
        (escapes if is_escape and rules.golden_binds else others).append(_golden(difference))
    unfit = tuple(_not_deployable(candidate))
    reasons = (*_evidence(candidate), *unfit, *_worse(candidate, deployed), *escapes, *_broken(candidate, rules))
    remarks = (*others, *_no_measure(candidate, deployed), *_not_shown(candidate))
    return GateJudgement(reasons, remarks, unfit)


def _evidence(candidate: MeasuredVersion) -> Iterator[GateWord]:
    if candidate.escape.of == 0:
        yield GateWord("no_defective_part", "the test set has no defective part: the escape rate is unknown")
    if candidate.overkill.of == 0:
        yield GateWord("no_good_part", "the test set has no good part: the overkill rate is unknown")


def _not_deployable(candidate: MeasuredVersion) -> Iterator[GateWord]:
    if candidate.golden_pictures == 0:
        yield GateWord("no_golden", "the bundle has no golden pictures: no machine could test itself with it")


def _worse(candidate: MeasuredVersion, deployed: MeasuredVersion) -> Iterator[GateWord]:
    if lost := sorted(set(deployed.classes) - set(candidate.classes)):
        yield GateWord("classes_lost", f"classes are lost: {', '.join(lost)}", {"classes": ", ".join(lost)})
    if candidate.escape.count > deployed.escape.count:
        yield _compared("more_escapes", "more escapes", candidate.escape, deployed.escape)
    if candidate.overkill.low > deployed.overkill.high:
        yield _compared("more_overkill", "clearly more overkill", candidate.overkill, deployed.overkill)
    if candidate.uncertain.low > deployed.uncertain.high:
        yield _compared("more_uncertain", "clearly more uncertain", candidate.uncertain, deployed.uncertain)
    for name, before in sorted(deployed.recall.items()):
        now = candidate.recall.get(name)
        if now is not None and now.high < before.low:
            yield _compared("less_recall", f"clearly less recall of {name}", now, before, {"class_name": name})


def _no_measure(candidate: MeasuredVersion, deployed: MeasuredVersion) -> Iterator[GateWord]:
    if candidate.escape.count > deployed.escape.count and deployed.overkill.low > _MOST_FAIL:
        count, of = deployed.overkill.count, deployed.overkill.of
        text = f"the deployed version fails {count} of {of} good parts: that few escape it is no measure"
        yield GateWord("deployed_fails_good_parts", text, {"count": count, "of": of})


def _broken(candidate: MeasuredVersion, rules: GateRules) -> Iterator[GateWord]:
    for check in candidate.parity:
        if check.broken:
            params = {"runs_on": check.runs_on, "detail": check.broken}
            yield GateWord("parity", f"parity: {check.runs_on}: {check.broken}", params)
    found_ms, budget_ms = candidate.latency_p95_ms, rules.latency_budget_ms
    if found_ms > budget_ms:
        text = f"too slow: p95 {found_ms:.1f} ms, budget {budget_ms:g} ms"
        yield GateWord("too_slow", text, {"p95_ms": found_ms, "budget_ms": budget_ms})


def _not_shown(candidate: MeasuredVersion) -> Iterator[GateWord]:
    if not any(check.runs_on.startswith("torch") for check in candidate.parity):
        text = "torch: not compared, the bundle carries no comparison with the network that was trained"
        yield GateWord("torch_not_compared", text)


def _golden(difference: GoldenDifference) -> GateWord:
    text = f"golden picture {difference.picture}: {difference.found}, deployed {difference.expected}"
    params = {"picture": difference.picture, "found": difference.found, "expected": difference.expected}
    return GateWord("golden_differs", text, params)


def _compared(code: str, words: str, now: Rate, before: Rate, params: Mapping[str, str] | None = None) -> GateWord:
    figures = {
        f"{side}_{name}": getattr(rate, name)
        for side, rate in (("now", now), ("before", before))
        for name in ("count", "of", "share", "low", "high")
    }
    return GateWord(code, f"{words}: {rate_text(now)}, deployed {rate_text(before)}", {**figures, **(params or {})})


def rate_text(rate: Rate) -> str:
    """A rate for people: count, share and exact 95 % interval."""
    if rate.of == 0:
        return "none to count"
    return f"{rate.count} of {rate.of} ({rate.share:.2%}, 95 % {rate.low:.2%} to {rate.high:.2%})"
