"""`docs/proof.md`: for each area a block between markers, with date, processor, command, seeds and raw counts."""

import json
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
    rows = [[_what(line), _counts(line), _seed(line), f"{line['seconds']:g} s", _outcome(line)] for line in lines]
    text = f"{heading}\n\n{table(['what was done', 'counted', 'seed', 'took', 'result'], rows)}"
    replace_block(area, text, page=PAGE)


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
