"""How a surface network in training does on parts that it does not learn from."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from flows.tasks.coco import Picture
from flows.tasks.part_score import auroc
from flows.tasks.surface_network import SurfaceNetwork
from models.intake import read_image
from models.letterbox import letterbox, pixels_to_blob


def part_auroc(network: SurfaceNetwork, pictures: Sequence[Picture], shape_hw: tuple[int, int]) -> float | None:
    """Return how well the score of the part tells defective from good parts; None where there is only one kind.

    Raises:
        ModelError: A picture cannot be read.
    """
    scores = list(zip(pictures, part_scores(network, pictures, shape_hw), strict=True))
    good, defective = ([score for picture, score in scores if picture.is_good is kind] for kind in (True, False))
    return auroc(good, defective)


@torch.no_grad()
def part_scores(network: SurfaceNetwork, pictures: Sequence[Picture], shape_hw: tuple[int, int]) -> list[float]:
    """Return the score of each part, a logit.

    Raises:
        ModelError: A picture cannot be read.
    """
    device = next(network.parameters()).device
    scores = []
    for picture in pictures:
        canvas, _ = letterbox(read_image(picture.path.read_bytes()).pixels_rgb, shape_hw)
        scores.append(network(torch.from_numpy(pixels_to_blob(canvas, 1 / 255)).to(device)).verdict.item())
    return scores
