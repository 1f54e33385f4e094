"""Weights of a surface network to go on training with, taken back out of a bundle's ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from flows.tasks.packed_weights import SUFFIX, unpack_weights
from flows.tasks.restore_weights import RestoreError
from flows.tasks.surface_network import ADAPTED, COARSEST_STRIDE, NOT_LEARNED, SurfaceNetwork

_TENSORS = {
    nn.Conv2d: ("Conv", ("weight", "bias")),
    nn.BatchNorm2d: ("BatchNormalization", ("weight", "bias", "running_mean", "running_var")),
    nn.Linear: ("Gemm", ("weight", "bias")),
}
"""What each kind of layer is called in a graph, and its tensors in the order of the node's inputs."""

_ADDED_LATER = ((ADAPTED,), (*NOT_LEARNED, "known.", ADAPTED))
"""What networks up to `ussop-surface-3` and up to `ussop-surface-2` have not, by the beginnings of names."""


def restore_surface(onnx_path: Path, class_names: Sequence[str], path: Path) -> Path:
    """Return a file to go on training from, with the weights of a surface bundle's `model.onnx`, an older one's too.

    Nodes and layers are matched by their order, which tracing keeps; names do not serve, since equal tensors are stored
    once and under one name.

    Raises:
        RestoreError: The file is of another architecture.
    """
    graph = onnx.load(str(onnx_path)).graph
    stored = {c.name: numpy_helper.to_array(c).astype(np.float32) for c in graph.initializer}
    for node in graph.node:  # 16 bits are cast where they are used, and a tensor stored once has other names, too
        if node.op_type in {"Cast", "Identity"} and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    kinds = {kind for kind, _ in _TENSORS.values()}
    nodes = [node for node in graph.node if node.op_type in kinds]
    layers = _layers_in_order(SurfaceNetwork(len(class_names)))
    for added in _ADDED_LATER:
        if len(nodes) < len(layers):
            layers = [(name, layer) for name, layer in layers if not f"{name}.".startswith(added)]
    if len(nodes) != len(layers):
        raise RestoreError(f"{onnx_path.name} is not a surface network")
    weights: dict[str, torch.Tensor] = {}
    for node, (name, layer) in zip(nodes, layers, strict=True):
        kind, tensors = _TENSORS[type(layer)]
        if node.op_type != kind:
            raise RestoreError(f"{onnx_path.name} is not a surface network: {node.op_type} stands for {name}")
        for tensor, source in zip(tensors, node.input[1:], strict=False):
            if source not in stored:
                raise RestoreError(f"{onnx_path.name}: {name}.{tensor} is not stored")
            weights[f"{name}.{tensor}"] = torch.from_numpy(stored[source].copy())
    torch.save({"classes": list(class_names), "weights": weights}, path)
    return path


def _layers_in_order(network: SurfaceNetwork) -> list[tuple[str, nn.Module]]:
    """Return the layers with weights, by name, in the order in which a picture passes them."""
    passed: list[tuple[str, nn.Module]] = []
    hooks = [
        layer.register_forward_pre_hook(lambda layer, _, name=name: passed.append((name, layer)))
        for name, layer in network.named_modules()
        if type(layer) in _TENSORS
    ]
    side = 2 * COARSEST_STRIDE
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    return passed


def read_weights(path: Path) -> dict[str, Any]:
    """Return the `classes` and `weights` of a file to go on training from: a trainer's, or a packed one.

    Raises:
        RestoreError: A packed file is damaged.
    """
    if path.suffix == SUFFIX:
        return unpack_weights(path)
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


def restore_state(network: SurfaceNetwork, content: dict[str, Any], class_names: Sequence[str]) -> None:
    """Fill a network with weights; what they know of a class goes to that of the same name, new ones begin at zero.

    Raises:
        RestoreError: A weight is missing or of another shape.
    """
    weights, known = dict(content["weights"]), list(content["classes"])
    own = network.state_dict()
    for name in ("classes.weight", "classes.bias"):
        fresh = torch.zeros_like(own[name])
        for row, class_name in enumerate(class_names):
            if class_name in known:
                fresh[row] = weights[name][known.index(class_name)]
        weights[name] = fresh
    for name, value in own.items():
        if name.endswith("num_batches_tracked") or name.startswith(NOT_LEARNED):
            continue
        if name not in weights and name.startswith(_ADDED_LATER[-1]):
            continue  # an older network's: what was added is as published, or brings nothing in the beginning
        if name not in weights or weights[name].shape != value.shape:
            raise RestoreError(f"{name} is missing or of another shape")
        with torch.no_grad():
            value.copy_(weights[name])
