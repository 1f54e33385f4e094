"""Weights to go on training with, taken back out of a bundle's ONNX file.

A bundle carries no checkpoint: it would be half as large again. The ONNX file has every weight of the network that
inspects, but the batch norms are folded into the convolutions. They are unfolded here with statistics measured on
pictures, so that the network computes the same as before and also trains as one with batch norms does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from flows.tasks.export_onnx import STORED_HALF

_HEADS = (("one2one_cv2", "cv2"), ("one2one_cv3", "cv3"), ("one2one_cv4", "cv4"))
"""The parts of the head that inspects, and of its twin that only training has."""


class RestoreError(Exception):
    """An ONNX file that does not hold the weights of the network."""

    code = "weights_not_restorable"


def restore_weights(network: nn.Module, onnx_path: Path, blobs: Sequence[npt.NDArray[np.float32]]) -> None:
    """Fill `network` with the weights of an ONNX file that `export_onnx` wrote of the same architecture.

    Args:
        network: Freshly built, with batch norms.
        onnx_path: The `model.onnx` of a bundle.
        blobs: What the network sees of some pictures, (1, 3, H, W) float32: the statistics of the batch norms come from
            these. Sixteen are enough.

    Raises:
        RestoreError: A weight is missing or of another shape, or there is no picture.
    """
    if not blobs:
        raise RestoreError("the statistics of the batch norms need pictures")
    stored = _stored_weights(onnx_path)
    norms: dict[str, nn.BatchNorm2d] = {}
    filled = 0
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d) or f"{name}.weight" not in stored:
            continue
        _copy(module.weight, stored[f"{name}.weight"], name)
        filled += 1
        bias = stored.get(f"{name}.bias")
        norm = network.get_submodule(name.rpartition(".")[0] or "")
        if module.bias is None:
            norms[name] = _plain_norm(norm.get_submodule("bn"), bias)
        elif bias is not None:
            _copy(module.bias, bias, name)
    if filled != sum(name.endswith(".weight") for name in stored):
        raise RestoreError(f"{onnx_path.name} holds weights that the network has no place for")
    _measure_norms(network, norms, blobs)
    copy_heads(network, from_one_to_many=not any("one2one_" in name for name in stored))


def _stored_weights(onnx_path: Path) -> dict[str, torch.Tensor]:
    """Return the constants of the file by the names that the network's parameters have."""
    constants = onnx.load(str(onnx_path)).graph.initializer
    named = {tensor.name.removesuffix(STORED_HALF): numpy_helper.to_array(tensor) for tensor in constants}
    return {name: torch.from_numpy(values.astype(np.float32)) for name, values in named.items() if "." in name}


def _copy(parameter: torch.Tensor, values: torch.Tensor, name: str) -> None:
    if parameter.shape != values.shape:
        raise RestoreError(f"{name}: shape {tuple(values.shape)} does not fit {tuple(parameter.shape)}")
    with torch.no_grad():
        parameter.copy_(values)


def _plain_norm(norm: nn.Module, bias: torch.Tensor | None) -> nn.BatchNorm2d:
    """Return the batch norm, set to add the bias that was folded and to do nothing else."""
    if not isinstance(norm, nn.BatchNorm2d):
        raise RestoreError(f"{type(norm).__name__} stands where a batch norm should")
    with torch.no_grad():
        norm.running_mean = torch.zeros(norm.num_features)
        norm.running_var = torch.ones(norm.num_features)
        norm.weight.fill_(float(np.sqrt(1.0 + norm.eps)))
        norm.bias.copy_(torch.zeros(norm.num_features) if bias is None else bias)
    return norm


def _measure_norms(
    network: nn.Module, norms: dict[str, nn.BatchNorm2d], blobs: Sequence[npt.NDArray[np.float32]]
) -> None:
    """Give each batch norm the mean and variance that really arrive at it, keeping what it computes.

    With mean m and variance v: (x - m) / sqrt(v + eps) * sqrt(v + eps) + (bias + m) = x + bias.
    """
    sums = {name: torch.zeros(3, norm.num_features, dtype=torch.float64) for name, norm in norms.items()}
    hooks = []
    for name, norm in norms.items():

        def add(_: nn.Module, inputs: tuple[torch.Tensor], total: torch.Tensor = sums[name]) -> None:
            values = inputs[0].double()
            ones = torch.full((values.shape[1],), values.numel() / values.shape[1], dtype=torch.float64)
            total += torch.stack([ones, values.sum((0, 2, 3)), (values * values).sum((0, 2, 3))])

        hooks.append(norm.register_forward_pre_hook(add))
    network.eval()
    with torch.no_grad():
        for blob in blobs:
            network(torch.from_numpy(blob))
    for hook in hooks:
        hook.remove()
    for name, norm in norms.items():
        count, total, squares = sums[name]
        if not bool((count > 0).all()):
            continue  # of the training-only twin head: overwritten by the copy
        mean = total / count
        variance = (squares / count - mean * mean).clamp_min(1e-6)
        with torch.no_grad():
            norm.running_mean, norm.running_var = mean.float(), variance.float()
            norm.weight.copy_((variance + norm.eps).sqrt().float())
            norm.bias.add_(mean.float())


def copy_heads(network: nn.Module, *, from_one_to_many: bool) -> None:
    """Copy the one-to-many head over the one-to-one head, or the other way round."""
    for head in network.modules():
        for one_to_one, one_to_many in _HEADS:
            pair = getattr(head, one_to_one, None), getattr(head, one_to_many, None)
            source, target = reversed(pair) if from_one_to_many else pair
            if isinstance(source, nn.Module) and isinstance(target, nn.Module):
                target.load_state_dict(source.state_dict())
