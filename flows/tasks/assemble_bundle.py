"""Trained weights into a sealed bundle with everything: ONNX, OpenVINO, thresholds, figures and golden pictures."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from torch import nn

from flows.tasks.onnx_bundle import BundleRequest, assemble_onnx_bundle
from flows.tasks.openvino_bundle import ConversionRequest, convert_bundle
from models.bundle import Bundle, load_bundle


def assemble_bundle(
    folder: Path,
    network: nn.Module,
    request: BundleRequest,
    conversion: ConversionRequest,
    on_step: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Return the sealed bundle of a trained network, after it passed its own self-test on every backend.

    Args:
        folder: Is replaced.
        network: As `load_network` gives it.
        request: What the bundle is made of.
        conversion: The pictures for OpenVINO.
        on_step: Told what is being done.

    Raises:
        ExportError: The exported network is not the trained one.
        ConversionError: The converted network is not the exported one.
        BundleError: The self-test failed on a backend.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".incoming-") as scratch:
        exported, _ = assemble_onnx_bundle(Path(scratch) / "onnx", network, request, on_step)
        converted = convert_bundle(Path(scratch) / "whole", exported, conversion, on_step)
        shutil.rmtree(folder, ignore_errors=True)
        converted.root.rename(folder)
    return load_bundle(folder)
