"""The surface network behind the `Trainer` protocol: torch alone, from random weights or from a surface bundle's."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from flows.tasks.coco import Picture
from flows.tasks.surface_appearance import fit_appearance
from flows.tasks.surface_figures import part_auroc
from flows.tasks.surface_loss import SurfaceLosses, surface_losses
from flows.tasks.surface_network import NOT_LEARNED, Probabilities, SurfaceNetwork
from flows.tasks.surface_pictures import SurfacePictures
from flows.tasks.surface_restore import read_weights, restore_state
from flows.tasks.trainer import (
    EpochReport,
    TrainedWeights,
    TrainingOptions,
    TrainingSet,
    TrainingStoppedError,
    shape_of_input,
)

SURFACE_ARCHITECTURE: Final = "ussop-surface-4"
_WEIGHT_DECAY: Final = 0.02
_LONGEST_STEP: Final = 5.0
_AVERAGED_OVER: Final = 0.995
"""Weights are averaged over about two hundred steps; in the beginning over fewer."""
_LOWEST_RATE: Final = 0.02


class SurfaceTrainer:
    """Trains a surface network in a work folder of its own."""

    def __init__(self, work_folder: Path) -> None:
        """Takes the folder for the weights."""
        self._folder = work_folder

    def train(
        self,
        training_set: TrainingSet,
        options: TrainingOptions,
        on_epoch: Callable[[EpochReport], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> TrainedWeights:
        """Return the averaged weights of the last epoch.

        Raises:
            TrainingStoppedError: It was asked to stop before the first epoch ended.
            ModelError: A picture cannot be read.
        """
        started = time.monotonic()
        torch.set_num_threads(options.threads)
        torch.manual_seed(options.seed)
        shape_hw = shape_of_input(training_set, options)
        network = SurfaceNetwork(len(training_set.class_names)).to(options.device)
        if options.start_from is not None:
            restore_state(network, read_weights(options.start_from), training_set.class_names)
        loaders = 0 if options.device == "cpu" else options.threads
        pictures = SurfacePictures(training_set.train, training_set.class_names, shape_hw, loaders=loaders)
        fit_appearance(network, pictures, options.augmentation, seed=options.seed)
        course = _Course(network, options, steps=options.epochs * pictures.batches_per_epoch(options.batch))
        reports: list[EpochReport] = []
        for epoch in range(1, options.epochs + 1):
            with _denormals_flushed():
                losses = course.run_epoch(pictures, epoch, should_stop)
            if losses is None:
                break
            metrics = {}
            if epoch % options.val_every == 0 or epoch == options.epochs:
                metrics = _figures(course.averaged, training_set.val, shape_hw)
            reports.append(EpochReport(epoch, options.epochs, time.monotonic() - started, losses, metrics))
            on_epoch(reports[-1])
        if not reports:
            raise TrainingStoppedError("stopped before the first epoch ended")
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "surface.pt"
        torch.save({"classes": list(training_set.class_names), "weights": course.averaged.state_dict()}, path)
        return TrainedWeights(
            path=path,
            class_names=training_set.class_names,
            shape_hw=shape_hw,
            epochs=len(reports),
            duration_s=time.monotonic() - started,
            reports=tuple(reports),
        )


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Take numbers next to nothing for nothing: they slow a processor down. The whole thread computes so meanwhile."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


class _Course:
    """One training: the network, its moving average and the optimiser, step by step."""

    def __init__(self, network: SurfaceNetwork, options: TrainingOptions, *, steps: int) -> None:
        self._network = network.to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self._network).eval()
        self._options, self._steps, self._done = options, steps, 0
        self._network.adapted.requires_grad_(options.adapted_share > 0.0)
        adapted = set(self._network.adapted.parameters())
        others = [weight for weight in self._network.parameters() if weight not in adapted]
        groups = [{"params": others, "share": 1.0}, {"params": list(adapted), "share": options.adapted_share}]
        self._optimiser = torch.optim.AdamW(groups, lr=options.learning_rate, weight_decay=_WEIGHT_DECAY)
        self._rng = np.random.default_rng(options.seed)
        own = self._network.state_dict()
        averages = self.averaged.state_dict()
        self._averages = [(averages[name], own[name]) for name in own if not name.startswith(NOT_LEARNED)]

    def run_epoch(
        self, pictures: SurfacePictures, epoch: int, should_stop: Callable[[], bool]
    ) -> dict[str, float] | None:
        """Train on one epoch and return its mean losses, None if it was asked to stop before the end."""
        options = self._options
        is_early = options.small_input_px > 0 and epoch <= round(options.epochs * options.small_share)
        shrink = options.small_input_px / options.input_px if is_early else 1.0
        window_px = options.window_px if epoch <= round(options.epochs * options.window_share) else 0
        sums, batches = np.zeros(len(SurfaceLosses._fields)), 0
        self._network.train()
        vary = options.augmentation
        for batch in pictures.batches(options.batch, vary, self._rng, shrink=shrink, window_px=window_px):
            for group in self._optimiser.param_groups:
                group["lr"] = options.learning_rate * group["share"] * self._share_of_rate(pictures)
            shown = batch.to(options.device)
            losses = surface_losses(self._network(shown.pixels), shown)
            losses.total.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._network.parameters(), _LONGEST_STEP)
            self._optimiser.step()
            self._optimiser.zero_grad()
            self._done += 1
            self._average()
            sums += [loss.item() for loss in losses]
            batches += 1
            if should_stop():
                return None
        return dict(zip(SurfaceLosses._fields, (sums / batches).tolist(), strict=True))

    def _share_of_rate(self, pictures: SurfacePictures) -> float:
        """Return the learning rate as a share of the largest: a rise over the first epochs, then along a cosine."""
        rise = max(1.0, self._options.warmup_epochs * pictures.batches_per_epoch(self._options.batch))
        fall = (1.0 + math.cos(math.pi * self._done / self._steps)) / 2.0
        return min(1.0, (self._done + 1) / rise) * (_LOWEST_RATE + (1.0 - _LOWEST_RATE) * fall)

    @torch.no_grad()
    def _average(self) -> None:
        kept = min(_AVERAGED_OVER, (1 + self._done) / (10 + self._done))
        for average, newest in self._averages:
            if average.dtype.is_floating_point:
                average.lerp_(newest, 1.0 - kept)
            else:
                average.copy_(newest)


def _figures(network: SurfaceNetwork, pictures: Sequence[Picture], shape_hw: tuple[int, int]) -> dict[str, float]:
    figure = part_auroc(network, pictures, shape_hw)
    return {} if figure is None else {"metrics/AUROC(part)": figure}


def load_surface_network(path: Path) -> nn.Module:
    """Return the network that a training left, ready for export."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    return rebuild_surface_network(content["classes"], content["weights"])


def stored_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights that a training left, by the names of the network's tensors."""
    weights: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)["weights"]
    return weights


def rebuild_surface_network(class_names: Sequence[str], weights: dict[str, torch.Tensor]) -> nn.Module:
    """Return a network with these weights, ready for export: it gives probabilities.

    Raises:
        RuntimeError: The weights are of another network.
    """
    network = SurfaceNetwork(len(class_names))
    network.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    )
    return Probabilities(network).eval()
