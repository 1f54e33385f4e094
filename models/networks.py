"""Any single network on a runtime, bundle or not: loaded beside the deployed model, to run or to be timed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import openvino as ov

from models.errors import BundleError, InferenceError

Arrays = Mapping[str, npt.NDArray[Any]]
# Sizes that a network leaves open: one sample; of the rest, enough to be an input and small enough for any network.
_OPEN_BATCH: Final = 1
_OPEN_SIZE: Final = 64
_ORT_TYPES: Final[Mapping[str, type[np.generic]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


class OpenVinoNetwork:
    """A network compiled by OpenVINO. One call at a time."""

    def __init__(self, path: Path, device: str) -> None:
        """Compiles the network.

        Args:
            path: `.onnx`, or `.xml` with its `.bin` beside it.
            device: OpenVINO device; `AUTO` becomes `CPU`, see `models.backends.openvino`.

        Raises:
            BundleError: It does not load, or the device is not there.
        """
        self.device: Final = "CPU" if device == "AUTO" else device
        self.path: Final = path
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        try:
            core = ov.Core()
            self._compiled = core.compile_model(core.read_model(str(path)), self.device, config)
            self._request = self._compiled.create_infer_request()
        except Exception as error:
            raise BundleError(f"OpenVINO does not load {path.name} on {self.device}: {error}") from error

    def run(self, inputs: Arrays) -> None:
        """Runs the network once.

        Raises:
            InferenceError: It does not take these inputs, or fails.
        """
        try:
            self._request.infer(dict(inputs))
        except Exception as error:
            raise InferenceError(f"OpenVINO failed: {error}") from error


class OnnxRuntimeNetwork:
    """A network in ONNX Runtime."""

    def __init__(self, path: Path) -> None:
        """Loads the network.

        Raises:
            BundleError: It does not load.
        """
        options = ort.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(f"ONNX Runtime does not load {path.name}: {error}") from error

    def example_inputs(self) -> Arrays:
        """One array of zeros per input, by name; sizes that the network leaves open are made small.

        Raises:
            BundleError: An input has a type that we cannot make.
        """
        found: dict[str, npt.NDArray[Any]] = {}
        for wanted in self._session.get_inputs():
            if wanted.type not in _ORT_TYPES:
                raise BundleError(f"the input {wanted.name} has the type {wanted.type}")
            found[wanted.name] = np.zeros(_closed(wanted.shape), _ORT_TYPES[wanted.type])
        return found

    def run(self, inputs: Arrays) -> None:
        """Runs the network once.

        Raises:
            InferenceError: It does not take these inputs, or fails.
        """
        try:
            self._session.run(None, dict(inputs))
        except Exception as error:
            raise InferenceError(f"ONNX Runtime failed: {error}") from error


def runners_of(network: OpenVinoNetwork) -> tuple[Callable[[], object], Callable[[], object]]:
    """One call of the network on ONNX Runtime and one on OpenVINO, with the same inputs.

    Raises:
        BundleError: ONNX Runtime does not open it; an `.xml` it never does.
    """
    reference = OnnxRuntimeNetwork(network.path)
    inputs = reference.example_inputs()
    return (lambda: reference.run(inputs)), (lambda: network.run(inputs))


def _closed(shape: list[int | str | None]) -> tuple[int, ...]:
    open_sizes = [_OPEN_BATCH if axis == 0 else _OPEN_SIZE for axis in range(len(shape))]
    return tuple(size if isinstance(size, int) and size > 0 else open_sizes[axis] for axis, size in enumerate(shape))
