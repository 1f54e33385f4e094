"""Choices that a person would make by looking at few pictures: how often to show each kind, and how large."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from flows.tasks.coco import Picture
from flows.tasks.surface_tiles import LARGEST_WHOLE_PX

_STRIDE_PX = 32
_WANTED_SIDE_PX = 7.0
"""A defect should be no narrower in the network's input. Magnetic tiles ask for 384 px so; with 288 px (5 px) outlines
are worse and more parts escape (docs/surface.md).
"""
_LEAST_SIDE_PX = 5.0
"""The same where the wanted width would cost tiles, of which each takes the time of a whole picture."""


def choose_input_size(pictures: Sequence[Picture], *, least_px: int = 256, most_px: int = 640) -> int:
    """Return the longer side of the network's input, a multiple of 32, that shows nine tenths of the defects.

    The time of an inspection grows with its square, so that it is no larger than the defects ask for, nor larger than
    the pictures are: no camera sees more by enlarging.

    Args:
        pictures: Training pictures; good ones do not count.
        least_px: Smallest answer for pictures that are as large, a multiple of 32.
        most_px: Largest answer, a multiple of 32.
    """
    longest = float(np.median([max(p.shape_hw) for p in pictures]))
    least = min(math.ceil(longest / _STRIDE_PX) * _STRIDE_PX, least_px)
    shares = [
        min(a.box_xyxy[2] - a.box_xyxy[0], a.box_xyxy[3] - a.box_xyxy[1]) / max(p.shape_hw)
        for p in pictures
        for a in p.annotations
    ]
    if not shares:
        return least
    narrow = max(float(np.quantile(shares, 0.1)), 1e-6)
    wanted = max(min(_WANTED_SIDE_PX / narrow, LARGEST_WHOLE_PX), _LEAST_SIDE_PX / narrow)
    return min(max(math.ceil(min(wanted, longest) / _STRIDE_PX) * _STRIDE_PX, least), most_px)


def at_share(pictures: Sequence[Picture], good_share: float, *, seed: int = 7) -> tuple[Picture, ...]:
    """Return the pictures with those of one kind repeated until `good_share` of all are good; none is left out.

    On a line nearly all parts are good. A network that sees every second part defective learns to expect that, and pays
    with false alarms; one that sees hardly any defect learns to say nothing. Something between the two works.

    Args:
        pictures: Of both kinds; with one kind alone they are returned as they are.
        good_share: 0..1, ends excluded.
        seed: Chooses which pictures are repeated once more than the others.

    Raises:
        ValueError: `good_share` is not in ]0, 1[.
    """
    if not 0.0 < good_share < 1.0:
        raise ValueError(f"good_share must lie between 0 and 1, not {good_share}")
    good, bad = [p for p in pictures if p.is_good], [p for p in pictures if not p.is_good]
    if not good or not bad:
        return tuple(pictures)
    wanted_good = max(len(good), round(len(bad) * good_share / (1.0 - good_share)))
    wanted_bad = max(len(bad), round(len(good) * (1.0 - good_share) / good_share))
    rng = np.random.default_rng(seed)
    return (*_repeated(good, wanted_good, rng), *_repeated(bad, wanted_bad, rng))


def _repeated(pictures: Sequence[Picture], count: int, rng: np.random.Generator) -> list[Picture]:
    whole, rest = divmod(count, len(pictures))
    return [*list(pictures) * whole, *(pictures[int(k)] for k in rng.permutation(len(pictures))[:rest])]
