"""Which graphs are taken for a promptable segmenter, and why others are not."""

from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import pytest
from onnx import TensorProto, helper

from models.errors import NetworkLayoutError
from models.networks import OnnxRuntimeNetwork, OpenVinoNetwork
from models.segmenter import Prompt, PromptableSegmenter, PromptPoint
from tests.models.segmenter.conftest import Opened
from tests.tiny_segmenter import TinyDecoder, save_tiny_segmenter, tiny_decoder, tiny_encoder

Shape = list[int | str]


def network(path: Path, inputs: dict[str, tuple[int, Shape]], outputs: dict[str, Shape]) -> OnnxRuntimeNetwork:
    """A network with these inputs; each output is a constant."""
    nodes = []
    for name, shape in outputs.items():
        sizes = [size if isinstance(size, int) else 1 for size in shape]
        value = onnx.numpy_helper.from_array(np.zeros(sizes, np.float32))
        nodes.append(helper.make_node("Constant", [], [name], value=value))
    graph = helper.make_graph(
        nodes,
        "other",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return OnnxRuntimeNetwork(path)


@pytest.mark.parametrize(
    ("shape", "kind", "outputs", "reason"),
    [
        ([1, 3, 256, 320], TensorProto.FLOAT, 1, "no square"),
        ([1, 3, 8192, 8192], TensorProto.FLOAT, 1, "at most 4096"),
        ([2, 3, 256, 256], TensorProto.FLOAT, 1, "are supported"),
        ([1, 256, 256, 3], TensorProto.FLOAT, 1, "are supported"),
        ([1, 3, 256, 256], TensorProto.UINT8, 1, "not float32"),
        ([1, 3, 256, 256], TensorProto.FLOAT, 3, "has 3 outputs"),
    ],
)
def test_encoder_is_refused_when_it_takes_something_else(
    tmp_path: Path, shape: Shape, kind: int, outputs: int, reason: str
) -> None:
    _, decoder = save_tiny_segmenter(tmp_path)
    given: dict[str, Shape] = {f"output{i}": [1, 16, 16, 16] for i in range(outputs)}
    encoder = network(tmp_path / "other.onnx", {"images": (kind, shape)}, given)
    with pytest.raises(NetworkLayoutError, match=reason):
        PromptableSegmenter(encoder, OnnxRuntimeNetwork(decoder))


def test_pair_is_refused_when_it_is_not_of_one_model(tmp_path: Path) -> None:
    _, decoder = save_tiny_segmenter(tmp_path)
    outputs: dict[str, Shape] = {"embeddings": [1, 256, 64, 64]}
    encoder = network(tmp_path / "other.onnx", {"images": (TensorProto.FLOAT, [1, 3, 1024, 1024])}, outputs)
    with pytest.raises(NetworkLayoutError, match=r"gives \(1, 256, 64, 64\), the decoder takes \(1, 16, 16, 16\)"):
        PromptableSegmenter(encoder, OnnxRuntimeNetwork(decoder))


def sam_inputs() -> dict[str, tuple[int, Shape]]:
    return {
        "image_embeddings": (TensorProto.FLOAT, [1, 16, 16, 16]),
        "point_coords": (TensorProto.FLOAT, [1, "num_points", 2]),
        "point_labels": (TensorProto.FLOAT, [1, "num_points"]),
        "mask_input": (TensorProto.FLOAT, [1, 1, 64, 64]),
        "has_mask_input": (TensorProto.FLOAT, [1]),
    }


SAM_OUTPUTS: dict[str, Shape] = {"iou_predictions": [1, 1], "low_res_masks": [1, 1, 64, 64]}
SAM2 = {"high_res_feats_0": (TensorProto.FLOAT, [1, 32, 256, 256])}
EFFICIENT_SAM = {"batched_point_coords": (TensorProto.FLOAT, [1, 1, "num_points", 2])}


@pytest.mark.parametrize(
    ("changed", "dropped", "reason"),
    [
        (SAM2, (), "'high_res_feats_0'.*not SAM 2"),
        (EFFICIENT_SAM, ("point_coords",), "'batched_point_coords'"),
        ({}, ("mask_input", "has_mask_input"), "no has_mask_input, mask_input"),
        ({"point_coords": (TensorProto.FLOAT, [1, 5, 2])}, (), "exactly 5 points"),
        ({"point_coords": (TensorProto.FLOAT, [1, 1, "num_points", 2])}, (), "not of 3 dimensions"),
        ({"point_labels": (TensorProto.UINT8, [1, "num_points"])}, (), "not float32"),
        ({"image_embeddings": (TensorProto.FLOAT16, [1, 16, 16, 16])}, (), "not float32"),
        ({"mask_input": (TensorProto.FLOAT, [1, 1, 64, 48])}, (), "not of one square"),
        ({"mask_input": (TensorProto.FLOAT, [1, 1, 256, 256])}, (), "not of one square"),
        (
            {
                "mask_input": (TensorProto.FLOAT, [1, 1, "h", "w"]),
                "image_embeddings": (TensorProto.FLOAT, [1, 16, "h4", "w4"]),
            },
            (),
            "neither the size",
        ),
    ],
)
def test_decoder_is_refused_when_it_is_of_another_family(
    tmp_path: Path, changed: dict[str, tuple[int, Shape]], dropped: tuple[str, ...], reason: str
) -> None:
    encoder, _ = save_tiny_segmenter(tmp_path)
    inputs = {name: given for name, given in (sam_inputs() | changed).items() if name not in dropped}
    decoder = network(tmp_path / "other.onnx", inputs, SAM_OUTPUTS)
    with pytest.raises(NetworkLayoutError, match=reason):
        PromptableSegmenter(OnnxRuntimeNetwork(encoder), decoder)


def test_decoder_is_refused_when_it_gives_no_masks_to_trace(tmp_path: Path) -> None:
    encoder, _ = save_tiny_segmenter(tmp_path)
    decoder = network(tmp_path / "other.onnx", sam_inputs(), {"masks": [1, 1, 64, 64], "iou_predictions": [1, 1]})
    with pytest.raises(NetworkLayoutError, match="no low_res_masks"):
        PromptableSegmenter(OnnxRuntimeNetwork(encoder), decoder)


def test_both_networks_are_refused_on_both_runtimes_when_swapped(tmp_path: Path) -> None:
    encoder, decoder = save_tiny_segmenter(tmp_path)
    with pytest.raises(NetworkLayoutError):
        PromptableSegmenter(OnnxRuntimeNetwork(decoder), OnnxRuntimeNetwork(encoder))
    with pytest.raises(NetworkLayoutError):
        PromptableSegmenter(OpenVinoNetwork(decoder, "CPU"), OpenVinoNetwork(encoder, "CPU"))


def test_layout_is_read_from_the_graphs_when_opened(opened: Opened) -> None:
    layout = opened("planar").layout
    assert (layout.picture_name, layout.planar) == ("images", True)
    assert (layout.encoder_side_px, layout.prompt_side_px, layout.mask_side) == (256, 256, 64)
    layout = opened("interleaved", TinyDecoder(picture_size=False)).layout
    assert (layout.picture_name, layout.planar, layout.encoder_side_px) == ("input_image", False, 256)
    assert "orig_im_size" not in layout.decoder_types


def test_ir_works_like_the_onnx_file_when_converted(tmp_path: Path) -> None:
    for name, model in (("encoder", tiny_encoder()), ("decoder", tiny_decoder())):
        onnx.save(model, tmp_path / f"{name}.onnx")
        ov.save_model(ov.convert_model(str(tmp_path / f"{name}.onnx")), tmp_path / f"{name}.xml")
    pixels = np.full((200, 300, 3), 90, np.uint8)
    pixels[60:140, 90:210] = 230
    prompt = Prompt((60, 40, 240, 160))
    boxes = []
    for ending in ("onnx", "xml"):
        networks = [OpenVinoNetwork(tmp_path / f"{name}.{ending}", "CPU") for name in ("encoder", "decoder")]
        segmenter = PromptableSegmenter(*networks)
        boxes.append(segmenter.segment(segmenter.embed(pixels), prompt).outline.box_xyxy)
    assert boxes[0] == pytest.approx((90, 60, 210, 140), abs=5)
    assert boxes[1] == pytest.approx(boxes[0], abs=1)


def test_prompt_is_refused_when_it_points_at_nothing() -> None:
    with pytest.raises(ValueError, match="box or a point"):
        Prompt()
    with pytest.raises(ValueError, match="box or a point"):
        Prompt(points=(PromptPoint(1, 1, inside=False),))


def test_prompt_becomes_points_with_labels_when_told() -> None:
    coordinates, labels = Prompt((10, 20, 30, 40), (PromptPoint(15, 25), PromptPoint(28, 38, inside=False))).to_points(
        2
    )
    assert labels.tolist() == [[1, 0, 2, 3]]
    assert coordinates.tolist() == [[[30, 50], [56, 76], [20, 40], [60, 80]]]
    coordinates, labels = Prompt(points=(PromptPoint(15, 25),)).to_points(0.5)
    assert (coordinates.tolist(), labels.tolist()) == ([[[7.5, 12.5], [0, 0]]], [[1, -1]])
