"""Trained weights as a file that can be kept and loaded without trusting it, with what is needed to export them.

What the trainer leaves is a pickle of the whole network, and whoever loads a pickle runs whatever is in it. Here are
the weights alone, as torch's loader takes them with `weights_only`, and a description in JSON.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

import torch
from torch import nn

from flows.tasks.trainer import Head, TrainedWeights
from flows.tasks.trainers import architecture_of, network_of_weights, stored_weights

CHECKPOINT_NAME = "checkpoint.pt"
_FORMAT = 1


class CheckpointError(Exception):
    """A file that is no checkpoint of ours, or not of this network."""

    code = "checkpoint_unreadable"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says of its weights.

    Attributes:
        version: Version of the bundle that is to be made of them.
        class_names: The classes in the order of the network's outputs.
        shape_hw: Height and width of the network's input.
        head: The head that inspects.
        provenance: Where the weights come from, for the manifest.
    """

    version: str
    class_names: tuple[str, ...]
    shape_hw: tuple[int, int]
    head: Head
    provenance: dict[str, Any] = field(default_factory=dict)


def write_checkpoint(weights: TrainedWeights, about: Checkpoint, path: Path) -> Path:
    """Return the path of the checkpoint, made of what a trainer of this process left on disk."""
    content = {
        "format": _FORMAT,
        "architecture": architecture_of(about.head),
        "about": json.dumps(asdict(about)),
        "weights": stored_weights(about.head, weights.path, path.parent),
    }
    torch.save(content, path)
    return path


def read_checkpoint(path: Path, work_folder: Path) -> tuple[nn.Module, Checkpoint]:
    """Return the network, ready for export, and what the file says of it.

    Args:
        path: As `write_checkpoint` wrote it.
        work_folder: For ultralytics' own configuration.

    Raises:
        CheckpointError: It is none, damaged, or of another network.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        about = _about(json.loads(content["about"]))
        if content["format"] != _FORMAT or content["architecture"] != architecture_of(about.head):
            raise CheckpointError(f"{path.name} is of another network: {content['architecture']!s:.60}")
        network = network_of_weights(about.head, about.class_names, content["weights"], work_folder)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path.name} is no checkpoint of ours: {type(error).__name__}") from error
    return network, about


def _about(said: dict[str, Any]) -> Checkpoint:
    height, width = (int(side) for side in said["shape_hw"])
    if said["head"] not in get_args(Head):
        raise ValueError(said["head"])
    classes = tuple(str(name) for name in said["class_names"])
    return Checkpoint(str(said["version"]), classes, (height, width), said["head"], dict(said["provenance"]))
