"""How near an exported network is to the one that was trained, on real pictures and by the code that inspects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from flows.tasks.export_onnx import PARITY, ExportError
from models.backends.protocol import BackendDescription, BackendName
from models.bundle import Bundle
from models.intake import read_image
from models.manifest import Manifest, OutputLayout
from models.recipe import Recipe
from models.runtime import Runtime, open_runtime

if TYPE_CHECKING:
    from models.decide import Decision


Floats = npt.NDArray[np.float32]


class TorchBackend:
    """A trained network behind the protocol of the backends, so that `Runtime` inspects with it."""

    def __init__(self, network: nn.Module) -> None:
        """Takes a network in evaluation mode."""
        self._network = network

    @property
    def description(self) -> BackendDescription:
        """What runs; torch is for measuring alone, so the protocol does not name it."""
        return BackendDescription(cast("BackendName", "torch"), "CPU", "f32")

    def run(self, blob: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """See `Backend.run`."""
        with torch.no_grad():
            return tuple(output.numpy() for output in self._network(torch.from_numpy(blob)))


@dataclass(frozen=True, slots=True)
class TorchParity:
    """Both networks on one picture.

    Attributes:
        picture: File name.
        torch_decision: Verdict of the trained network.
        onnx_decision: Verdict of the exported one.
        score_gap: Largest difference of a score, over every proposal.
        box_gap_px: Largest difference of a box's numbers, in pixels of the network's input.
    """

    picture: str
    torch_decision: Decision
    onnx_decision: Decision
    score_gap: float
    box_gap_px: float


def measure_parity(bundle: Bundle, network: nn.Module, pictures: Sequence[Path]) -> tuple[TorchParity, ...]:
    """Return the comparison of a bundle's ONNX with the network that it was exported from, picture by picture.

    Raises:
        ExportError: Verdicts differ, or scores or boxes by more than float32 explains.
    """
    trained, exported = Runtime(bundle, TorchBackend(network)), open_runtime(bundle, backend="onnxruntime")
    found = tuple(_compare(trained, exported, path) for path in pictures)
    for parity in found:
        far = parity.score_gap > PARITY or parity.box_gap_px > PARITY * max(bundle.manifest.input.shape_hw)
        if far or parity.torch_decision != parity.onnx_decision:
            raise ExportError(
                f"ONNX differs from the trained network on {parity.picture}: {parity.onnx_decision} instead of "
                f"{parity.torch_decision}, scores by {parity.score_gap:.1e}, boxes by {parity.box_gap_px:.1e} px"
            )
    return found


def _compare(trained: Runtime, exported: Runtime, path: Path) -> TorchParity:
    picture = read_image(path.read_bytes())
    decisions = [runtime.inspect(picture, Recipe()).decision for runtime in (trained, exported)]
    (boxes, scores), (other_boxes, other_scores) = (
        _boxes_and_scores(runtime.infer(picture.pixels_rgb), runtime.manifest) for runtime in (trained, exported)
    )
    return TorchParity(
        picture=path.name,
        torch_decision=decisions[0],
        onnx_decision=decisions[1],
        score_gap=float(np.abs(scores - other_scores).max()),
        box_gap_px=float(np.abs(boxes - other_boxes).max(initial=0.0)),
    )


def _boxes_and_scores(outputs: tuple[Floats, ...], manifest: Manifest) -> tuple[Floats, Floats]:
    layout = manifest.output.layout
    if layout is OutputLayout.SURFACE_MAP:  # nothing but scores: of each pixel, and of the part
        return np.empty(0, np.float32), np.concatenate([output.reshape(-1) for output in outputs[:2]])
    rows = outputs[0]
    by_anchor = np.swapaxes(rows, 1, 2) if layout is OutputLayout.YOLO_ONE_TO_MANY else rows
    count = 1 if layout is OutputLayout.YOLO_TOP_K else len(manifest.classes)
    return by_anchor[..., :4], by_anchor[..., 4 : 4 + count]
