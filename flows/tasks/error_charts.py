"""The error analysis as one chart: scores of good and bad parts, precision and recall, confusion, classes and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from flows.tasks.error_analysis import ErrorAnalysis, GroupResult

_GOOD, _BAD, _LINE = "#2f7d4f", "#b3362b", "#38465a"
_BINS = 40


def draw_charts(analysis: ErrorAnalysis, title: str, path: Path) -> Path:
    """Return the path of a PNG of the whole analysis.

    Args:
        analysis: As measured.
        title: What was measured.
        path: Of the new file.
    """
    figure = Figure(figsize=(14.0, 9.0), layout="constrained")
    FigureCanvasAgg(figure)  # without a display, and without touching the state of pyplot
    axes = figure.subplots(2, 3)
    figure.suptitle(title)
    _scores(axes[0, 0], analysis)
    _precision_recall(axes[0, 1], analysis)
    _confusion(axes[0, 2], analysis)
    _groups(axes[1, 0], "Found, by class", analysis.by_class)
    _groups(axes[1, 1], "Found, by side of the defect", analysis.by_size)
    _overlaps(axes[1, 2], analysis)
    figure.savefig(path, dpi=100)
    return path


def _scores(axes: Any, analysis: ErrorAnalysis) -> None:
    bins = np.linspace(0.0, 1.0, _BINS + 1)
    for good, colour, name in ((True, _GOOD, "good"), (False, _BAD, "defective")):
        scores = analysis.scores(good=good)
        axes.hist(scores, bins=bins, color=colour, alpha=0.55, label=f"{len(scores)} {name} parts")
    axes.axvline(0.5, color=_LINE, linestyle="--", label="counts from here")
    reached = "" if analysis.auroc is None else f" (AUROC {analysis.auroc:.3f})"
    axes.set(title=f"Scores of the parts{reached}", xlabel="score", ylabel="parts", yscale="symlog")
    axes.legend()


def _precision_recall(axes: Any, analysis: ErrorAnalysis) -> None:
    recall, precision = [p[0] for p in analysis.curve], [p[1] for p in analysis.curve]
    axes.plot(recall, precision, color=_LINE)
    axes.set(title="Boxes (IoU 0.5)", xlabel="recall", ylabel="precision", xlim=(0.0, 1.02), ylim=(0.0, 1.02))
    axes.grid(alpha=0.3)


def _confusion(axes: Any, analysis: ErrorAnalysis) -> None:
    table = np.array(analysis.confusion, dtype=float)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for (row, column), count in np.ndenumerate(table):
        if count:
            axes.text(
                column,
                row,
                f"{count:g}",
                ha="center",
                va="center",
                color="white" if shares[row, column] > 0.5 else "black",
            )
    places = range(len(analysis.class_names))
    axes.set_xticks(places, analysis.class_names, rotation=45, ha="right")
    axes.set_yticks(places, analysis.class_names)
    axes.set(title="Defects: truth (rows), found as (columns)")


def _groups(axes: Any, title: str, groups: Sequence[GroupResult]) -> None:
    places = np.arange(len(groups))
    shares = np.array([g.found.share for g in groups])
    spans = np.array([[g.found.share - g.found.low, g.found.high - g.found.share] for g in groups]).reshape(-1, 2).T
    axes.barh(places, shares, xerr=np.maximum(spans, 0.0), color=_GOOD, alpha=0.7, ecolor=_LINE, capsize=3)
    axes.set_yticks(places, [f"{g.name} ({g.found.of})" for g in groups])
    axes.invert_yaxis()
    axes.set(title=f"{title}, 95 % interval", xlim=(0.0, 1.02))


def _overlaps(axes: Any, analysis: ErrorAnalysis) -> None:
    groups = [g for g in analysis.by_class if g.mask_iou is not None]
    places = np.arange(len(groups))
    axes.barh(places, [g.mask_iou for g in groups], color=_LINE, alpha=0.7)
    axes.set_yticks(places, [g.name for g in groups])
    axes.invert_yaxis()
    reached = "" if analysis.mask_iou is None else f" (all {analysis.mask_iou:.2f})"
    axes.set(title=f"Overlap of the masks of found defects{reached}", xlim=(0.0, 1.02))
