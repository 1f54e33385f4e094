"""Trained weights into a sealed bundle: exported, converted, thresholds chosen, measured, with golden pictures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from flows.tasks.choose_thresholds import Budget, choose_thresholds
from flows.tasks.coco import Picture
from flows.tasks.convert_openvino import QUANTISATIONS, convert_fp16, convert_int8
from flows.tasks.evaluate import Inspected, average_precision, inspect_pictures
from flows.tasks.export_onnx import export_onnx
from flows.tasks.golden_pictures import add_golden_pictures
from flows.tasks.rates import verdict_rates
from flows.tasks.trainer import Head
from models.backends import Precision
from models.bundle import Bundle, seal_bundle
from models.golden import self_test
from models.manifest import Artefact, ClassThresholds, Manifest, NetworkInput, NetworkOutput, OutputLayout
from models.runtime import Runtime, open_runtime

INT8_BUDGET = 0.01
"""How much box average precision (IoU 0.5) the 8-bit network may lose; beyond that it is not shipped."""
_MASK_COEFFICIENTS = 32
_LAYOUTS: dict[Head, OutputLayout] = {
    "one_to_one": OutputLayout.YOLO_ONE_TO_ONE,
    "one_to_many": OutputLayout.YOLO_ONE_TO_MANY,
}
_THREADS = 1  # beside a training or a line, one thread gets more done than several that wait for each other


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """What a bundle is made of, beside the weights.

    Attributes:
        name: Name of the bundle.
        version: Its version.
        class_names: The classes in the order of the network's outputs.
        shape_hw: Height and width of the network's input.
        calibration: Training pictures for the 8-bit conversion.
        val: Pictures for thresholds and for the choice among the 8-bit conversions.
        test: Held-out pictures for the figures in the manifest; nothing is chosen on them.
        head: The head that the network was loaded with.
        provenance: Where the weights come from, for the manifest.
        budget: For the thresholds.
        golden_count: How many golden pictures to keep.
    """

    name: str
    version: str
    class_names: tuple[str, ...]
    shape_hw: tuple[int, int]
    calibration: tuple[Picture, ...]
    val: tuple[Picture, ...]
    test: tuple[Picture, ...]
    provenance: dict[str, Any]
    head: Head = "one_to_one"
    budget: Budget = field(default_factory=Budget)
    golden_count: int = 7


def assemble_bundle(
    folder: Path, network: nn.Module, request: BundleRequest, on_step: Callable[[str], None] = lambda _: None
) -> Bundle:
    """Return the sealed bundle of a trained network, after it passed its own self-test on every backend.

    Args:
        folder: Is replaced.
        network: As `load_network` gives it.
        request: Everything else.
        on_step: Told what is being done.

    Raises:
        ExportError: The exported network is not the trained one.
        BundleError: The self-test failed on a backend.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "golden").mkdir(parents=True)
    on_step("exporting to ONNX")
    export_onnx(network, folder / "model.onnx", shape_hw=request.shape_hw)
    on_step("converting to OpenVINO, 16 bits")
    convert_fp16(folder / "model.onnx", folder / "openvino" / "fp16")
    bundle = seal_bundle(folder, _draft(request))
    on_step("choosing thresholds")
    reference = inspect_pictures(open_runtime(bundle, backend="onnxruntime", threads=_THREADS), request.val)
    thresholds = choose_thresholds(reference, request.class_names, request.budget)
    limits = {
        name: ClassThresholds(accept_below=t.accept_below, reject_above=t.reject_above)
        for name, t in thresholds.items()
    }
    bundle = seal_bundle(folder, bundle.manifest.model_copy(update={"thresholds": limits}))
    bundle = _add_int8(bundle, request, reference, on_step)
    bundle = _add_measurements(bundle, request, on_step)
    on_step("choosing golden pictures")
    bundle = add_golden_pictures(bundle, request.test, count=request.golden_count)
    for runtime in runtimes_of(bundle):
        self_test(runtime)
    return bundle


def runtimes_of(bundle: Bundle) -> list[Runtime]:
    """Return the bundle on every backend and precision that it has an artefact for."""
    runtimes = [
        open_runtime(bundle, backend="onnxruntime", threads=_THREADS),
        open_runtime(bundle, precision="f32", threads=_THREADS),
    ]
    runtimes.append(open_runtime(bundle, precision="bf16", threads=_THREADS))
    if bundle.manifest.openvino_int8:
        runtimes.append(open_runtime(bundle, precision="int8", threads=_THREADS))
    return runtimes


