"""What the thresholds were chosen for, what they reach, and how many more parts would prove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from flows.gate import GateWord
from flows.tasks.choose_thresholds import Budget
from flows.tasks.evaluate import Inspected
from flows.tasks.rates import Proof, Rate, proof, proof_text, verdict_rates
from models.recipe import Thresholds

_WRONG = {"escape": "defective", "overkill": "good"}


def choice_of(inspected: Sequence[Inspected], thresholds: Mapping[str, Thresholds], budget: Budget) -> dict[str, Any]:
    """Return for the manifest what was allowed, what the thresholds give where they were chosen, what is not kept.

    Args:
        inspected: Those validation parts.
        thresholds: As chosen.
        budget: What was allowed.
    """
    rates = verdict_rates(inspected, thresholds)
    missed = [
        f"{name} of {found.share:.1%} on validation parts, allowed {allowed:.1%}"
        for name, found, allowed in (
            ("escape", rates.escape, budget.escape),
            ("overkill", rates.overkill, budget.overkill),
        )
        if found.share > allowed
    ]
    return {"allowed": asdict(budget), "validation": rates.to_json(), "not_kept": missed}


class _Rates(Protocol):
    """Whatever counts both kinds of wrong verdict."""

    @property
    def escape(self) -> Rate: ...

    @property
    def overkill(self) -> Rate: ...


def allowed_of(metrics: Mapping[str, Any]) -> tuple[float, float]:
    """Return the shares of escapes and overkills that thresholds were chosen for; the usual ones for an older bundle.

    Args:
        metrics: Of its manifest.
    """
    choice = metrics.get("threshold_choice")
    known = choice.get("allowed", {}) if isinstance(choice, dict) else {}
    usual = Budget()
    return float(known.get("escape", usual.escape)), float(known.get("overkill", usual.overkill))


def proofs_of(rates: _Rates, *, escape: float, overkill: float) -> dict[str, Proof]:
    """Return what test parts, on which nothing was chosen, prove of each kind of wrong verdict."""
    wanted = {"escape": (rates.escape, escape), "overkill": (rates.overkill, overkill)}
    return {name: proof(rate, allowed) for name, (rate, allowed) in wanted.items() if 0.0 < allowed < 1.0}


def proof_sentences(proofs: Mapping[str, Proof]) -> list[str]:
    """Return the proofs for people."""
    return [proof_text(name, _WRONG[name], found) for name, found in proofs.items()]


def proof_words(proofs: Mapping[str, Proof]) -> list[GateWord]:
    """Return the proofs as the gate says them, for people of any language."""
    sentences = proof_sentences(proofs)
    return [
        GateWord(f"{name}_proof", text, _params_of(found))
        for text, (name, found) in zip(sentences, proofs.items(), strict=True)
    ]


def _params_of(found: Proof) -> dict[str, str | int | float]:
    counts = {"count": found.count, "of": found.of, "more_parts": found.more_parts}
    return {**counts, "at_most": f"{found.at_most:.1%}", "allowed": f"{found.allowed:.1%}"}


def threshold_markdown(metrics: Mapping[str, Any]) -> list[str]:
    """Return the lines of a report on a bundle's thresholds from its manifest's metrics; none for an older bundle."""
    choice, found = metrics.get("threshold_choice"), metrics.get("proof")
    if not isinstance(choice, dict) or not isinstance(found, dict):
        return []
    allowed, seen = choice["allowed"], choice["validation"]
    lines = ["## Thresholds", "", "| | allowed | on validation parts |", "|---|---|---|"]
    for name, kind in (("escape", "escape"), ("overkill", "overkill"), ("uncertain good parts", "uncertain_good")):
        limit = allowed["uncertain" if kind == "uncertain_good" else kind]
        rate = seen[kind]
        lines.append(f"| {name} | {limit:.1%} | {rate['count']} of {rate['of']} ({rate['share']:.1%}) |")
    lines += ["", f"A false reject costs as much as {allowed['overkill_cost']:g} looks of a person.", ""]
    lines += [f"- Not kept: {text}." for text in choice["not_kept"]]
    lines += [f"- {sentence}." for sentence in proof_sentences({name: Proof(**p) for name, p in found.items()})]
    return [*lines, ""]
