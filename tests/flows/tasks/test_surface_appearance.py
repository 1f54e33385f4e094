"""What pictures look like as a whole tells good parts from defective ones, no more surely than it is right."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from scipy.special import logsumexp

from flows.tasks.paint_defects import paint_defects
from flows.tasks.part_score import auroc
from flows.tasks.published_encoder import CHANNELS, PublishedEncoder
from flows.tasks.surface_appearance import Looks, fit_appearance, fit_rule
from flows.tasks.surface_network import SurfaceNetwork, SurfaceOutputs, pooled
from flows.tasks.surface_pictures import SurfacePictures
from flows.tasks.trainer import Augmentation
from tests.flows.tasks.square_finder import CLASSES, square_pictures

pytestmark = pytest.mark.training
FEATURES = 200


def _looks(count: int, seed: int, apart: float) -> Looks:
    """A third good, a third of one kind, a third of another; of a third kind there is none."""
    rng = np.random.default_rng(seed)
    kinds = np.zeros((count, 3), bool)
    kinds[np.arange(count) % 3 == 1, 0] = kinds[np.arange(count) % 3 == 2, 1] = True
    features = rng.standard_normal((count, FEATURES)) * np.linspace(0.1, 10.0, FEATURES)
    features[kinds[:, 0], :5] += apart * np.linspace(0.1, 10.0, FEATURES)[:5]
    features[kinds[:, 1], 5:10] -= apart * np.linspace(0.1, 10.0, FEATURES)[5:10]
    return Looks(features, kinds)


@pytest.mark.parametrize("apart", [0.0, 2.0])
def test_odds_are_as_large_as_they_are_right_when_there_are_more_features_than_pictures(apart: float) -> None:
    rule = fit_rule(_looks(120, 1, apart), _looks(120, 2, apart), np.random.default_rng(0))
    fresh = _looks(900, 3, apart)
    is_defective = np.asarray(fresh.kinds.any(axis=1))
    odds = logsumexp(rule.odds(fresh.features), axis=1)
    found = auroc(odds[~is_defective].tolist(), odds[is_defective].tolist())
    assert found is not None
    losses = np.logaddexp(0.0, np.where(is_defective, -odds, odds))
    fair_loss = (losses[is_defective].mean() + losses[~is_defective].mean()) / 2.0
    assert fair_loss < np.log(2.0) + 0.02  # where nothing can be known, nothing is claimed
    assert (rule.odds(fresh.features)[:, 2] < -20.0).all()
    if apart:
        assert found > 0.95
        assert fair_loss < 0.35
        kind = rule.odds(fresh.features)[is_defective].argmax(axis=1)
        assert (kind == fresh.kinds[is_defective].argmax(axis=1)).mean() > 0.9


def test_made_pictures_play_no_part_when_the_rule_is_worked_out(tmp_path: Path) -> None:
    pictures = square_pictures(tmp_path, 24)
    painted = paint_defects(pictures, tmp_path, count=4)
    assert [p.is_made for p in (pictures[0], painted[0])] == [False, True]
    networks = []
    for shown in (pictures, (*pictures, *painted)):
        networks.append(SurfaceNetwork(len(CLASSES)))
        fit_appearance(networks[-1], SurfacePictures(shown, CLASSES, (64, 64)), Augmentation(), seed=1)
    first, second = (network.appearance.weight for network in networks)
    assert first.abs().sum() > 0
    assert torch.equal(first, second)


def test_nothing_is_said_when_there_are_too_few_pictures(tmp_path: Path) -> None:
    network = SurfaceNetwork(len(CLASSES)).eval()
    fit_appearance(network, SurfacePictures(square_pictures(tmp_path, 8), CLASSES, (64, 64)), Augmentation(), seed=1)
    with torch.no_grad():
        found = network(torch.rand(2, 3, 64, 64))
    assert torch.allclose(found.verdict, found.part, atol=1e-5)


def test_what_the_map_clearly_shows_is_not_talked_away_when_a_picture_is_unlike_all_others() -> None:
    found = SurfaceOutputs(
        torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 4, 4), torch.full((1, 1), 6.0), torch.full((1, 2), -1e4)
    )
    assert float(found.verdict) == pytest.approx(4.0)
    nothing_there = found._replace(part=torch.full((1, 1), -2.0), appearance=torch.full((1, 2), 1e4))
    assert float(nothing_there.verdict) == pytest.approx(2.0)


def test_published_encoder_stays_what_it_is_when_the_network_learns() -> None:
    network = SurfaceNetwork(1).train()
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    pixels = torch.rand(2, 3, 64, 96)
    maps = network.encoder(pixels)
    assert [tuple(found.shape) for found in maps] == [
        (2, channels, 64 // stride, 96 // stride) for channels, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]
    network(pixels).defect.sum().backward()
    assert all(weight.grad is None for weight in network.encoder.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.encoder.state_dict().items())
    assert pooled(maps).shape == (2, 2 * sum(CHANNELS))


def test_published_encoder_knows_what_is_alike_when_nothing_was_learned() -> None:
    stripes = torch.zeros(1, 1, 96, 96)
    stripes[..., ::8] = stripes[..., 1::8] = 1.0
    checks = ((torch.arange(96)[:, None] // 12 + torch.arange(96) // 12) % 2).float()[None, None]
    pictures = torch.cat([stripes, torch.roll(stripes, 3, dims=3), checks]).repeat(1, 3, 1, 1) * 0.6 + 0.2
    first, moved, other = pooled(PublishedEncoder()(pictures))
    assert (first - moved).norm() < 0.5 * (first - other).norm()
