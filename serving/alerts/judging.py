"""What the rules say of one station now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median, quantiles
from typing import Final

from sqlmodel import Session

from serving.alerts import control_chart, drift, samples
from serving.alerts.rules import RuleValues
from serving.alerts.samples import PartSample
from serving.alerts.schemas import Said, Severity

_MOST_PARTS: Final = 5000
_MOST_SUBGROUP_PARTS: Final = 600
_REFERENCE_TIMES: Final = 4
_LEAST_FOUND: Final = 200
WINDOW_RULES: Final = ("pass_rate", "cycle_time", "inspection_time")
"""The rules that look at the parts of the last minutes."""
_SUBGROUPS: Final = control_chart.BASELINE_SUBGROUPS + control_chart.JUDGED_SUBGROUPS


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of a station, or why it cannot say.

    Attributes:
        rule: Name of the rule.
        station_id: Where.
        severity: None where all is well.
        title: What is wrong, in short.
        message: What is wrong, with the figures.
        unsure: Why the rule cannot say; empty where it can. Its alert stays as it is for a while.
        said: The message, or why the rule cannot say, for machines.
    """

    rule: str
    station_id: str
    severity: Severity | None = None
    title: str = ""
    message: str = ""
    unsure: str = ""
    said: Said | None = None

    @property
    def dedupe_key(self) -> str:
        """One alert for each rule and station."""
        return f"{self.rule}:{self.station_id}"


def judge_window(session: Session, station_id: str, rules: RuleValues, now: datetime) -> Iterator[Finding]:
    """What pass rate and cycle time of the last minutes say."""
    off = [
        *(["pass_rate"] if rules.pass_rate_target_percent == 0 else []),
        *(["cycle_time", "inspection_time"] if rules.takt_s == 0 else []),
    ]
    yield from (Finding(rule, station_id) for rule in off)
    parts = samples.parts_since(session, station_id, now - timedelta(minutes=rules.alert_window_min), _MOST_PARTS)
    if len(parts) < rules.alert_least_parts:
        why = f"{len(parts)} parts in {rules.alert_window_min} min, and {rules.alert_least_parts} are needed"
        said = Said(
            "too_few_parts",
            {"parts": len(parts), "window_min": rules.alert_window_min, "needed": rules.alert_least_parts},
        )
        yield from (Finding(rule, station_id, unsure=why, said=said) for rule in WINDOW_RULES if rule not in off)
        return
    if rules.pass_rate_target_percent > 0:
        yield _pass_rate(station_id, parts, rules)
    if rules.takt_s > 0:
        yield _cycle_time(station_id, parts, rules.takt_s)
        yield _inspection_time(station_id, parts, rules.takt_s)


def _pass_rate(station_id: str, parts: Sequence[PartSample], rules: RuleValues) -> Finding:
    rate = 100.0 * sum(part.decision == "pass" for part in parts) / len(parts)
    target = rules.pass_rate_target_percent
    if rate >= target:
        return Finding("pass_rate", station_id)
    message = (
        f"Pass rate {rate:.3g}% is below the {target:g}% target "
        f"(station {station_id}, {len(parts)} parts in {rules.alert_window_min} min)"
    )
    figures = {"percent": rate, "target_percent": target, "parts": len(parts), "window_min": rules.alert_window_min}
    said = Said("pass_rate_low", figures)
    return Finding("pass_rate", station_id, "warning", "Pass rate below threshold", message, said=said)


def _cycle_time(station_id: str, parts: Sequence[PartSample], takt_s: float) -> Finding:
    # The median, because a break between two parts is no cycle.
    gaps = [(newer.created_at - older.created_at).total_seconds() for newer, older in pairwise(parts)]
    cycle_s = median(gaps)
    if cycle_s <= takt_s:
        return Finding("cycle_time", station_id)
    message = f"A part every {cycle_s:.3g} s (median of {len(gaps)}) at station {station_id}; the takt is {takt_s:g} s"
    said = Said("cycle_time_above_takt", {"cycle_s": cycle_s, "gaps": len(gaps), "takt_s": takt_s})
    return Finding("cycle_time", station_id, "warning", "Cycle time above takt", message, said=said)


def _inspection_time(station_id: str, parts: Sequence[PartSample], takt_s: float) -> Finding:
    slow_s = quantiles([part.total_time_ms / 1000.0 for part in parts], n=20)[-1]
    if slow_s <= takt_s:
        return Finding("inspection_time", station_id)
    message = f"One inspection in twenty takes {slow_s:.3g} s or more at station {station_id}; the takt is {takt_s:g} s"
    said = Said("inspection_slower_than_takt", {"slow_s": slow_s, "takt_s": takt_s})
    return Finding("inspection_time", station_id, "error", "Inspection slower than takt", message, said=said)


