"""A trained network as a bundle with ONNX alone: exported, thresholds chosen, measured, with golden pictures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from flows.tasks.choose_thresholds import Budget, choose_thresholds
from flows.tasks.coco import Picture
from flows.tasks.error_analysis import analyse_errors
from flows.tasks.evaluate import Inspected, average_precision, inspect_pictures
from flows.tasks.export_onnx import export_onnx
from flows.tasks.golden_pictures import add_golden_pictures
from flows.tasks.rates import verdict_rates
from flows.tasks.threshold_report import choice_of, proofs_of
from flows.tasks.torch_parity import TorchParity, measure_parity
from flows.tasks.trainer import Head
from models.bundle import Bundle, seal_bundle
from models.golden import self_test
from models.manifest import (
    Artefact,
    ClassThresholds,
    Manifest,
    NetworkInput,
    NetworkOutput,
    OutputLayout,
    SurfaceRegions,
)
from models.runtime import Runtime, open_runtime

THREADS = 1  # beside a training or a line, one thread gets more done than several that wait for each other
_MASK_COEFFICIENTS = 32
_LAYOUTS: dict[Head, OutputLayout] = {
    "one_to_one": OutputLayout.YOLO_ONE_TO_ONE,
    "one_to_many": OutputLayout.YOLO_ONE_TO_MANY,
    "surface_map": OutputLayout.SURFACE_MAP,
}


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """What a bundle is made of, beside the weights.

    Attributes:
        name: Name of the bundle.
        version: Its version.
        class_names: The classes in the order of the network's outputs.
        shape_hw: Height and width of the network's input.
        val: Pictures for the thresholds.
        test: Held-out pictures for the figures in the manifest; nothing is chosen on them but the golden ones.
        provenance: Where the weights come from, for the manifest.
        head: The head that the network was loaded with.
        budget: For the thresholds.
        golden_count: How many golden pictures to keep.
    """

    name: str
    version: str
    class_names: tuple[str, ...]
    shape_hw: tuple[int, int]
    val: tuple[Picture, ...]
    test: tuple[Picture, ...]
    provenance: dict[str, Any]
    head: Head = "one_to_one"
    budget: Budget = field(default_factory=Budget)
    golden_count: int = 7


def assemble_onnx_bundle(
    folder: Path, network: nn.Module, request: BundleRequest, on_step: Callable[[str], None] = lambda _: None
) -> tuple[Bundle, tuple[TorchParity, ...]]:
    """Return the sealed bundle of a trained network, and how near ONNX is to torch on its golden pictures.

    Where the network is too weak for golden pictures, parity is measured on held-out ones.

    Args:
        folder: Is replaced.
        network: As `load_network` of `flows.tasks.trainers` gives it.
        request: Everything else.
        on_step: Told what is being done.

    Raises:
        ExportError: The exported network is not the trained one.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "golden").mkdir(parents=True)
    on_step("exporting to ONNX")
    export_onnx(network, folder / "model.onnx", shape_hw=request.shape_hw)
    bundle = seal_bundle(folder, _draft(request))
    on_step("choosing thresholds")
    reference = inspect_pictures(open_runtime(bundle, backend="onnxruntime", threads=THREADS), request.val)
    is_one_score = request.head == "surface_map"
    chosen = choose_thresholds(reference, request.class_names, request.budget, is_one_score=is_one_score)
    limits = {
        name: ClassThresholds(accept_below=t.accept_below, reject_above=t.reject_above) for name, t in chosen.items()
    }
    bundle = seal_bundle(folder, bundle.manifest.model_copy(update={"thresholds": limits}))
    on_step(f"measuring onnx on {len(request.test)} held-out pictures")
    bundle = _measured(bundle, request, choice_of(reference, chosen, request.budget))
    on_step("choosing golden pictures")
    bundle = add_golden_pictures(bundle, request.test, count=request.golden_count)
    shown = [bundle.root / g.path for g in bundle.manifest.golden]
    shown = shown or [p.path for p in request.test[: request.golden_count]]
    on_step(f"comparing ONNX with torch on {len(shown)} pictures")
    parity = measure_parity(bundle, network, shown)
    metrics = {**bundle.manifest.metrics, "torch_parity": [asdict(p) for p in parity]}
    bundle = seal_bundle(folder, bundle.manifest.model_copy(update={"metrics": metrics}))
    self_test(open_runtime(bundle, backend="onnxruntime", threads=THREADS))
    return bundle, parity


def _measured(bundle: Bundle, request: BundleRequest, choice: dict[str, Any]) -> Bundle:
    """Return the bundle with its figures on the test parts, and with what these prove of its thresholds."""
    runtime = open_runtime(bundle, backend="onnxruntime", threads=THREADS)
    inspected = inspect_pictures(runtime, request.test)
    figures = figures_on(inspected, runtime.manifest)
    thresholds = {name: t.to_thresholds() for name, t in bundle.manifest.thresholds.items()}
    budget = request.budget
    proofs = proofs_of(verdict_rates(inspected, thresholds), escape=budget.escape, overkill=budget.overkill)
    metrics = {
        "test": figures,
        "threshold_choice": choice,
        "proof": {name: asdict(found) for name, found in proofs.items()},
    }
    onnx = bundle.manifest.onnx.model_copy(update={"metrics": figures})
    return seal_bundle(bundle.root, bundle.manifest.model_copy(update={"onnx": onnx, "metrics": metrics}))


def measure_artefact(runtime: Runtime, pictures: Sequence[Picture]) -> dict[str, Any]:
    """Return what a runtime reaches on annotated pictures: average precision and rates of wrong verdicts."""
    return figures_on(inspect_pictures(runtime, pictures), runtime.manifest)


def figures_on(inspected: Sequence[Inspected], manifest: Manifest) -> dict[str, Any]:
    """Return the same of parts that were inspected before."""
    thresholds = {name: t.to_thresholds() for name, t in manifest.thresholds.items()}
    known = manifest.classes
    annotated = {a.class_name for part in inspected for a in part.picture.annotations}
    class_names = (*known, *sorted(annotated - set(known)))
    errors = analyse_errors(inspected, thresholds, class_names)
    return {
        "pictures": len(inspected),
        "box": average_precision(inspected, class_names, "bbox").to_json(),
        "mask": average_precision(inspected, class_names, "segm").to_json(),
        "verdicts": verdict_rates(inspected, thresholds).to_json(),
        "part_auroc": errors.auroc,
        "mask_iou_found": errors.mask_iou,
    }


def _draft(request: BundleRequest) -> Manifest:
    """Return a manifest with thresholds that only serve until they are chosen."""
    undecided = ClassThresholds(accept_below=0.25, reject_above=0.5)
    is_surface = request.head == "surface_map"
    output = NetworkOutput(
        layout=_LAYOUTS[request.head],
        mask_coefficients=0 if is_surface else _MASK_COEFFICIENTS,
        surface=SurfaceRegions() if is_surface else None,
    )
    return Manifest(
        name=request.name,
        version=request.version,
        task="surface" if is_surface else "segment",
        classes=request.class_names,
        input=NetworkInput(shape_hw=request.shape_hw),
        output=output,
        thresholds=dict.fromkeys(request.class_names, undecided),
        onnx=Artefact(path="model.onnx", precision="fp32", score_tolerance=0.01),
        golden=(),
        provenance=request.provenance,
    )
