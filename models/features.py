"""What a bundle's network makes of a picture, as one vector: pictures that look alike to it lie close together."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import openvino as ov

from models.errors import BundleError, InferenceError
from models.runtime import Runtime

_FEWEST_CHANNELS: Final = 2
_LOOKS: Final = 2


class FeatureExtractor:
    """Reads the vector of a picture out of a bundle's own network.

    The tensor is the last map that the network makes on its coarsest grid and hands to the most layers: in a YOLO,
    the map at stride 32 from which every branch of the head reads (`/model.22/cv2/act/Mul_output_0` in the starter).
    It is the most that the network knows before it decides, and nothing new has to be trained. Mean and maximum over
    the grid make a vector of it, each of length one: the mean says what the part looks like, the maximum keeps a
    defect that fills one cell.

    The bundle's file stays as it is: the tensor is made an output of the graph in memory. It is always that of
    `model.onnx`, so that the vectors of one bundle do not depend on the backend that inspects.
    """

    def __init__(self, runtime: Runtime, *, threads: int | None = None) -> None:
        """Compiles the network with the tensor as its only output.

        Args:
            runtime: The bundle, with the way its pictures are prepared.
            threads: Threads within one inference; None leaves it to the library.

        Raises:
            BundleError: The network does not load, or has no such tensor.
        """
        path = runtime.bundle.path_of(runtime.manifest.onnx)
        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if threads is not None:
            config["INFERENCE_NUM_THREADS"] = threads
        try:
            core = ov.Core()
            network = core.read_model(str(path))
            source = _coarsest_map(network, runtime.manifest.input.shape_hw)
            only = ov.Model([source], network.get_parameters(), "features") if source is not None else None
            compiled = core.compile_model(only, "CPU", config) if only is not None else None
        except Exception as error:
            raise BundleError(f"OpenVINO does not load {path.name}: {error}") from error
        if source is None or compiled is None:
            raise BundleError(f"{path.name} has no map of features on a grid")
        self.tensor: Final = str(source.any_name) if source.names else source.node.friendly_name
        """Name of the tensor."""
        self._runtime = runtime
        self._request = compiled.create_infer_request()

    def vector_of(self, pixels_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The vector of a picture: float32 (2 x channels,). Not for several threads at once.

        Args:
            pixels_rgb: uint8 (height, width, 3), RGB.

        Raises:
            InferenceError: The network failed or gave values that are not finite.
        """
        blob, _ = self._runtime.preprocess(pixels_rgb)
        try:
            self._request.infer([blob])
            seen = np.array(self._request.output_tensors[0].data, np.float32)
        except Exception as error:
            raise InferenceError(f"OpenVINO failed: {error}") from error
        # Surface networks used to look at the picture and at its mirror image in one batch, of which the first counts;
        # at a large picture they look in more tiles than two, which all do.
        grids = seen if len(seen) > _LOOKS else seen[:1]
        vector = np.concatenate([_of_length_one(grids.mean((0, 2, 3))), _of_length_one(grids.max((0, 2, 3)))])
        if not np.isfinite(vector).all():
            raise InferenceError("the network gave values that are not finite")
        return vector.astype(np.float32)


def _of_length_one(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    length = float(np.linalg.norm(values))
    return values / np.float32(length) if length > 0 else values


def _coarsest_map(network: ov.Model, shape_hw: tuple[int, int]) -> Any:
    """The output of a layer that serves as features, None where there is no map of several cells and channels."""
    best, best_rank = None, (0, 0)
    of_picture = {node.get_friendly_name() for node in network.get_parameters()}
    for node in network.get_ordered_ops():
        # What does not hang on the picture is a weight on its way to a layer.
        if not any(source.get_node().get_friendly_name() in of_picture for source in node.input_values()):
            continue
        of_picture.add(node.get_friendly_name())
        if node.get_type_name() == "Result":
            continue
        for output in node.outputs():
            stride = _stride_of(output.partial_shape, shape_hw)
            rank = (stride, len(output.get_target_inputs()))
            # Later ones win among equals: they are nearer to the decision.
            if stride > 1 and rank >= best_rank:
                best, best_rank = output, rank
    return best


def _stride_of(shape: Any, shape_hw: tuple[int, int]) -> int:
    """Pixels of the input per cell of a map, 0 for what is no map of several cells that covers the input."""
    if shape.is_dynamic or len(shape) != 4:
        return 0
    batch, channels, height, width = (int(size.get_length()) for size in shape)
    if channels < _FEWEST_CHANNELS or height * width < 2:
        return 0
    if batch > _LOOKS:  # a map of a tile, whose size only the network knows: among them the coarsest is the same
        return shape_hw[0] * shape_hw[1] // (height * width)
    stride = shape_hw[0] // height
    return stride if (height * stride, width * stride) == shape_hw else 0
