"""Weights in six bits each: small enough to lie beside the code, near enough to go on training from."""

from __future__ import annotations

import io
import lzma
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from flows.tasks.restore_weights import RestoreError
from flows.tasks.surface_network import ADAPTED, NOT_LEARNED

SUFFIX: Final = ".xz"
_LEFT_OUT: Final = (*NOT_LEARNED, ADAPTED)
"""What the names of weights begin with that the file has not: the encoder's, published or adapted, are at hand."""
_LARGEST: Final = 31
"""Of the whole numbers that stand for weights: six bits with a sign, which cost 3 % of a weight's usual size."""
_STEP: Final = "/step"
_CLASSES: Final = "/classes"


def pack_weights(trained: Path, packed: Path) -> int:
    """Return the size in bytes of a new file with what a surface network learned from random weights.

    Each filter of a convolution is stored as whole numbers and the step between them, everything else in 16 bits.

    Args:
        trained: What the trainer wrote.
        packed: The file to write.
    """
    content = torch.load(trained, map_location="cpu", weights_only=True)
    arrays: dict[str, Any] = {_CLASSES: np.array(content["classes"])}
    for name, tensor in content["weights"].items():
        if not tensor.is_floating_point() or name.startswith(_LEFT_OUT):
            continue
        value = tensor.float().numpy()
        if value.ndim < 4:
            arrays[name] = value.astype(np.float16)
            continue
        step = np.maximum(np.abs(value).max(axis=(1, 2, 3), keepdims=True) / _LARGEST, np.float32(1e-6))
        arrays[name + _STEP] = step.astype(np.float16)
        arrays[name] = np.rint(value / arrays[name + _STEP].astype(np.float32)).astype(np.int8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    packed.parent.mkdir(parents=True, exist_ok=True)
    packed.write_bytes(lzma.compress(buffer.getvalue(), preset=9))
    return packed.stat().st_size


def unpack_weights(packed: Path) -> dict[str, Any]:
    """Return the `classes` and `weights` of a packed file, as those that a trainer writes.

    Raises:
        RestoreError: The file is none of these, or damaged.
    """
    try:
        with np.load(io.BytesIO(lzma.decompress(packed.read_bytes())), allow_pickle=False) as arrays:
            stored = {name: arrays[name] for name in arrays.files}
        classes = [str(name) for name in stored.pop(_CLASSES)]
    except (OSError, lzma.LZMAError, ValueError, KeyError) as error:
        raise RestoreError(f"{packed.name} cannot be read: {error}") from error
    weights = {}
    for name, value in stored.items():
        if name.endswith(_STEP):
            continue
        step = stored.get(name + _STEP, np.float32(1.0))
        weights[name] = torch.from_numpy(value.astype(np.float32) * np.asarray(step, np.float32))
    return {"classes": classes, "weights": weights}
