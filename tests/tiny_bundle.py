"""A small real bundle: an ONNX graph that finds red and blue squares, laid out exactly like a segmenting YOLO26.

The input (64 x 64) is cut into 8 x 8 cells, each an anchor. A cell's score for `scratch` is how much redder it is than
green, for `dent` how much bluer; its box is the cell, and the mask prototype is where red or blue stands out.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import openvino as ov
from onnx import TensorProto, helper, numpy_helper

from models.bundle import Bundle, seal_bundle
from models.intake import read_image
from models.manifest import (
    Artefact,
    ClassThresholds,
    GoldenDetection,
    GoldenPicture,
    Manifest,
    NetworkInput,
    NetworkOutput,
    OutputLayout,
)
from models.recipe import Recipe
from models.runtime import Runtime, open_runtime
from tests.pictures import png_bytes, square_picture

CLASSES = ("scratch", "dent")
INPUT_PX, CELL_PX = 64, 8
Fault = Literal["none", "nan", "negative_scores", "missing_prototypes"]


def tiny_network(*, score_shift: float = 0.0, fault: Fault = "none") -> onnx.ModelProto:
    """The graph; `score_shift` is added to each score before clipping, `fault` breaks it on purpose."""
    cells = INPUT_PX // CELL_PX
    y, x = np.mgrid[0:cells, 0:cells].astype(np.float32) * CELL_PX
    boxes = np.stack([x, y, x + CELL_PX, y + CELL_PX], axis=-1).reshape(1, -1, 4)
    # Channel differences red - green and blue - green as a 1 x 1 convolution.
    contrast = np.array([[1, -1, 0], [0, -1, 1]], np.float32).reshape(2, 3, 1, 1)
    constants = {
        "contrast": contrast,
        "boxes": boxes,
        "shift": np.float32(score_shift),
        "zero": np.float32(0.0 if fault != "negative_scores" else -5.0),
        "one": np.float32(1.0),
        "flat": np.array([1, 2, cells * cells], np.int64),
        # Not in the scores: OpenVINO's Clip makes 0 of NaN, ONNX Runtime's hands it on.
        "coefficient": np.full((1, cells * cells, 1), np.nan if fault == "nan" else 1.0, np.float32),
        "half": np.float32(0.25),
    }
    offset = "minus_two" if fault == "negative_scores" else "shift"
    constants["minus_two"] = np.float32(-2.0)
    nodes = [
        helper.make_node("Conv", ["images", "contrast"], ["difference"]),
        helper.make_node("AveragePool", ["difference"], ["pooled"], kernel_shape=[CELL_PX] * 2, strides=[CELL_PX] * 2),
        helper.make_node("Add", ["pooled", offset], ["shifted"]),
        helper.make_node("Clip", ["shifted", "zero", "one"], ["clipped"]),
        helper.make_node("Reshape", ["clipped", "flat"], ["anchors"]),
        helper.make_node("Transpose", ["anchors"], ["scores"], perm=[0, 2, 1]),
        helper.make_node("Concat", ["boxes", "scores", "coefficient"], ["output0"], axis=2),
        helper.make_node("AveragePool", ["difference"], ["fine"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("ReduceMax", ["fine"], ["strongest"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["strongest", "half"], ["output1"]),
    ]
    shapes = {"output0": [1, cells * cells, 4 + len(CLASSES) + 1], "output1": [1, 1, INPUT_PX // 4, INPUT_PX // 4]}
    if fault == "missing_prototypes":
        del shapes["output1"]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, INPUT_PX, INPUT_PX])],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in shapes.items()],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def build_tiny_bundle(
    root: Path, *, version: str = "1", score_shift: float = 0.0, fault: Fault = "none", with_golden: bool = True
) -> Bundle:
    """A sealed bundle around `tiny_network` in a new folder."""
    (root / "openvino" / "fp16").mkdir(parents=True)
    (root / "golden").mkdir()
    onnx.save(tiny_network(score_shift=score_shift, fault=fault), root / "model.onnx")
    ov.save_model(ov.convert_model(str(root / "model.onnx")), root / "openvino" / "fp16" / "model.xml")
    manifest = Manifest(
        name="tiny",
        version=version,
        task="segment",
        classes=CLASSES,
        input=NetworkInput(shape_hw=(INPUT_PX, INPUT_PX)),
        output=NetworkOutput(layout=OutputLayout.YOLO_ONE_TO_ONE, mask_coefficients=1),
        thresholds={name: ClassThresholds(accept_below=0.3, reject_above=0.6) for name in CLASSES},
        onnx=Artefact(path="model.onnx", precision="fp32", score_tolerance=1e-4),
        openvino_fp16=Artefact(path="openvino/fp16/model.xml", precision="fp16", score_tolerance=5e-3),
        golden=(),
        provenance={"dataset_digest": "none: weights are set by hand"},
    )
    bundle = seal_bundle(root, manifest)
    if not with_golden:
        return bundle
    golden = _golden_pictures(root, open_runtime(bundle, backend="onnxruntime"))
    return seal_bundle(root, manifest.model_copy(update={"golden": golden}))


def _golden_pictures(root: Path, runtime: Runtime) -> tuple[GoldenPicture, ...]:
    pictures = {"good": square_picture(None), "scratch": square_picture("red"), "dent": square_picture("blue")}
    golden = []
    for name, pixels in pictures.items():
        path, data = f"golden/{name}.png", png_bytes(pixels)
        (root / path).write_bytes(data)
        verdict = runtime.inspect(read_image(data), Recipe())
        detections = tuple(
            GoldenDetection(class_name=d.class_name, confidence=d.confidence, box_xyxy=d.box_xyxy)
            for d in verdict.detections
        )
        golden.append(GoldenPicture(path=path, decision=verdict.decision, detections=detections))
    return tuple(golden)
