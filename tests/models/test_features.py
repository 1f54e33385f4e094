"""Features of pictures, from the tiny network and from the starter."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import models
from models.bundle import Bundle, load_bundle, seal_bundle
from models.errors import BundleError, InferenceError
from models.features import FeatureExtractor
from models.runtime import open_runtime
from tests.pictures import square_picture
from tests.tiny_bundle import INPUT_PX, build_tiny_bundle


def test_pictures_alike_lie_close_and_others_far_when_compared(tiny_bundle: Bundle) -> None:
    extractor = FeatureExtractor(open_runtime(tiny_bundle))
    assert extractor.tensor == "clipped"  # the last of the maps of 8 x 8 cells
    red, elsewhere, blue = (
        extractor.vector_of(picture)
        for picture in (square_picture("red"), square_picture("red", at_xy=(40, 8)), square_picture("blue"))
    )
    assert red.shape == (4,)
    assert red.dtype == np.float32
    np.testing.assert_allclose(red, elsewhere, atol=1e-6)
    assert float(np.linalg.norm(red - blue)) == pytest.approx(2.0)  # mean and maximum, each at right angles


def test_map_that_feeds_the_head_is_taken_when_the_network_is_a_yolo() -> None:
    starter = load_bundle(Path(models.__file__).parent / "starter")
    before = starter.path_of(starter.manifest.onnx).read_bytes()
    extractor = FeatureExtractor(open_runtime(starter), threads=1)
    assert extractor.tensor == "/model.22/cv2/act/Mul_output_0"
    vector = extractor.vector_of(square_picture("red"))
    assert vector.shape == (512,)
    assert float(np.linalg.norm(vector[:256])) == pytest.approx(1.0, abs=1e-5)
    assert starter.path_of(starter.manifest.onnx).read_bytes() == before


def _bundle_around(root: Path, *nodes: onnx.NodeProto, shape: list[int]) -> Bundle:
    """A bundle whose network is made of these nodes, from `images` to `output0`."""
    bundle = build_tiny_bundle(root, with_golden=False)
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, INPUT_PX, INPUT_PX])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.asarray(np.nan, np.float32), "nan")],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(network, bundle.root / "model.onnx")
    return seal_bundle(bundle.root, bundle.manifest)


def test_bundle_is_refused_when_its_network_has_no_map(tmp_path: Path) -> None:
    pool = helper.make_node("GlobalAveragePool", ["images"], ["output0"])
    bundle = _bundle_around(tmp_path / "flat", pool, shape=[1, 3, 1, 1])
    with pytest.raises(BundleError, match="no map of features"):
        FeatureExtractor(open_runtime(bundle))


def test_no_vector_is_given_when_the_network_gives_no_number(tmp_path: Path) -> None:
    pool = helper.make_node("AveragePool", ["images"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8])
    add = helper.make_node("Add", ["pooled", "nan"], ["output0"])
    extractor = FeatureExtractor(open_runtime(_bundle_around(tmp_path / "nan", pool, add, shape=[1, 3, 8, 8])))
    with pytest.raises(InferenceError, match="not finite"):
        extractor.vector_of(square_picture("red"))
