"""Which trainer makes which network: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from torch import nn

import models
from flows.tasks import surface_trainer, ultralytics_trainer
from flows.tasks.coco import Picture
from flows.tasks.convert_openvino import pictures_to_blobs
from flows.tasks.surface_restore import restore_surface
from flows.tasks.trainer import Head, Trainer
from models.bundle import Bundle

PRETRAINED_SURFACE: Final = Path(models.__file__).parent / "pretrained" / "surface.xz"
"""Weights of a surface network that learned from thousands of simulated surfaces (docs/surface.md)."""
_PICTURES_TO_RESTORE = 16


def trainer_of(head: Head, folder: Path) -> Trainer:
    """Return the trainer of networks with a head, which works in a folder of its own."""
    if head == "surface_map":
        return surface_trainer.SurfaceTrainer(folder)
    return ultralytics_trainer.UltralyticsTrainer(folder)


def architecture_of(head: Head) -> str:
    """Return the name of the network behind a head, as checkpoints bear it."""
    return surface_trainer.SURFACE_ARCHITECTURE if head == "surface_map" else ultralytics_trainer.ARCHITECTURE


def load_network(head: Head, path: Path, work_folder: Path) -> nn.Module:
    """Return the network that a trainer left, ready for export."""
    if head == "surface_map":
        return surface_trainer.load_surface_network(path)
    return ultralytics_trainer.load_network(path, work_folder, head)


def stored_weights(head: Head, path: Path, work_folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights that a trainer left, by the names of the network's tensors."""
    if head == "surface_map":
        return surface_trainer.stored_weights(path)
    return ultralytics_trainer.stored_weights(path, work_folder)


def network_of_weights(
    head: Head, class_names: tuple[str, ...], weights: dict[str, torch.Tensor], work_folder: Path
) -> nn.Module:
    """Return a network with these weights, ready for export.

    Raises:
        RuntimeError: The weights are of another network.
    """
    if head == "surface_map":
        return surface_trainer.rebuild_surface_network(class_names, weights)
    network = ultralytics_trainer.rebuild_network(class_names, weights, work_folder)
    return ultralytics_trainer.prepare_for_export(network, head)


def can_start_from(head: Head, bundle: Bundle) -> bool:
    """Return whether a bundle's network is of the kind that a head needs, so that its weights can be gone on with."""
    return (bundle.manifest.task == "surface") == (head == "surface_map")


def weights_at_hand(
    head: Head, base_weights: Path | None, class_names: tuple[str, ...], work_folder: Path
) -> Path | None:
    """Return weights to start from where no bundle's are to be, None where there are only random ones.

    Args:
        head: The head that the training is for.
        base_weights: Published weights of a YOLO that the site names; they are downloaded if they are missing.
        class_names: The classes to learn.
        work_folder: For the trainer's own files.

    Raises:
        RestoreError: The weights that the site names cannot be had, or are of another network.
    """
    if head == "surface_map":
        return PRETRAINED_SURFACE
    return ultralytics_trainer.fetch_weights(base_weights, class_names, work_folder) if base_weights else None


def restore_bundle(
    head: Head, bundle: Bundle, pictures: Sequence[Picture], shape_hw: tuple[int, int], path: Path
) -> Path:
    """Return a file to start a training from, with the weights of a bundle.

    Args:
        head: The head that the training is for.
        bundle: The bundle.
        pictures: Training pictures; some of them give the statistics that a YOLO's ONNX has lost.
        shape_hw: Height and width of the new network's input.
        path: The file to write.

    Raises:
        RestoreError: The bundle's network is of another architecture.
    """
    onnx_path, classes = bundle.path_of(bundle.manifest.onnx), bundle.manifest.classes
    path.parent.mkdir(parents=True, exist_ok=True)
    if head == "surface_map":
        return restore_surface(onnx_path, classes, path)
    seen = pictures[:: max(1, len(pictures) // _PICTURES_TO_RESTORE)]
    blobs = tuple(pictures_to_blobs(seen, bundle.manifest.input.model_copy(update={"shape_hw": shape_hw})))
    return ultralytics_trainer.restore_checkpoint(onnx_path, classes, blobs, path)
