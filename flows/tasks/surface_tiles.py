"""Where a large picture is cut into tiles, which a network sees one by one, and how what it says is put together again.

A picture of thousands of pixels with defects of some pixels cannot be shrunk. In tiles the network looks at it as it
learned to; neighbours overlap, and of each one only what is nearest to its middle is kept, so that every pixel is
judged once, with its surroundings in sight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

LARGEST_WHOLE_PX: Final = 640
"""A larger input is looked at in tiles."""
TILE_PX: Final = 384
_OVERLAP_PX: Final = 64
_GRID_PX: Final = 32
"""Tiles begin at multiples of the network's coarsest stride, so that cells of their maps fall on cells of the whole."""


_CELL_PX: Final = 4


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one side, in pixels: its beginning and end, and from where to where in it is kept."""

    start: int
    stop: int
    keep_from: int
    keep_to: int


@dataclass(frozen=True, slots=True)
class Tiles:
    """The tiles of an input: each row of them crosses each column."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.rows) * len(self.columns)

    @property
    def shape_hw(self) -> tuple[int, int]:
        """Height and width of each tile."""
        return self.rows[0].stop - self.rows[0].start, self.columns[0].stop - self.columns[0].start


def plan_tiles(shape_hw: tuple[int, int]) -> Tiles | None:
    """Return the tiles of an input of this height and width, multiples of 32; None where it is looked at as a whole."""
    if max(shape_hw) <= LARGEST_WHOLE_PX:
        return None
    rows, columns = (_spans(side) for side in shape_hw)
    return Tiles(rows, columns)


def _spans(side: int) -> tuple[Span, ...]:
    tile = min(side, TILE_PX)
    count = 1 + math.ceil((side - tile) / (tile - _OVERLAP_PX))
    step = (side - tile) / max(1, count - 1)
    starts = [round(k * step / _GRID_PX) * _GRID_PX for k in range(count)]
    # Neighbours meet in the middle of their overlap, at a cell of the map of classes.
    meet = [(later + earlier + tile) // 2 // _CELL_PX * _CELL_PX for earlier, later in pairwise(starts)]
    edges = [0, *meet, side]
    return tuple(
        Span(start, start + tile, before - start, after - start)
        for start, (before, after) in zip(starts, pairwise(edges), strict=True)
    )
