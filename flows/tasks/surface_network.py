"""A network for surfaces: where something is wrong, of which class it is, and whether the part is good as a whole.

The design is that of Tabernik et al. (2020), Segmentation-based deep-learning approach for surface-defect detection,
and of Božič et al. (2021), Mixed supervision for surface-defect detection: a segmenting network, and a small deciding
one that reads its features. Every pixel of an outline is a lesson, so that some dozens of defective pictures go a long
way. Two things differ. *Whether* a pixel is defective and *which* class it is are told apart: the first is learned from
the defects of all classes together. And the way back up is that of a feature pyramid, which knows thin cracks and
shadings as wide as the part.

Beside the encoder that learns from nothing stands one that knows photographs (`published_encoder.py`). Its maps enter
the way back up, the coarser ones from a copy that a training adapts. What the picture looks like to the unchanged one
as a whole has a say of its own in what is wrong with the part (`surface_appearance.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from flows.tasks.published_encoder import CHANNELS, AdaptedBlocks, PublishedEncoder
from flows.tasks.surface_tiles import Tiles, plan_tiles

STRIDE: Final = 2
"""Pixels of the input per cell of the map of defects."""

CLASS_STRIDE: Final = 4
"""The same of the classes: which one it is needs no fine edge, and a map of half the side costs a quarter."""

COARSEST_STRIDE: Final = 32
NOT_LEARNED: Final = ("encoder.", "appearance.")
"""What the names of weights begin with that no training learns: published ones, and those that follow from features."""
ADAPTED: Final = "adapted."
"""The same of those that begin as published and learn."""

_MEAN, _SPREAD = 0.45, 0.25
_REACHES: Final = (8, 32)
"""Sides in pixels of the squares that a pixel is compared with; the larger is the coarsest stride."""
_FAINTEST, _CLEAREST = 0.02, 4.0
"""Below a deviation of this share of white it is noise that is seen; beyond so many deviations all is equally odd."""
_MOST_SUSPICIOUS: Final = 16
"""Cells whose mean logit tells the deciding network how sure the map is; one cell alone may be noise."""
_LEAST: Final = 1e-6
_LEAST_SAY, _MOST_SAY = -2.0, 4.0
"""Log-odds beyond which the appearance says no more; that all is well it may say less clearly than that it is not."""
_MAP_SCALE: Final = 4.0
"""Logits of the map are divided by this before they are decided on, so that they are about as large as features."""


@dataclass(frozen=True, slots=True)
class SurfaceShape:
    """What a network is made of; two of one shape can take each other's weights.

    Attributes:
        channels: Of the maps at strides 2, 4, 8, 16 and 32.
        blocks: Residual blocks at strides 4, 8, 16 and 32.
        decoder_channels: Of the maps on the way back up.
        detail_channels: Of the map at stride 2 from which the pixels are judged.
    """

    channels: tuple[int, int, int, int, int] = (16, 24, 48, 80, 112)
    blocks: tuple[int, int, int, int] = (1, 1, 2, 1)
    decoder_channels: int = 24
    detail_channels: int = 8


class SurfaceOutputs(NamedTuple):
    """Logits of one batch.

    Attributes:
        defect: float32 (N, 1, H/2, W/2), whether a pixel is defective.
        classes: float32 (N, classes, H/4, W/4), of which class it is if so.
        part: float32 (N, 1), whether the part is defective, from what was learned of its pixels.
        appearance: float32 (N, classes + 1), how much more the whole picture looks like one with a defect of a class
            than like that of a good part; the last column is of defects without a class.
    """

    defect: torch.Tensor
    classes: torch.Tensor
    part: torch.Tensor
    appearance: torch.Tensor

    @property
    def verdict(self) -> torch.Tensor:
        """Logits (N, 1) of whether the part is defective, from both.

        The appearance is a sum over features that no one chose, and may be anything for a picture unlike all others, so
        that its say has bounds: what the map clearly shows is not talked away.
        """
        odds = torch.logsumexp(self.appearance, dim=1, keepdim=True)
        return self.part + odds.clamp(_LEAST_SAY, _MOST_SAY)


class SurfaceNetwork(nn.Module):
    """Segments and decides; gives logits, for training."""

    def __init__(self, class_count: int, shape: SurfaceShape | None = None) -> None:
        """Builds the network with random weights."""
        super().__init__()
        shape = shape or SurfaceShape()
        first, *rest = shape.channels
        self.contrast = _Contrast()
        self.stem = _unit(3 + len(_REACHES), first, stride=2)
        stages, before = [], first
        for channels, blocks in zip(rest, shape.blocks, strict=True):
            stages.append(
                nn.Sequential(_unit(before, channels, stride=2), *(_Residual(channels) for _ in range(blocks)))
            )
            before = channels
        self.stages = nn.ModuleList(stages)
        wide, fine = shape.decoder_channels, shape.detail_channels
        self.laterals = nn.ModuleList(nn.Conv2d(channels, wide, 1) for channels in rest)
        self.encoder = PublishedEncoder()
        self.adapted = AdaptedBlocks(self.encoder)
        self.known = nn.ModuleList(_Known(channels, wide) for channels in CHANNELS)
        self.appearance = nn.Linear(2 * sum(CHANNELS), class_count + 1).requires_grad_(requires_grad=False)
        self.smooth = nn.ModuleList(_unit(wide, wide) for _ in rest[:-1])
        self.reduce = nn.Conv2d(wide, fine, 1)
        self.detail = nn.Conv2d(first, fine, 1)
        self.judge = nn.Sequential(_unit(fine, fine), nn.Dropout2d(0.1))
        self.defect = nn.Conv2d(fine, 1, 1)
        self.classes = nn.Conv2d(wide, class_count, 1)
        self.decide = _Decision(wide)
        with torch.no_grad():
            self.defect.bias.fill_(-3.0)  # type: ignore[union-attr]  # few pixels are defective (Lin et al. 2017)
            self.appearance.weight.zero_()
            self.appearance.bias.fill_(-math.log(class_count + 1))  # says neither good nor bad

    def forward(self, pixels: torch.Tensor) -> SurfaceOutputs:
        """The logits of pictures, float32 (N, 3, H, W) from 0 to 1, sides multiples of 32."""
        found = self.stem(self.contrast(pixels))
        finest, maps = found, []
        for stage in self.stages:
            found = stage(found)
            maps.append(found)
        known = self.encoder(pixels)
        adapted = [*known[:2], *self.adapted(known[1])]
        wide = self.laterals[-1](maps[-1]) + self.known[-1](adapted[-1])
        at_stride_8 = wide
        for level in (2, 1, 0):
            added = self.laterals[level](maps[level]) + self.known[level](adapted[level])
            wide = self.smooth[level](_twice(wide) + added)
            at_stride_8 = wide if level == 1 else at_stride_8
        judged = self.judge(functional.relu(_twice(self.reduce(wide)) + self.detail(finest)))
        defect = self.defect(judged)
        appearance = self.appearance(pooled(known))
        return SurfaceOutputs(defect, self.classes(wide), self.decide(at_stride_8, defect), appearance)


class Probabilities(nn.Module):
    """The same network for inspecting: what a bundle of task `surface` has as its outputs.

    A large picture is looked at in tiles, and the part is as bad as its worst tile.
    """

    def __init__(self, network: SurfaceNetwork) -> None:
        """Takes a trained network."""
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps (N, classes, H/2, W/2) that add up to the probability of a defect, and the score of the part (N, 1)."""
        tiles = plan_tiles((int(pixels.shape[2]), int(pixels.shape[3])))
        if tiles is not None:
            return self._in_tiles(pixels, tiles)
        maps, parts = self._look(pixels)
        return maps, torch.sigmoid(parts)

    def _look(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the maps, and the logits of the parts."""
        found = self.network(pixels)
        named = _twice(found.classes) + found.appearance[:, :-1, None, None]
        return torch.sigmoid(found.defect) * torch.softmax(named, dim=1), found.verdict

    def _in_tiles(self, pixels: torch.Tensor, tiles: Tiles) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the same of one picture (1, 3, H, W) that is too large to be looked at as a whole."""
        cut = [pixels[:, :, r.start : r.stop, c.start : c.stop] for r in tiles.rows for c in tiles.columns]
        maps, parts = self._look(torch.cat(cut))
        each = iter(torch.split(maps, 1))
        rows = []
        for row in tiles.rows:
            kept = [
                next(each)[
                    :, :, row.keep_from // STRIDE : row.keep_to // STRIDE, c.keep_from // STRIDE : c.keep_to // STRIDE
                ]
                for c in tiles.columns
            ]
            rows.append(torch.cat(kept, dim=3))
        return torch.cat(rows, dim=2), torch.sigmoid(parts.amax(0, keepdim=True))


class _Contrast(nn.Module):
    """Adds to the colours how far a pixel's brightness lies from that around it, in deviations of the surroundings.

    It has no weights. One part under two lamps looks nearly the same there, and a pore stands out before anything has
    been learned, which is worth much where there are some dozens of defective pictures to learn from.

    Source:
        Jarrett et al. (2009), What is the best multi-stage architecture for object recognition?: local contrast
        normalisation.
    """

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        maps = [(pixels - _MEAN) / _SPREAD]
        brightness = pixels.mean(dim=1, keepdim=True)
        for reach in _REACHES:
            apart = brightness - _surroundings(brightness, reach)
            deviation = torch.sqrt(_surroundings(apart * apart, reach) + _FAINTEST * _FAINTEST)
            maps.append((apart / deviation).clamp(-_CLEAREST, _CLEAREST))
        return torch.cat(maps, dim=1)


def _surroundings(values: torch.Tensor, reach: int) -> torch.Tensor:
    """Return the mean around each pixel, smooth: of squares of `reach` pixels and their neighbours, spread again."""
    squares = functional.avg_pool2d(values, reach)
    wider = functional.avg_pool2d(squares, 3, stride=1, padding=1, count_include_pad=False)
    return functional.interpolate(wider, scale_factor=float(reach), mode="bilinear", align_corners=False)


class _Decision(nn.Module):
    """Decides on the part from features at stride 8 and from the map of defects.

    What it learns does not change the map (Tabernik et al. stop the gradient there), and the features only by a
    fraction: a label of a whole picture says nothing of where to look.
    """

    FRACTION: Final = 0.2

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _unit(channels + 1, 32, stride=2)
        self.second = _unit(32, 32, stride=2)
        self.drop = nn.Dropout(0.3)
        self.score = nn.Linear(64 + 3, 1)
        with torch.no_grad():  # it begins with what the map says and learns from there when that is wrong
            self.score.weight.zero_()
            self.score.weight[0, -1] = _MAP_SCALE
            self.score.bias.zero_()

    def forward(self, features: torch.Tensor, defect: torch.Tensor) -> torch.Tensor:
        seen = defect.detach()
        coarse = functional.max_pool2d(seen, 4)
        features = features * self.FRACTION + features.detach() * (1.0 - self.FRACTION)
        deep = self.second(self.first(torch.cat([features, coarse / _MAP_SCALE], dim=1)))
        flat = seen.flatten(1)
        suspicious = flat.topk(_MOST_SUSPICIOUS, dim=1).values.mean(dim=1, keepdim=True)
        said = torch.cat([flat.amax(1, keepdim=True), flat.mean(1, keepdim=True), suspicious], dim=1) / _MAP_SCALE
        pooled = self.drop(torch.cat([deep.amax((2, 3)), deep.mean((2, 3))], dim=1))
        score: torch.Tensor = self.score(torch.cat([pooled, said], dim=1))
        return score


def pooled(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return mean and deviation of each channel of the published encoder's maps, (N, 2 x the sum of `CHANNELS`)."""
    flat = [found.flatten(2) for found in maps]
    means = [values.mean(2) for values in flat]
    apart = [values - mean[:, :, None] for values, mean in zip(flat, means, strict=True)]
    return torch.cat([*means, *(torch.sqrt((values * values).mean(2) + _LEAST) for values in apart)], dim=1)


class _Known(nn.Module):
    """Brings a map of the published encoder to the way back up; in the beginning it brings nothing."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(before)
        self.lateral = nn.Conv2d(before, after, 1, bias=False)
        nn.init.zeros_(self.lateral.weight)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.lateral(self.norm(values))
        return result


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _unit(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return functional.relu(values + self.second(self.first(values)))


def _unit(before: int, after: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


def _twice(values: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(values, scale_factor=2.0, mode="bilinear", align_corners=False)
