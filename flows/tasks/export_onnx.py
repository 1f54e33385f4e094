"""A trained network as ONNX: one static graph that ONNX Runtime and OpenVINO both load."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import openvino as ov
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

OPSET = 17
STORED_HALF = "_half"
"""Suffix of the names of weights that are stored in 16 bits."""
PARITY = 2e-3
"""How far scores (0..1) and boxes (as a share of the side) may differ between the runtimes, all in float32."""


class ExportError(Exception):
    """An exported network that does not do what the trained one does."""

    code = "export_mismatch"


def export_onnx(network: nn.Module, path: Path, *, shape_hw: tuple[int, int], half_weights: bool = True) -> float:
    """Return the largest score difference between ONNX Runtime and OpenVINO after writing the network to `path`.

    Args:
        network: Maps (1, 3, H, W) float32 to the raw output and the prototypes; a surface network to map and score.
        path: The ONNX file to write.
        shape_hw: Height and width of the input, multiples of 32.
        half_weights: Store weights in 16 bits, computing stays in 32: half the file. The checkpoint has 16 bits anyway.

    Raises:
        ExportError: The runtimes disagree with each other or with the trained network.
    """
    blob = torch.rand(1, 3, *shape_hw, generator=torch.Generator().manual_seed(0))
    if half_weights:
        _round_to_half(network)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer warns of shapes that are constant here on purpose
        expected = [output.numpy() for output in network(blob)]
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network,
            (blob,),
            str(path),
            opset_version=OPSET,
            input_names=["images"],
            output_names=["output0", "output1"],
            dynamo=False,
            # Batch norms stay apart, so that training can go on from the file (the runtimes fold them themselves).
            training=torch.onnx.TrainingMode.PRESERVE,
        )
    if half_weights:
        _store_half(path)
    return _check_parity(path, blob.numpy(), expected)


def _round_to_half(network: nn.Module) -> None:
    """Round every weight to what 16 bits hold, so that the file with 16-bit weights computes exactly the same."""
    for values in (*network.parameters(), *network.buffers()):
        if values.is_floating_point():
            values.data = values.data.half().float()


def _store_half(path: Path) -> None:
    """Rewrite the file with its large 32-bit constants in 16 bits, each cast back to 32 bits where it is used."""
    model = onnx.load(str(path))
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < 64:
            continue
        name, stored_name = tensor.name, f"{tensor.name}{STORED_HALF}"
        values = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, stored_name))
        casts.append(helper.make_node("Cast", [stored_name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _check_parity(path: Path, blob: np.ndarray, expected: list[np.ndarray]) -> float:
    """Return the largest score difference between the two runtimes.

    Raises:
        ExportError: A runtime differs from the trained network by more than `PARITY`.
    """
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    from_onnx = session.run(None, {"images": blob})
    compiled = ov.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled(blob)
    from_openvino = [np.asarray(results[k]) for k in range(2)]
    for runtime, outputs in (("ONNX Runtime", from_onnx), ("OpenVINO", from_openvino)):
        if [output.shape for output in outputs] != [output.shape for output in expected]:
            raise ExportError(f"{runtime} gives outputs of other shapes than the trained network")
        score_gap, box_gap = _gaps(outputs, expected, max(blob.shape[2:]))
        if max(score_gap, box_gap) > PARITY:
            raise ExportError(
                f"{runtime} differs from the trained network: scores {score_gap:.1e}, boxes {box_gap:.1e}"
            )
    return _gaps(from_onnx, from_openvino, max(blob.shape[2:]))[0]


def _gaps(outputs: Sequence[np.ndarray], others: Sequence[np.ndarray], side_px: int) -> tuple[float, float]:
    """Return the largest difference of a score, and of a box as a share of the side.

    The output of a YOLO has four rows of boxes before its scores: channels are the shorter of its two axes, anchors the
    longer. A surface network gives a map and a number: all of it is scores.
    """
    if outputs[0].ndim == 4:
        return max(float(np.abs(a - b).max()) for a, b in zip(outputs, others, strict=True)), 0.0
    differences = np.abs(outputs[0] - others[0])
    _, rows, columns = differences.shape
    gaps = differences.max(axis=(0, 1) if columns < rows else (0, 2))
    return float(gaps[4:].max()), float(gaps[:4].max()) / side_px
