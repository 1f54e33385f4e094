"""The gate between a candidate and the line: measured values in, a judgement with its reasons out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # scipy comes with it, and the host of the flows, which only lists them, does without
    from flows.tasks.rates import Rate

TAG_GATE: Final = "ussop.gate"
TAG_GATE_REASONS: Final = "ussop.gate.reasons"
TAG_GATE_TEST_DIGEST: Final = "ussop.gate.test_digest"
TAG_OVERRIDE_REASON: Final = "ussop.gate.override_reason"
TAG_APPROVED_BY: Final = "ussop.gate.approved_by"


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
        parity_breaks: What the golden pictures showed to be wrong, one line per backend; empty if they all agree.
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
    parity_breaks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a candidate must keep to beside being no worse.

    Attributes:
        latency_budget_ms: Longest 95th percentile of one inference.
    """

    latency_budget_ms: float = 200.0


@dataclass(frozen=True, slots=True)
class GateJudgement:
    """Whether a candidate may be deployed; the reasons say why not, and are empty otherwise."""

    reasons: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def judge(candidate: MeasuredVersion, deployed: MeasuredVersion, rules: GateRules) -> GateJudgement:
    """The judgement on a candidate that was measured on the same pictures as the deployed version.

    One escape more than the deployed version blocks, without a margin: an escape reaches the customer. On the same
    pictures the upper bound of the exact interval rises with the count, so that comparing counts and comparing upper
    bounds are one rule; waiting for intervals that do not overlap would let escapes double on a few hundred parts.
    False rejects, open verdicts and the recall of a class block when clearly worse (their intervals are disjoint):
    these cost money or attention, and vary by chance. Without that rule a version that fails every part, and so lets
    none escape, would pass.

    Args:
        candidate: The version that wants to be deployed.
        deployed: The version that is.
        rules: The rest.
    """
    return GateJudgement((*_evidence(candidate), *_worse(candidate, deployed), *_unfit(candidate, rules)))


def _evidence(candidate: MeasuredVersion) -> Iterator[str]:
    if candidate.escape.of == 0:
        yield "the test set has no defective part: the escape rate is unknown"
    if candidate.overkill.of == 0:
        yield "the test set has no good part: the overkill rate is unknown"
    if candidate.golden_pictures == 0:
        yield "the bundle has no golden pictures: that its backends agree is not shown"


def _worse(candidate: MeasuredVersion, deployed: MeasuredVersion) -> Iterator[str]:
    if lost := sorted(set(deployed.classes) - set(candidate.classes)):
        yield f"classes are lost: {', '.join(lost)}"
    if candidate.escape.count > deployed.escape.count:
        yield f"more escapes: {rate_text(candidate.escape)}, deployed {rate_text(deployed.escape)}"
    if candidate.overkill.low > deployed.overkill.high:
        yield f"clearly more overkill: {rate_text(candidate.overkill)}, deployed {rate_text(deployed.overkill)}"
    if candidate.uncertain.low > deployed.uncertain.high:
        yield f"clearly more uncertain: {rate_text(candidate.uncertain)}, deployed {rate_text(deployed.uncertain)}"
    for name, before in sorted(deployed.recall.items()):
        now = candidate.recall.get(name)
        if now is not None and now.high < before.low:
            yield f"clearly less recall of {name}: {rate_text(now)}, deployed {rate_text(before)}"


def _unfit(candidate: MeasuredVersion, rules: GateRules) -> Iterator[str]:
    for broken in candidate.parity_breaks:
        yield f"parity: {broken}"
    if candidate.latency_p95_ms > rules.latency_budget_ms:
        yield f"too slow: p95 {candidate.latency_p95_ms:.1f} ms, budget {rules.latency_budget_ms:g} ms"


def rate_text(rate: Rate) -> str:
    """A rate for people: count, share and exact 95 % interval."""
    if rate.of == 0:
        return "none to count"
    return f"{rate.count} of {rate.of} ({rate.share:.2%}, 95 % {rate.low:.2%} to {rate.high:.2%})"


def report(candidate: MeasuredVersion, deployed: MeasuredVersion, judgement: GateJudgement, *, outcome: str) -> str:
    """The judgement as Markdown, both versions beside each other.

    Args:
        candidate: As judged.
        deployed: As judged.
        judgement: On them.
        outcome: `passed`, `blocked` or `overridden`.
    """
    rows = [
        ("box mAP50", f"{candidate.box_ap50:.3f}", f"{deployed.box_ap50:.3f}"),
        ("escape", rate_text(candidate.escape), rate_text(deployed.escape)),
        ("overkill", rate_text(candidate.overkill), rate_text(deployed.overkill)),
        ("uncertain", rate_text(candidate.uncertain), rate_text(deployed.uncertain)),
        ("inference p95", f"{candidate.latency_p95_ms:.1f} ms", f"{deployed.latency_p95_ms:.1f} ms"),
        ("parity breaks", str(len(candidate.parity_breaks)), str(len(deployed.parity_breaks))),
    ]
    for name in sorted({*candidate.recall, *deployed.recall}):
        now, before = (rate_text(v.recall[name]) if name in v.recall else "-" for v in (candidate, deployed))
        rows.append((f"recall of {name}", now, before))
    lines = [f"# Gate: {outcome}", ""]
    lines += [f"- {reason}" for reason in judgement.reasons] or ["Nothing speaks against it."]
    lines += ["", f"| | candidate {candidate.version} | deployed {deployed.version} |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])
