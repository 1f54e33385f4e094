"""How a surface network in training does on parts that it does not learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import rankdata

from flows.tasks.coco import Picture
from flows.tasks.surface_network import SurfaceNetwork
from models.intake import read_image
from models.letterbox import letterbox, pixels_to_blob


def part_auroc(network: SurfaceNetwork, pictures: Sequence[Picture], shape_hw: tuple[int, int]) -> float | None:
    """Return how well the score of the part tells defective from good parts; None where there is only one kind.

    Raises:
        ModelError: A picture cannot be read.
    """
    return auroc(part_scores(network, pictures, shape_hw), [not picture.is_good for picture in pictures])


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


def auroc(scores: Sequence[float], is_defective: Sequence[bool]) -> float | None:
    """Return the share of pairs, one defective and one good part, of which the defective one scores higher.

    Equal scores count half. None where there is no pair.

    Source:
        Mann and Whitney (1947); the area under the receiver operating characteristic is U / (defective x good).
    """
    truth = np.array(is_defective, bool)
    defective, good = int(truth.sum()), int((~truth).sum())
    if not defective or not good:
        return None
    rank_sum = float(rankdata(np.array(scores))[truth].sum())
    return (rank_sum - defective * (defective + 1) / 2) / (defective * good)