def _draft(request: BundleRequest) -> Manifest:
    """Return a manifest with thresholds that only serve until they are chosen."""
    undecided = ClassThresholds(accept_below=0.25, reject_above=0.5)
    return Manifest(
        name=request.name,
        version=request.version,
        task="segment",
        classes=request.class_names,
        input=NetworkInput(shape_hw=request.shape_hw),
        output=NetworkOutput(layout=_LAYOUTS[request.head], mask_coefficients=_MASK_COEFFICIENTS),
        thresholds=dict.fromkeys(request.class_names, undecided),
        onnx=Artefact(path="model.onnx", precision="fp32", score_tolerance=0.01),
        openvino_fp16=Artefact(path="openvino/fp16/model.xml", precision="fp16", score_tolerance=0.05),
        golden=(),
        provenance=request.provenance,
    )


def _add_int8(
    bundle: Bundle, request: BundleRequest, reference: Sequence[Inspected], on_step: Callable[[str], None]
) -> Bundle:
    """Return the bundle with the first 8-bit conversion that keeps within `INT8_BUDGET`, or without one, saying so."""
    folder = bundle.root / "openvino" / "int8"
    wanted = average_precision(reference, request.class_names, "bbox").ap50
    attempts: list[dict[str, Any]] = []
    for how in QUANTISATIONS:
        on_step(f"converting to OpenVINO, 8 bits ({how.name})")
        convert_int8(bundle.root / "model.onnx", folder, request.calibration, bundle.manifest.input, how)
        artefact = Artefact(path="openvino/int8/model.xml", precision="int8", score_tolerance=0.2)
        candidate = seal_bundle(bundle.root, bundle.manifest.model_copy(update={"openvino_int8": artefact}))
        found = inspect_pictures(open_runtime(candidate, precision="int8", threads=_THREADS), request.val)
        reached = average_precision(found, request.class_names, "bbox").ap50
        attempts.append({"how": how.name, "val_box_ap50": reached, "val_box_ap50_fp32": wanted})
        if wanted - reached <= INT8_BUDGET:
            return _with_metrics(candidate, {"int8_attempts": attempts, "int8_shipped": True})
        shutil.rmtree(folder)
    bundle = seal_bundle(bundle.root, bundle.manifest.model_copy(update={"openvino_int8": None}))
    return _with_metrics(bundle, {"int8_attempts": attempts, "int8_shipped": False})


def _add_measurements(bundle: Bundle, request: BundleRequest, on_step: Callable[[str], None]) -> Bundle:
    """Return the bundle with what each artefact reaches on the held-out pictures, in its manifest."""
    manifest = bundle.manifest
    updates: dict[str, Any] = {}
    cases: tuple[tuple[str, Artefact | None, Precision | None], ...] = (
        ("onnx", manifest.onnx, None),
        ("openvino_fp16", manifest.openvino_fp16, "f32"),
        ("openvino_int8", manifest.openvino_int8, "int8"),
    )
    for name, artefact, precision in cases:
        if artefact is None:
            continue
        on_step(f"measuring {name} on {len(request.test)} held-out pictures")
        runtime = (
            open_runtime(bundle, precision=precision, threads=_THREADS)
            if precision
            else open_runtime(bundle, backend="onnxruntime", threads=_THREADS)
        )
        updates[name] = artefact.model_copy(update={"metrics": _measure(runtime, request)})
    updates["metrics"] = {**manifest.metrics, "test": updates["onnx"].metrics}
    return seal_bundle(bundle.root, manifest.model_copy(update=updates))


def _measure(runtime: Runtime, request: BundleRequest) -> dict[str, Any]:
    inspected = inspect_pictures(runtime, request.test)
    thresholds = {name: t.to_thresholds() for name, t in runtime.manifest.thresholds.items()}
    return {
        "pictures": len(inspected),
        "box": average_precision(inspected, request.class_names, "bbox").to_json(),
        "mask": average_precision(inspected, request.class_names, "segm").to_json(),
        "verdicts": verdict_rates(inspected, thresholds).to_json(),
    }


def _with_metrics(bundle: Bundle, metrics: dict[str, Any]) -> Bundle:
    merged = {**bundle.manifest.metrics, **metrics}
    return seal_bundle(bundle.root, bundle.manifest.model_copy(update={"metrics": merged}))
