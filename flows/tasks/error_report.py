"""The error analysis as files (JSON, charts, pictures) and as Markdown for Prefect's page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from flows.gate import rate_text
from flows.tasks.error_analysis import ErrorAnalysis, GroupResult, analyse_errors
from flows.tasks.error_charts import draw_charts
from flows.tasks.error_pictures import WORST, draw_worst
from flows.tasks.evaluate import Inspected
from models.manifest import Manifest

ERRORS_FOLDER: Final = "errors"
CHARTS: Final = "charts.png"


def write_errors(inspected: Sequence[Inspected], manifest: Manifest, folder: Path, title: str) -> ErrorAnalysis:
    """Return the analysis of a version, after `folder/errors` was filled with all of it.

    `errors.json`, `errors.md`, `charts.png`, and of each kind of wrong verdict that occurs a sheet of the worst parts
    with these parts by themselves.

    Args:
        inspected: Test parts with all that the version proposes on them.
        manifest: Of its bundle.
        folder: An existing folder.
        title: What was measured.

    Raises:
        ModelError: A picture cannot be read.
    """
    thresholds = {name: limits.to_thresholds() for name, limits in manifest.thresholds.items()}
    annotated = {a.class_name for part in inspected for a in part.picture.annotations}
    names = (*manifest.classes, *sorted(annotated - set(manifest.classes)))
    analysis = analyse_errors(inspected, thresholds, names)
    (target := folder / ERRORS_FOLDER).mkdir()
    draw_worst(analysis, thresholds, target)
    draw_charts(analysis, title, target / CHARTS)
    (target / "errors.json").write_text(json.dumps(analysis.to_json(), indent=1), encoding="utf-8")
    (target / "errors.md").write_text("\n".join([f"# {title}", "", *error_markdown(analysis)]), encoding="utf-8")
    return analysis


def error_metrics(analysis: ErrorAnalysis) -> dict[str, float]:
    """Return the figures for MLflow, as far as there are any."""
    found = {"part_auroc": analysis.auroc, "mask_iou_found": analysis.mask_iou}
    for group in analysis.by_class:
        found[f"found.{group.name}"] = group.found.share
        found[f"mask_iou.{group.name}"] = group.mask_iou
    return {f"errors.{name}": value for name, value in found.items() if value is not None}


def error_markdown(analysis: ErrorAnalysis) -> list[str]:
    """Return the analysis as lines of Markdown."""
    lines = ["## Errors", ""]
    if analysis.auroc is not None:
        lines += [f"Score of the part: AUROC {analysis.auroc:.4f}."]
    if analysis.mask_iou is not None:
        lines += [f"Mean overlap (IoU) of the masks of found defects: {analysis.mask_iou:.3f}."]
    lines += ["", *_table("class", analysis.by_class), *_table("side of the defect", analysis.by_size)]
    lines += [*_confusion(analysis), ""]
    for name, parts in (("escapes", analysis.escapes), ("overkills", analysis.overkills)):
        if parts:
            listed = ", ".join(f"`{p.inspected.picture.path.name}` ({p.score:.2f})" for p in parts[:WORST])
            lines += [f"{len(parts)} {name}, the worst first: {listed}.", ""]
    return lines


def _table(kind: str, groups: Sequence[GroupResult]) -> list[str]:
    if not groups:
        return []
    overlaps = ["-" if g.mask_iou is None else f"{g.mask_iou:.2f}" for g in groups]
    rows = [
        f"| {g.name} | {rate_text(g.found)} | {g.named_otherwise} | {overlap} |"
        for g, overlap in zip(groups, overlaps, strict=True)
    ]
    return [f"| {kind} | found | named otherwise | mask IoU |", "|---|---|---|---|", *rows, ""]


def _confusion(analysis: ErrorAnalysis) -> list[str]:
    head = " | ".join(analysis.class_names)
    rows: Mapping[str, tuple[int, ...]] = dict(zip(analysis.class_names, analysis.confusion, strict=True))
    lines = [f"| truth / found as | {head} |", "|---" * (len(analysis.class_names) + 1) + "|"]
    return [*lines, *(f"| {name} | {' | '.join(str(count) for count in row)} |" for name, row in rows.items())]
