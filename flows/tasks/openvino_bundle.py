"""A bundle's ONNX as OpenVINO beside it: 16 bits always, 8 bits where they cost next to no accuracy."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from flows.tasks.coco import Picture
from flows.tasks.convert_openvino import Quantisation, convert_fp16, convert_int8, quantisations_of
from flows.tasks.golden_pictures import golden_gaps
from flows.tasks.onnx_bundle import THREADS, measure_artefact
from models.bundle import MANIFEST_NAME, Bundle, seal_bundle
from models.golden import self_test
from models.manifest import Artefact, Manifest
from models.runtime import Runtime, open_runtime
from models.timing import variants_of

INT8_BUDGET = 0.01
"""How much box average precision (IoU 0.5) and how much part AUROC the 8-bit network may lose, each; beyond that it is
not shipped. A network can lose the verdict on the part and keep its boxes.
"""
_MARGIN = 0.02
"""Room above the differences seen on the golden pictures: another processor computes a little otherwise."""
_FP16 = Artefact(path="openvino/fp16/model.xml", precision="fp16", score_tolerance=_MARGIN)
_INT8 = Artefact(path="openvino/int8/model.xml", precision="int8", score_tolerance=_MARGIN)


class Figures(NamedTuple):
    """What a runtime reaches on annotated parts.

    Attributes:
        box_ap50: Average precision of the boxes at an overlap of 0.5, 0..1.
        part_auroc: Area under the ROC curve of the parts' scores, None without parts of both kinds.
    """

    box_ap50: float
    part_auroc: float | None


class ConversionError(Exception):
    """A converted network that does not do what the ONNX does."""

    code = "conversion_mismatch"


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    """The pictures of a conversion, and how much it may cost.

    Attributes:
        calibration: Real pictures, good and defective, for the ranges of the 8-bit network; some 300 are enough.
        val: Pictures to choose among the 8-bit conversions by; none of `calibration`.
        test: Held-out pictures for the figures in the manifest; nothing is chosen on them.
        int8_budget: How much box average precision (IoU 0.5, 0..1) and part AUROC 8 bits may cost on `val`, each.
        version: Version of the new bundle; empty keeps that of the old one.
    """

    calibration: tuple[Picture, ...]
    val: tuple[Picture, ...]
    test: tuple[Picture, ...]
    int8_budget: float = INT8_BUDGET
    version: str = ""


def convert_bundle(
    folder: Path, source: Bundle, request: ConversionRequest, on_step: Callable[[str], None] = lambda _: None
) -> Bundle:
    """Return a new bundle of the same network, thresholds and golden pictures, with OpenVINO made anew.

    Args:
        folder: Is replaced.
        source: Any bundle; what it has of OpenVINO is left behind.
        request: Everything else.
        on_step: Told what is being done.

    Raises:
        ConversionError: OpenVINO does not give the golden verdicts even in 32-bit arithmetic.
        BundleError: The self-test failed on a backend.
    """
    bundle = _copy_without_openvino(source, folder, request)
    on_step("converting to OpenVINO, 16 bits")
    convert_fp16(bundle.path_of(bundle.manifest.onnx), folder / "openvino" / "fp16")
    bundle = _with(bundle, openvino_fp16=_FP16)
    bundle = _hold_golden_verdicts(bundle, on_step)
    bundle = _add_int8(bundle, request, on_step)
    bundle = _add_measurements(bundle, request, on_step)
    for runtime in runtimes_of(bundle):
        self_test(runtime)
    return bundle


def runtimes_of(bundle: Bundle) -> list[Runtime]:
    """Return the bundle on every backend and precision that it has an artefact for."""
    return [open_runtime(bundle, backend=b, precision=p, threads=THREADS) for b, p in variants_of(bundle)]


def _copy_without_openvino(source: Bundle, folder: Path, request: ConversionRequest) -> Bundle:
    old = source.manifest
    shutil.rmtree(folder, ignore_errors=True)
    for path in {old.onnx.path, *(g.path for g in old.golden)}:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.root / path, folder / path)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)
    conversion = {
        "bundle_digest": source.digest,
        "calibration_pictures": len(request.calibration),
        "openvino": importlib.metadata.version("openvino"),
        "nncf": importlib.metadata.version("nncf"),
    }
    updates = {
        "version": request.version or old.version,
        "openvino_fp16": None,
        "openvino_int8": None,
        "provenance": {**old.provenance, "converted_from": conversion},
    }
    return seal_bundle(folder, Manifest.model_validate({**old.model_dump(), **updates}))


def _hold_golden_verdicts(bundle: Bundle, on_step: Callable[[str], None]) -> Bundle:
    """Return the bundle with the tolerance that 16 bits need on its golden pictures.

    In bfloat16, in which a processor may compute the same file, a golden verdict can tip: that picture is given up,
    because a self-test must hold in each precision that can be asked for. In float32 none may.
    """
    exact = golden_gaps(open_runtime(bundle, precision="f32", threads=THREADS))
    if tipped := sorted(path for path, gap in exact.items() if gap is None):
        raise ConversionError(f"OpenVINO gives another verdict than ONNX on {', '.join(tipped)}")
    rough = golden_gaps(open_runtime(bundle, precision="bf16", threads=THREADS))
    kept = tuple(g for g in bundle.manifest.golden if rough[g.path] is not None)
    for golden in set(bundle.manifest.golden) - set(kept):
        on_step(f"{golden.path} is no golden picture any more: bfloat16 gives another verdict")
        (bundle.root / golden.path).unlink()
    largest = max((gap for g in kept for gap in (exact[g.path], rough[g.path]) if gap is not None), default=0.0)
    return _with(bundle, golden=kept, openvino_fp16=_tolerant(_FP16, largest))


def _add_int8(bundle: Bundle, request: ConversionRequest, on_step: Callable[[str], None]) -> Bundle:
    """Return the bundle with the first 8-bit conversion that keeps within the budget, or without one, saying so."""
    on_step(f"inspecting {len(request.val)} pictures with ONNX, to compare with")
    wanted = _figures(open_runtime(bundle, backend="onnxruntime", threads=THREADS), request.val)
    attempts: list[dict[str, Any]] = []
    for how in quantisations_of(bundle.manifest.output.layout):
        on_step(f"converting to OpenVINO, 8 bits ({how.name})")
        candidate, attempt = _try_int8(bundle, request, how, wanted)
        attempts.append(attempt)
        if attempt["refused"] is None:
            return _with_metrics(candidate, {"int8_attempts": attempts, "int8_shipped": True})
        on_step(f"not shipped: {attempt['refused']}")
        shutil.rmtree(bundle.root / "openvino" / "int8")
    bundle = _with(bundle, openvino_int8=None)
    return _with_metrics(bundle, {"int8_attempts": attempts, "int8_shipped": False})


def _try_int8(
    bundle: Bundle, request: ConversionRequest, how: Quantisation, wanted: Figures
) -> tuple[Bundle, dict[str, Any]]:
    manifest = bundle.manifest
    onnx, folder = bundle.path_of(manifest.onnx), bundle.root / "openvino" / "int8"
    convert_int8(onnx, folder, request.calibration, manifest.input, how)
    candidate = _with(bundle, openvino_int8=_INT8)
    runtime = open_runtime(candidate, precision="int8", threads=THREADS)
    reached = _figures(runtime, request.val)
    gaps = golden_gaps(runtime)
    tipped = sorted(path for path, gap in gaps.items() if gap is None)
    attempt: dict[str, Any] = {
        "how": how.name,
        "val_box_ap50": reached.box_ap50,
        "val_box_ap50_fp32": wanted.box_ap50,
        "val_part_auroc": reached.part_auroc,
        "val_part_auroc_fp32": wanted.part_auroc,
        "refused": what_is_lost(wanted, reached, request.int8_budget),
    }
    if attempt["refused"] is None and tipped:
        attempt["refused"] = f"another verdict on {', '.join(tipped)}"
    largest = max((gap for gap in gaps.values() if gap is not None), default=0.0)
    return _with(candidate, openvino_int8=_tolerant(_INT8, largest)), attempt


def what_is_lost(wanted: Figures, reached: Figures, budget: float) -> str | None:
    """Return in words what 8 bits lose beyond the budget, None where they keep within it."""
    figures = (
        ("mAP50", wanted.box_ap50, reached.box_ap50),
        ("the parts' AUROC", wanted.part_auroc, reached.part_auroc),
    )
    for name, before, after in figures:
        if before is not None and after is not None and before - after > budget:
            return f"{name} falls from {before:.3f} to {after:.3f}, allowed {budget:g}"
    return None


def _figures(runtime: Runtime, pictures: Sequence[Picture]) -> Figures:
    measured = measure_artefact(runtime, pictures)
    return Figures(measured["box"]["ap50"], measured["part_auroc"])


def _add_measurements(bundle: Bundle, request: ConversionRequest, on_step: Callable[[str], None]) -> Bundle:
    """Return the bundle with what each artefact of OpenVINO reaches on the held-out pictures, in its manifest."""
    updates: dict[str, Any] = {}
    for name, precision in (("openvino_fp16", "f32"), ("openvino_int8", "int8")):
        artefact: Artefact | None = getattr(bundle.manifest, name)
        if artefact is None:
            continue
        on_step(f"measuring {name} on {len(request.test)} held-out pictures")
        runtime = open_runtime(bundle, precision="int8" if precision == "int8" else "f32", threads=THREADS)
        updates[name] = artefact.model_copy(update={"metrics": measure_artefact(runtime, request.test)})
    return _with(bundle, **updates)


def _tolerant(artefact: Artefact, gap: float) -> Artefact:
    return artefact.model_copy(update={"score_tolerance": round(gap + _MARGIN, 3)})


def _with(bundle: Bundle, **updates: Any) -> Bundle:
    return seal_bundle(bundle.root, bundle.manifest.model_copy(update=updates))


def _with_metrics(bundle: Bundle, metrics: dict[str, Any]) -> Bundle:
    return _with(bundle, metrics={**bundle.manifest.metrics, **metrics})
