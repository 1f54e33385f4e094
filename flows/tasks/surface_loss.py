"""What a surface network is taught: where, which class, and whether at all."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch.nn import functional

from flows.tasks.surface_network import CLASS_STRIDE, STRIDE, SurfaceOutputs
from flows.tasks.surface_pictures import UNKNOWN, Batch

_HARDEST_SHARE: Final = 0.01
"""Share of a picture's good pixels that count once more: those most like a defect."""
_OF_DEFECTS, _OF_HARDEST, _OF_ALL_GOOD = 0.5, 0.25, 3.0
"""Weights of the three means of which the loss of the pixels is made."""
_UNKNOWN_WEIGHT: Final = 0.5
_CLEAREST: Final = 12
"""Of a region of which only the box is known, so many cells must say *defect*; no more is known of it."""


class SurfaceLosses(NamedTuple):
    """The parts of the loss, each a mean over the batch."""

    pixels: torch.Tensor
    overlap: torch.Tensor
    classes: torch.Tensor
    part: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        """Their weighted sum: where a defect is comes first."""
        return self.pixels + self.overlap + 0.5 * self.classes + 0.5 * self.part


def surface_losses(found: SurfaceOutputs, batch: Batch) -> SurfaceLosses:
    """Return the loss of a batch.

    Cross-entropy teaches each pixel; the overlap (Dice) is counted picture by picture, so that a pore of twenty pixels
    weighs as much as a shadow over half the part. A label of a box alone leaves its pixels open: the clearest of them
    must be defective (Božič et al. 2021 on weak labels; multiple-instance learning).
    """
    classes = found.classes.shape[1]
    unknown = functional.max_pool2d((batch.labels == UNKNOWN).float()[:, None], STRIDE) > 0
    numbers = torch.arange(1, classes + 1, dtype=torch.uint8, device=batch.labels.device)[:, None, None]
    # Of a cell that an edge crosses, the covered part.
    shares = functional.avg_pool2d((batch.labels[:, None] == numbers).float(), CLASS_STRIDE)
    known = (batch.labels > 0) & (batch.labels != UNKNOWN)
    target = functional.avg_pool2d(known.float()[:, None], STRIDE)
    counted = (~unknown).float()
    pixels = _pixels(found.defect, target, counted) + _UNKNOWN_WEIGHT * _clearest_must_be_found(found.defect, unknown)
    part = functional.binary_cross_entropy_with_logits(found.part, batch.defective)
    return SurfaceLosses(pixels, _overlap(found.defect, target, counted), _classes(found.classes, shares), part)


def _pixels(defect: torch.Tensor, target: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy: of the defective pixels, of all good ones, and of the hardest good ones once more.

    Each picture counts once, however small its defect: averaged over all pixels instead, a pore of a thousandth of the
    picture would teach next to nothing. The hardest good ones alone would not do: what is hard changes from step to
    step, and the rest of the map drifts meanwhile.
    """
    each = functional.binary_cross_entropy_with_logits(defect, target, reduction="none").flatten(1)
    wanted, counted = target.flatten(1), counted.flatten(1)
    of_defects = (each * wanted).sum(1) / wanted.sum(1).clamp_min(1.0)
    has_defect = (wanted.sum(1) > 0).float()
    good = each * (1.0 - wanted) * counted
    hardest = good.topk(max(1, round(each.shape[1] * _HARDEST_SHARE)), 1).values
    mean_of_defects = of_defects.sum() / has_defect.sum().clamp_min(1.0)
    return _OF_DEFECTS * mean_of_defects + _OF_HARDEST * hardest.mean() + _OF_ALL_GOOD * good.mean()


def _overlap(defect: torch.Tensor, target: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Return one minus the soft Dice of the pictures with an outlined defect, with squares in its denominator.

    With plain sums a faint 0.03 over nine thousand good cells outweighs a pore of twenty, and the overlap says nothing
    of the pore; squared, it is 8 against 20.

    Source:
        Milletari et al. (2016), V-Net: the Dice coefficient with squared sums.
    """
    outlined = target.flatten(1).sum(1) > 0
    if not outlined.any():
        return defect.sum() * 0.0
    score = (torch.sigmoid(defect) * counted)[outlined].flatten(1)
    wanted = (target * counted)[outlined].flatten(1)
    both = 2.0 * (score * wanted).sum(1) + 1.0
    return (1.0 - both / (score.square().sum(1) + wanted.square().sum(1) + 1.0)).mean()


def _classes(logits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the class over defective cells, each picture counting once."""
    weight = shares.sum(1)
    outlined = weight.flatten(1).sum(1) > 0
    if not outlined.any():
        return logits.sum() * 0.0
    each = -(functional.log_softmax(logits, 1) * shares).sum(1)
    return (each.flatten(1).sum(1) / weight.flatten(1).sum(1).clamp_min(1e-6))[outlined].mean()


def _clearest_must_be_found(defect: torch.Tensor, unknown: torch.Tensor) -> torch.Tensor:
    open_ones = unknown.flatten(1).any(1)
    if not open_ones.any():
        return defect.sum() * 0.0
    inside = torch.where(unknown, defect, torch.full_like(defect, -20.0))[open_ones].flatten(1)
    count = min(_CLEAREST, inside.shape[1])
    return functional.softplus(-inside.topk(count, 1).values).mean()
