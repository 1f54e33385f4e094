"""`docs/proof.md`: for each area a block between markers, with date, processor, command, seeds and raw counts."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.report import replace_block, table

PAGE = "proof.md"
_OUTCOMES = {"passed": "held", "failed": "**broke**", "skipped": "not run"}


def read_log(log: Path) -> list[dict[str, Any]]:
    """What the tests wrote down, in the order in which they ran."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def write_area(area: str, lines: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
    """Puts what became of one area in its place."""
    heading = f"{facts['date']} · {facts['cpu']} · load before {facts['load_1min']} · `{facts['command']}`"
    shown = _together(lines)
    rows = [[_what(line), _counts(line), _seed(line), f"{line['seconds']:g} s", _outcome(line)] for line in shown]
    text = f"{heading}\n\n{table(['what was done', 'counted', 'seed', 'took', 'result'], rows)}"
    replace_block(area, text, page=PAGE)


def _together(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines, those of one test that leaves nothing to chance as one that says how many cases it had."""
    by_test: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        by_test.setdefault(line["test"] if line["counts"] else line["test"].partition("[")[0], []).append(line)
    return [dict(found[0]) if found[0]["counts"] else _as_one(test, found) for test, found in by_test.items()]


def _as_one(test: str, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    worst = next((line for kind in ("failed", "skipped") for line in lines if line["outcome"] == kind), lines[0])
    cases = {"cases": len(lines), **Counter(line["outcome"] for line in lines)}
    what = lines[0]["what"].partition(" [")[0]
    seconds = round(sum(line["seconds"] for line in lines), 1)
    return {**worst, "test": test, "what": what, "counts": cases, "seconds": seconds}


def _what(line: Mapping[str, Any]) -> str:
    file, _, test = line["test"].partition("::")
    return f"{line['what']} ([{Path(file).stem}](../{file}))".replace("|", "\\|") if test else line["what"]


def _counts(line: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in line["counts"].items()) or "-"


def _shown(value: float | str) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else value


def _seed(line: Mapping[str, Any]) -> str:
    return "-" if line["seed"] is None else str(line["seed"])


def _outcome(line: Mapping[str, Any]) -> str:
    said = _OUTCOMES[line["outcome"]]
    return f"{said}: {line['reason']}" if line["reason"] else said
