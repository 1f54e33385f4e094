"""The parts that were judged wrongest, drawn, and all of them on one sheet: what tells a person why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from flows.tasks.drawn_part import Pixels, draw_part, encode_jpeg
from flows.tasks.error_analysis import ErrorAnalysis, JudgedPart
from models.intake import read_image
from models.recipe import Thresholds

WORST: Final = 20
_COLUMNS: Final = 4
_WIDTH_PX: Final = 320
_GAP_PX: Final = 8


def draw_worst(analysis: ErrorAnalysis, thresholds: Mapping[str, Thresholds], folder: Path) -> tuple[str, ...]:
    """Return the names of the sheets in `folder`: `escapes.jpg` and `overkills.jpg`, of what there is.

    Beside them lie the parts by themselves, in `escapes/` and `overkills/`, the worst first, twenty of each at most.
    What counts is yellow, what is annotated white. Of an escape all proposals above a quarter of the threshold are
    shown: was it seen at all?

    Raises:
        ModelError: A picture cannot be read.
    """
    sheets = []
    for name, parts in (("escapes", analysis.escapes), ("overkills", analysis.overkills)):
        if parts:
            drawn = _draw(parts[:WORST], thresholds, folder / name, share=0.25 if name == "escapes" else 1.0)
            (folder / f"{name}.jpg").write_bytes(encode_jpeg(_sheet(drawn)))
            sheets.append(f"{name}.jpg")
    return tuple(sheets)


def _draw(
    parts: Sequence[JudgedPart], thresholds: Mapping[str, Thresholds], folder: Path, *, share: float
) -> list[Pixels]:
    folder.mkdir(parents=True)
    drawn = []
    for number, part in enumerate(parts):
        picture = part.inspected.picture
        shown = [d for d in part.inspected.detections if d.confidence >= share * thresholds[d.class_name].accept_below]
        pixels = read_image(picture.path.read_bytes()).pixels_rgb
        names = ", ".join(dict.fromkeys(a.class_name for a in picture.annotations)) or "good"
        caption = f"{names}: {part.decision}, {part.score:.2f}"
        (folder / f"{number:02d}_{picture.path.stem}.jpg").write_bytes(
            encode_jpeg(draw_part(pixels, caption, picture.annotations, shown))
        )
        width_px = min(_WIDTH_PX, max(_WIDTH_PX // 2, round(_WIDTH_PX * pixels.shape[1] / pixels.shape[0])))
        drawn.append(draw_part(pixels, caption, picture.annotations, shown, width_px))
    return drawn


def _sheet(drawn: Sequence[Pixels]) -> Pixels:
    """Return the drawings in rows of four; each row is as high as its highest."""
    rows = [drawn[start : start + _COLUMNS] for start in range(0, len(drawn), _COLUMNS)]
    columns = min(_COLUMNS, len(drawn))
    width = columns * (_WIDTH_PX + _GAP_PX) - _GAP_PX
    sheet = np.full((sum(max(len(d) for d in row) + _GAP_PX for row in rows) - _GAP_PX, width, 3), 255, np.uint8)
    top = 0
    for row in rows:
        for column, part in enumerate(row):
            left = column * (_WIDTH_PX + _GAP_PX)
            sheet[top : top + len(part), left : left + part.shape[1]] = part
        top += max(len(part) for part in row) + _GAP_PX
    return sheet
