"""A small real promptable segmenter: two ONNX graphs with the inputs and outputs of SAM, at a quarter of its size.

The encoder turns the picture (256 x 256) into brightness on a grid of 64 x 64, folded into an embedding of 16 x 16. The
decoder unfolds it again. Inside a prompted box, pixels whose brightness differs from that at the box's first corner
are the region; around a click it is the pixels as bright as the one clicked on, unless they are as bright as one that
was clicked on to say that it lies outside.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE_PX, MASK_SIDE, EMBEDDING_SIDE = 256, 64, 16
CHANNELS = 16
# Half of what the bright spots of the tests differ from their surroundings: an edge lies where a pixel is half covered.
HALF_WAY = 0.25
# As SAM normalises: pixel = value * std + mean.
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)
EncoderKind = Literal["planar", "interleaved", "no_numbers", "two_outputs"]


@dataclass(frozen=True)
class TinyDecoder:
    """What the decoder is to be like.

    Attributes:
        ious: Predicted IoU of each mask.
        right: The mask that is right; the others are empty.
        picture_size: Whether there are `orig_im_size` and `masks`, as all but NanoSAM's decoder have.
        label_type: Type of `point_labels`.
        shift: Added to each logit.
        extra_input: Another input, which no decoder of SAM has.
        points: Number of points if it is fixed.
    """

    ious: tuple[float, ...] = (0.2, 0.9, 0.5)
    right: int = 1
    picture_size: bool = True
    label_type: int = TensorProto.FLOAT
    shift: float = 0.0
    extra_input: str | None = None
    points: int | None = None


class _Graph:
    """Nodes and constants under names that count up."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: object, called: str | None = None, **attributes: Any) -> str:
        """The name of a node's output; inputs are names or constants."""
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        name = called or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def _constant(self, value: object) -> str:
        name = f"c{len(self.constants)}"
        array = value if isinstance(value, np.ndarray) else np.asarray(value, np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def model(
        self, inputs: dict[str, tuple[int, list[int | str]]], outputs: dict[str, list[int | str]]
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "tiny",
            [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def tiny_encoder(kind: EncoderKind = "planar") -> onnx.ModelProto:
    """Brightness 0-1 in cells of 4 x 4 px, as an embedding (1, 16, 16, 16)."""
    g = _Graph()
    shape: list[int | str]
    if kind == "interleaved":
        name, shape = "input_image", ["image_height", "image_width", 3]
        planes = g.add("Unsqueeze", g.add("Transpose", name, perm=[2, 0, 1]), np.array([0], np.int64))
    else:
        name, shape = "images", [1, 3, SIDE_PX, SIDE_PX]
        planes = g.add("Add", g.add("Mul", name, STD.reshape(1, 3, 1, 1)), MEAN.reshape(1, 3, 1, 1))
    grey = g.add("Conv", planes, np.full((1, 3, 1, 1), 1 / 765, np.float32))
    cells = g.add("AveragePool", grey, kernel_shape=[4, 4], strides=[4, 4])
    if kind == "no_numbers":
        cells = g.add("Add", cells, np.full((1, 1, MASK_SIDE, MASK_SIDE), np.nan, np.float32))
    g.add("SpaceToDepth", cells, called="image_embeddings", blocksize=4)
    outputs: dict[str, list[int | str]] = {"image_embeddings": [1, CHANNELS, EMBEDDING_SIDE, EMBEDDING_SIDE]}
    if kind == "two_outputs":
        g.add("Identity", cells, called="interm_embeddings")
        outputs["interm_embeddings"] = [1, 1, MASK_SIDE, MASK_SIDE]
    return g.model({name: (TensorProto.FLOAT, shape)}, outputs)


def tiny_decoder(like: TinyDecoder | None = None) -> onnx.ModelProto:
    """The region that the prompt points at, as logits (1, masks, 64, 64)."""
    like = like or TinyDecoder()
    g = _Graph()
    centres = (np.arange(MASK_SIDE, dtype=np.float32) + 0.5) * (SIDE_PX / MASK_SIDE)
    across, down = np.meshgrid(centres, centres)
    across, down = across.reshape(1, 1, -1), down.reshape(1, 1, -1)
    # (1, 1, 4096) brightness; (1, n, 1) coordinates and labels; (1, n, 4096) where a point lies on the grid.
    flat = np.array([1, 1, -1], np.int64)
    bright = g.add("Reshape", g.add("DepthToSpace", "image_embeddings", blocksize=4), flat)
    last = np.array([2], np.int64)
    x, y = (
        g.add("Slice", "point_coords", np.array([i], np.int64), np.array([i + 1], np.int64), last) for i in range(2)
    )
    labels = g.add("Unsqueeze", g.add("Cast", "point_labels", to=TensorProto.FLOAT), last)
    half = SIDE_PX / MASK_SIDE / 2 + 0.01
    near_x = g.add("Less", g.add("Abs", g.add("Sub", x, across)), half)
    near_y = g.add("Less", g.add("Abs", g.add("Sub", y, down)), half)
    here = g.add("Cast", g.add("And", near_x, near_y), to=TensorProto.FLOAT)
    here = g.add("Div", here, g.add("Max", g.add("ReduceSum", here, last, keepdims=1), 1.0))
    level = g.add("ReduceSum", g.add("Mul", here, bright), last, keepdims=1)
    apart = g.add("Abs", g.add("Sub", bright, level))  # (1, n, 4096): how much a pixel differs from a point's

    def labelled(number: float) -> str:
        return g.add("Cast", g.add("Equal", labels, number), to=TensorProto.FLOAT)

    def least(values: str, which: str) -> str:
        """The least value over the points of one label; 1 where there are none."""
        others = g.add("Add", g.add("Mul", values, which), g.add("Sub", 1.0, which))
        return g.add("ReduceMin", others, axes=[1], keepdims=1)

    inside, outside, first, second = (labelled(number) for number in (1.0, 0.0, 2.0, 3.0))
    like_click = g.add("Sub", HALF_WAY, least(apart, inside))
    like_click = g.add("Min", like_click, g.add("Sub", least(apart, outside), HALF_WAY))
    unlike_corner = g.add("Sub", least(apart, first), HALF_WAY)
    edges = []
    for axis, grid in ((x, across), (y, down)):
        low, high = (g.add("ReduceSum", g.add("Mul", axis, w), np.array([1], np.int64)) for w in (first, second))
        edges += [g.add("Sub", grid, low), g.add("Sub", high, grid)]
    in_box = g.add("Min", unlike_corner, g.add("Mul", g.add("Min", *edges), 0.1))
    boxes = g.add("ReduceMax", first, axes=[1], keepdims=1)
    clicks = g.add("ReduceMax", inside, axes=[1], keepdims=1)
    # What was not prompted for sets no limit.
    by_box = g.add("Add", in_box, g.add("Mul", g.add("Sub", 1.0, boxes), 1000.0))
    by_click = g.add("Add", like_click, g.add("Mul", g.add("Sub", 1.0, clicks), 1000.0))
    logits = g.add("Min", by_box, by_click)
    logits = g.add("Reshape", logits, np.array([1, 1, MASK_SIDE, MASK_SIDE], np.int64))
    # A mask of an earlier round is never given: one that is would wipe the region out.
    logits = g.add("Sub", g.add("Add", logits, "mask_input"), g.add("Mul", "has_mask_input", 100.0))
    logits = g.add("Add", logits, like.shift)
    sign = np.full((1, len(like.ious), 1, 1), 0.0, np.float32)
    sign[0, like.right] = 1.0
    g.add("Sub", g.add("Mul", logits, sign), 1 - sign, called="low_res_masks")
    g.add("Identity", np.array([like.ious], np.float32), called="iou_predictions")
    return _finished(g, like)


def _finished(g: _Graph, like: TinyDecoder) -> onnx.ModelProto:
    points: int | str = like.points or "num_points"
    inputs: dict[str, tuple[int, list[int | str]]] = {
        "image_embeddings": (TensorProto.FLOAT, [1, CHANNELS, EMBEDDING_SIDE, EMBEDDING_SIDE]),
        "point_coords": (TensorProto.FLOAT, [1, points, 2]),
        "point_labels": (like.label_type, [1, points]),
        "mask_input": (TensorProto.FLOAT, [1, 1, MASK_SIDE, MASK_SIDE]),
        "has_mask_input": (TensorProto.FLOAT, [1]),
    }
    outputs: dict[str, list[int | str]] = {}
    if like.picture_size:
        inputs["orig_im_size"] = (TensorProto.FLOAT, [2])
        _add_masks(g)
        outputs["masks"] = [1, len(like.ious), "height", "width"]
    if like.extra_input:
        inputs[like.extra_input] = (TensorProto.FLOAT, [1])
        g.add("Identity", like.extra_input, called="echo")
        outputs["echo"] = [1]
    outputs |= {"iou_predictions": [1, len(like.ious)], "low_res_masks": [1, len(like.ious), MASK_SIDE, MASK_SIDE]}
    return g.model(inputs, outputs)


def _add_masks(g: _Graph) -> None:
    """`masks` as SAM makes it: the logits enlarged, cut to where the picture lies, brought to its size."""
    resize = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    enlarged = g.add("Resize", "low_res_masks", "", np.array([1, 1, 4, 4], np.float32), **resize)
    scale = g.add("Div", float(SIDE_PX), g.add("ReduceMax", "orig_im_size", keepdims=1))
    size = g.add("Floor", g.add("Add", g.add("Mul", "orig_im_size", scale), 0.5))
    size = g.add("Cast", size, to=TensorProto.INT64)
    cut = g.add("Slice", enlarged, np.array([0, 0], np.int64), size, np.array([2, 3], np.int64))
    whole = g.add("Cast", "orig_im_size", to=TensorProto.INT64)
    head = g.add("Slice", g.add("Shape", "low_res_masks"), np.array([0], np.int64), np.array([2], np.int64))
    g.add("Resize", cut, "", "", g.add("Concat", head, whole, axis=0), called="masks", **resize)


def save_tiny_segmenter(
    folder: Path, kind: EncoderKind = "planar", like: TinyDecoder | None = None
) -> tuple[Path, Path]:
    """The files of an encoder and a decoder in an existing folder."""
    encoder, decoder = folder / "encoder.onnx", folder / "decoder.onnx"
    onnx.save(tiny_encoder(kind), encoder)
    onnx.save(tiny_decoder(like), decoder)
    return encoder, decoder
