"""What a picture looks like as a whole, and what that says of the part: a discriminant analysis of published features.

Some dozens of pictures do not teach a network what a good part looks like in all its light and grain, but they suffice
for means and one covariance of features that are known beforehand. Nothing is trained: the weights follow from the
features in one step.

Source:
    Fisher (1936), with a covariance that is shrunk towards a multiple of the identity (Friedman 1989), on pooled
    features of EfficientNet (Rippel et al. 2021, Modeling the distribution of normal data in pre-trained deep features
    for anomaly detection), here of good and of defective parts.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from flows.tasks.surface_network import SurfaceNetwork, pooled
from flows.tasks.surface_pictures import SurfacePictures, to_batch, varied
from flows.tasks.trainer import Augmentation

_SHRINKAGE: Final = 0.1
"""Share of the identity in the covariance: there are more features than pictures."""
_FOLDS: Final = 5
_FEWEST: Final = 5
"""Of good and of defective parts; with fewer the appearance says nothing."""
_MOST_OF_A_KIND: Final = 1000
"""Good and defective pictures: means and a covariance need no more, and each takes some 40 ms."""
_TINY: Final = 1e-6
_NEVER: Final = -1000.0
"""Log-odds of a kind of which there is no picture."""
_FIRMNESS: Final = 0.01
"""Keeps the odds of pictures that are told apart without a mistake from growing for ever."""

Floats = npt.NDArray[np.float64]


class Looks(NamedTuple):
    """What pictures look like.

    Attributes:
        features: float64 (N, features).
        kinds: bool (N, kinds), of which kinds defects are to be seen; none of a good part.
    """

    features: Floats
    kinds: npt.NDArray[np.bool_]

    def chosen(self, which: npt.NDArray[np.bool_]) -> Looks:
        """Those of some of the pictures."""
        return Looks(self.features[which], self.kinds[which])


class Rule(NamedTuple):
    """Log-odds of each kind against good: features (N, F) @ weights (F, kinds) + bias (kinds)."""

    weights: Floats
    bias: Floats

    def odds(self, features: Floats) -> Floats:
        """Log-odds (N, kinds)."""
        return np.asarray(features @ self.weights + self.bias, np.float64)

    def tempered(self, heat: float, shift: float) -> Rule:
        """The same rule with odds of another size."""
        return Rule(self.weights * heat, self.bias * heat + shift)


@torch.no_grad()
def fit_appearance(network: SurfaceNetwork, pictures: SurfacePictures, vary: Augmentation, *, seed: int) -> None:
    """Set the network's `appearance` from whole training pictures, each as it is and once varied.

    Pictures that were made of others play no part: what pasting and painting leave behind is seen here, and learned in
    the place of what real defects look like. With fewer than five good or five defective ones it says nothing.

    Args:
        network: Its other weights play no part in it.
        pictures: The training pictures.
        vary: How they are varied.
        seed: Makes that repeatable.
    """
    defective = pictures.kinds.any(axis=1)
    if min(defective.sum(), (~defective).sum()) < _FEWEST:
        return
    plain, other = _looks(network, pictures, vary, np.random.default_rng(seed))
    rule = fit_rule(plain, other, np.random.default_rng(seed))
    network.appearance.weight.copy_(torch.from_numpy(rule.weights.T))
    network.appearance.bias.copy_(torch.from_numpy(rule.bias))


def fit_rule(plain: Looks, varied_ones: Looks, rng: np.random.Generator) -> Rule:
    """Return the rule that tells the pictures apart, with odds that are as large as they are right.

    A discriminant analysis of few pictures is far too sure of them. So its odds are divided by what makes them fit
    pictures that it has not seen, a fifth at a time, and moved to where good and defective ones are equally likely.
    """
    defective = np.asarray(plain.kinds.any(axis=1))
    folds = rng.permutation(len(plain.kinds)) % _FOLDS
    odds = np.zeros(plain.kinds.shape)
    for fold in range(_FOLDS):
        seen = folds != fold
        odds[~seen] = _analysed(plain.chosen(seen), varied_ones.chosen(seen)).odds(plain.features[~seen])
    weights = np.where(defective, 0.5 / defective.sum(), 0.5 / (~defective).sum())
    signs = np.where(defective, 1.0, -1.0)

    def loss(sizes: Floats) -> float:
        said = logsumexp(odds * math.exp(sizes[0]) + sizes[1], axis=1)
        return float((weights * np.logaddexp(0.0, -signs * said)).sum()) + _FIRMNESS * float(sizes[0] ** 2)

    heat, shift = minimize(loss, np.array([-1.0, 0.0]), method="Nelder-Mead").x
    return _analysed(plain, varied_ones).tempered(math.exp(heat), shift)


def _analysed(*looks: Looks) -> Rule:
    """Return the linear discriminant analysis; a kind of which there is no picture is never likely."""
    features = np.concatenate([one.features for one in looks])
    kinds = np.concatenate([one.kinds for one in looks])
    middle, spread = features.mean(axis=0), features.std(axis=0) + _TINY
    values = (features - middle) / spread
    good = values[~kinds.any(axis=1)]
    groups = [values[of_kind] for of_kind in kinds.T]
    apart = np.concatenate([group - group.mean(axis=0) for group in (good, *groups) if len(group)])
    covariance = apart.T @ apart / len(apart)
    size = np.trace(covariance) / len(covariance)
    shrunk = (1.0 - _SHRINKAGE) * covariance + _SHRINKAGE * size * np.eye(len(covariance))
    weights, bias = np.zeros((features.shape[1], len(groups))), np.full(len(groups), _NEVER)
    for kind, group in enumerate(groups):
        if len(group):
            difference = np.linalg.solve(shrunk, group.mean(axis=0) - good.mean(axis=0))
            halfway = (group.mean(axis=0) + good.mean(axis=0)) / 2.0
            weights[:, kind] = difference / spread
            bias[kind] = math.log(len(group) / len(good)) - difference @ (halfway + middle / spread)
    return Rule(weights, bias)


def _looks(
    network: SurfaceNetwork, pictures: SurfacePictures, vary: Augmentation, rng: np.random.Generator
) -> tuple[Looks, Looks]:
    """Return what the pictures look like as they are, and varied."""
    still = Augmentation(0.0, 0.0, translation=0.0, zoom=0.0, flip_horizontal=0.0, flip_vertical=0.0)
    device = network.appearance.weight.device
    defective = pictures.kinds.any(axis=1)
    of_each = (rng.permutation(np.flatnonzero(kind))[:_MOST_OF_A_KIND] for kind in (defective, ~defective))
    chosen = np.sort(np.concatenate(list(of_each)))
    features = []
    for one in (pictures.real[int(k)] for k in chosen):
        shown = to_batch([varied(one, pictures.input_hw, changed, rng) for changed in (still, vary)])
        features.append(pooled(network.encoder(shown.pixels.to(device))).cpu().numpy().astype(np.float64))
    first, second = np.stack(features, axis=1)
    return Looks(first, pictures.kinds[chosen]), Looks(second, pictures.kinds[chosen])
