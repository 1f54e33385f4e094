"""The gate's judgement for people (Markdown), for machines (JSON) and for MLflow (metrics)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from flows.gate import GateJudgement, GateRules, GoldenDifference, MeasuredVersion, ParityCheck, rate_text

Outcome = Literal["passed", "blocked", "overridden"]


@dataclass(frozen=True, slots=True)
class DifferingPart:
    """A picture on which both versions decide differently.

    Attributes:
        picture: File name, or the path in the deployed bundle of a golden one.
        truth: What the part is: `good`, `defective`, or `golden` where the deployed version's word counts.
        candidate: The candidate's decision.
        deployed: The deployed version's.
        shown_in: File of the drawing among the record's artefacts, None where it was left out.
    """

    picture: str
    truth: Literal["good", "defective", "golden"]
    candidate: str
    deployed: str
    shown_in: str | None = None


@dataclass(frozen=True, slots=True)
class GateRecord:
    """Everything that the gate saw and said.

    Attributes:
        candidate: As measured.
        deployed: As measured on the same pictures.
        rules: What the candidate had to keep to.
        judgement: On them.
        outcome: `passed`, `blocked`, or `overridden` by a person.
        test_digest: Of the test set.
        test_pictures: Its pictures.
        golden: Golden pictures of the deployed version that the candidate judges otherwise.
        differing: Pictures of the test set and of the golden set with two decisions.
        context: When, by which flow run, on whose word; strings only.
        more_metrics: Of the candidate's error analysis, for MLflow.
        more_lines: The same as Markdown, for people.
    """

    candidate: MeasuredVersion
    deployed: MeasuredVersion
    rules: GateRules
    judgement: GateJudgement
    outcome: Outcome
    test_digest: str
    test_pictures: int
    golden: tuple[GoldenDifference, ...] = ()
    differing: tuple[DifferingPart, ...] = ()
    context: dict[str, str] = field(default_factory=dict)
    more_metrics: dict[str, float] = field(default_factory=dict)
    more_lines: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values; what the API and the dashboard show."""
        return {
            "version": self.candidate.version,
            "compared_with": self.deployed.version,
            "outcome": self.outcome,
            "reasons": [word.text for word in self.judgement.reasons],
            "remarks": [word.text for word in self.judgement.remarks],
            # The same, in the same order, for those who say it in another language.
            "reason_words": [{"code": word.code, "params": dict(word.params)} for word in self.judgement.reasons],
            "remark_words": [{"code": word.code, "params": dict(word.params)} for word in self.judgement.remarks],
            "rules": asdict(self.rules),
            "test_set": {"digest": self.test_digest, "pictures": self.test_pictures},
            "candidate": asdict(self.candidate),
            "deployed": asdict(self.deployed),
            "golden": [asdict(difference) for difference in self.golden],
            "differing": [asdict(part) for part in self.differing],
            **self.context,
        }

    def metrics(self) -> dict[str, float]:
        """The figures of both versions under names that stand beside each other in MLflow."""
        found: dict[str, float] = {}
        for name, measured in (("candidate", self.candidate), ("deployed", self.deployed)):
            found |= {
                f"{name}.box_ap50": measured.box_ap50,
                f"{name}.escape_rate": measured.escape.share,
                f"{name}.overkill_rate": measured.overkill.share,
                f"{name}.uncertain_rate": measured.uncertain.share,
                f"{name}.latency_p95_ms": measured.latency_p95_ms,
                **{f"{name}.recall.{key}": rate.share for key, rate in measured.recall.items()},
            }
        return found | self.more_metrics

    def to_markdown(self, links: Sequence[str] = ()) -> str:
        """The same for people, both versions beside each other.

        Args:
            links: Markdown links to put at the end.
        """
        lines = [f"# Gate: {self.outcome}", ""]
        lines += [f"- {reason}" for reason in self.judgement.reasons] or ["Nothing speaks against it."]
        if self.judgement.remarks:
            lines += ["", "Remarks:", "", *(f"- {remark}" for remark in self.judgement.remarks)]
        lines += ["", f"| | candidate {self.candidate.version} | deployed {self.deployed.version} |", "|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in _rows(self.candidate, self.deployed)]
        if self.differing:
            lines += ["", f"{len(self.differing)} pictures with two decisions:", ""]
            lines += ["| picture | part | candidate | deployed |", "|---|---|---|---|"]
            lines += [f"| {d.picture} | {d.truth} | {d.candidate} | {d.deployed} |" for d in self.differing]
        return "\n".join([*lines, "", *self.more_lines, *links, ""])


def _rows(candidate: MeasuredVersion, deployed: MeasuredVersion) -> list[tuple[str, str, str]]:
    rows = [
        ("box mAP50", f"{candidate.box_ap50:.3f}", f"{deployed.box_ap50:.3f}"),
        ("escape", rate_text(candidate.escape), rate_text(deployed.escape)),
        ("overkill", rate_text(candidate.overkill), rate_text(deployed.overkill)),
        ("uncertain", rate_text(candidate.uncertain), rate_text(deployed.uncertain)),
        ("inference p95", f"{candidate.latency_p95_ms:.1f} ms", f"{deployed.latency_p95_ms:.1f} ms"),
        ("golden pictures", str(candidate.golden_pictures), str(deployed.golden_pictures)),
    ]
    for name in sorted({*candidate.recall, *deployed.recall}):
        now, before = (rate_text(v.recall[name]) if name in v.recall else "-" for v in (candidate, deployed))
        rows.append((f"recall of {name}", now, before))
    checks = [{check.runs_on: check for check in version.parity} for version in (candidate, deployed)]
    for name in dict.fromkeys(key for found in checks for key in found):
        now, before = (_agreement(found.get(name)) for found in checks)
        rows.append((f"parity: {name}", now, before))
    return rows


def _agreement(check: ParityCheck | None) -> str:
    if check is None:
        return "-"
    return check.broken or f"agrees, scores within {check.score_gap:.4f}"