def judge_control_chart(session: Session, station_id: str, rules: RuleValues, now: datetime) -> Iterator[Finding]:
    """What the p-chart says; it cannot say while there are too few parts for its limits.

    Subgroups begin at midnight (UTC) and end when full, so that looks at different times and of different replicas
    see the same points. The centre line is that of the 25 subgroups before the last eight: it follows a process
    that has settled elsewhere, and the alert ends then.
    """
    if not rules.control_chart:
        yield Finding("control_chart", station_id)
        return
    size = rules.control_chart_parts
    today = samples.count_since(session, station_id, now.replace(hour=0, minute=0, second=0, microsecond=0))
    for _ in range(2):  # the share of rejects may ask for larger subgroups than those it was taken from
        rejected = samples.rejections(session, station_id, skip=today % size, limit=_SUBGROUPS * size)
        if len(rejected) < _SUBGROUPS * size:
            why, said = f"fewer than {_SUBGROUPS} subgroups of {size} parts", {"subgroups": _SUBGROUPS, "size": size}
            yield Finding("control_chart", station_id, unsure=why, said=Said("too_few_subgroups", said))
            return
        baseline = rejected[: control_chart.BASELINE_SUBGROUPS * size]
        needed = control_chart.needed_size(sum(baseline) / len(baseline), rules.control_chart_parts)
        if needed is None or needed > _MOST_SUBGROUP_PARTS:
            why = "rejects, or passes, are too rare for a p-chart"
            yield Finding("control_chart", station_id, unsure=why, said=Said("too_rare"))
            return
        if needed <= size:
            break
        size = needed
    points = control_chart.shares(rejected, size)
    split = control_chart.BASELINE_SUBGROUPS
    signal = control_chart.judge(points[:split], points[split:], size)
    yield _of_signal(station_id, signal, size) if signal else Finding("control_chart", station_id)


def _of_signal(station_id: str, signal: control_chart.Signal, size: int) -> Finding:
    message = (
        f"p-chart of station {station_id}: {signal.meaning} {'above' if signal.above else 'below'} the centre line "
        f"(rule {signal.rule}; newest {signal.newest:.1%} rejected, centre {signal.centre:.1%}, "
        f"sigma {signal.sigma:.2%}, {size} parts a point)"
    )
    title = "More rejects than usual" if signal.above else "Fewer rejects than usual"
    severity: Severity = "error" if signal.above and signal.rule == 1 else "warning"
    figures = {
        "rule": signal.rule,
        "newest": signal.newest,
        "centre": signal.centre,
        "sigma": signal.sigma,
        "size": size,
    }
    said = Said("rejects_above" if signal.above else "rejects_below", figures)
    return Finding("control_chart", station_id, severity, title, message, said=said)


def judge_drift(session: Session, station_id: str, rules: RuleValues) -> Iterator[Finding]:
    """What scores and classes say, compared with those of the parts before that the same version judged."""
    if not rules.drift:
        yield from (Finding(rule, station_id) for rule in ("score_drift", "class_drift"))
        return
    wanted = rules.drift_parts
    recent = samples.look_at(session, station_id, skip=0, limit=wanted)
    reference = samples.look_at(session, station_id, skip=wanted, limit=_REFERENCE_TIMES * wanted)
    if len(reference.scores) < _REFERENCE_TIMES * wanted:
        why = f"the model in use has judged fewer than {(1 + _REFERENCE_TIMES) * wanted} parts"
        said = Said("version_too_new", {"needed": (1 + _REFERENCE_TIMES) * wanted})
        yield from (Finding(rule, station_id, unsure=why, said=said) for rule in ("score_drift", "class_drift"))
        return
    yield _drift("score", station_id, drift.score_psi(recent.scores, reference.scores), rules)
    if min(sum(recent.classes.values()), sum(reference.classes.values())) >= _LEAST_FOUND:
        yield _drift("class", station_id, drift.class_psi(recent.classes, reference.classes), rules)
    else:
        why, said = f"fewer than {_LEAST_FOUND} defects to compare", Said("too_few_defects", {"needed": _LEAST_FOUND})
        yield Finding("class_drift", station_id, unsure=why, said=said)


def _drift(what: str, station_id: str, index: float, rules: RuleValues) -> Finding:
    if index < rules.drift_psi:
        return Finding(f"{what}_drift", station_id)
    subject = "scores" if what == "score" else "defect classes"
    message = (
        f"The {subject} of the last {rules.drift_parts} parts of station {station_id} differ from those before: "
        f"PSI {index:.2f}, limit {rules.drift_psi:g}; look at light, lens and parts, then at the model"
    )
    said = Said(f"{what}_drift", {"parts": rules.drift_parts, "psi": index, "limit": rules.drift_psi})
    return Finding(f"{what}_drift", station_id, "warning", f"Drift of {subject}", message, said=said)
