"""Any single network on a runtime, bundle or not: loaded beside the deployed model, to run or to be timed."""

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

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


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a network.

    Attributes:
        names: As the graph calls it; several where a runtime has merged tensors, `#2` and the like where it has none.
        shape: Sizes; None where the network leaves one open.
        dtype: Type of its values; None for one that NumPy does not have.
    """

    names: frozenset[str]
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any] | None


class Network(Protocol):
    """Any network, inputs and outputs by name. Safe to call from many threads at once."""

    @property
    def path(self) -> Path:
        """The file that it came from."""
        ...

    @property
    def runs_on(self) -> str:
        """Library and device, for instance `openvino:CPU`."""
        ...

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What it takes, in the graph's order."""
        ...

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What it gives, in the graph's order."""
        ...

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Its outputs by each of their names; arrays of their own, safe to keep.

        Raises:
            InferenceError: It does not take these inputs, or fails.
        """
        ...


class OpenVinoNetwork:
    """A network compiled by OpenVINO, with one inference request per concurrent caller."""

    def __init__(self, path: Path, device: str, *, threads: int | None = None) -> None:
        """Compiles the network.

        Args:
            path: `.onnx`, or `.xml` with its `.bin` beside it.
            device: OpenVINO device; `AUTO` becomes `CPU`, see `models.backends.openvino`.
            threads: Threads within one inference; None leaves it to the library.

        Raises:
            BundleError: It does not load, or the device is not there.
        """
        self.device: Final = "CPU" if device == "AUTO" else device
        self.path: Final = path
        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if threads is not None:
            config["INFERENCE_NUM_THREADS"] = threads
        self._idle_requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        try:
            core = ov.Core()
            self._compiled = core.compile_model(core.read_model(str(path)), self.device, config)
            self._idle_requests.put(self._compiled.create_infer_request())
        except Exception as error:
            raise BundleError(f"OpenVINO does not load {path.name} on {self.device}: {error}") from error

    @property
    def runs_on(self) -> str:
        """See `Network.runs_on`."""
        return f"openvino:{self.device}"

    @property
    def inputs(self) -> tuple[Port, ...]:
        """See `Network.inputs`."""
        return _ports_of(self._compiled.inputs)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """See `Network.outputs`."""
        return _ports_of(self._compiled.outputs)

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """See `Network.run`."""
        try:
            request = self._idle_requests.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            request.infer(dict(inputs))
            # Copied: the request's memory is written again by the next caller.
            found = [np.array(tensor.data) for tensor in request.output_tensors]
        except Exception as error:
            raise InferenceError(f"OpenVINO failed: {error}") from error
        self._idle_requests.put(request)
        return _by_name(self.outputs, found)


class OnnxRuntimeNetwork:
    """A network in ONNX Runtime."""

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        """Loads the network.

        Args:
            path: `.onnx`.
            threads: Threads within one inference; None leaves it to the library.

        Raises:
            BundleError: It does not load.
        """
        self.path: Final = path
        options = ort.SessionOptions()
        options.log_severity_level = 3
        # The arena keeps the largest shapes ever seen, and a network may leave sizes open.
        options.enable_cpu_mem_arena = False
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(f"ONNX Runtime does not load {path.name}: {error}") from error

    @property
    def runs_on(self) -> str:
        """See `Network.runs_on`."""
        return "onnxruntime:CPU"

    @property
    def inputs(self) -> tuple[Port, ...]:
        """See `Network.inputs`."""
        return tuple(_port_of(argument) for argument in self._session.get_inputs())

    @property
    def outputs(self) -> tuple[Port, ...]:
        """See `Network.outputs`."""
        return tuple(_port_of(argument) for argument in self._session.get_outputs())

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

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """See `Network.run`."""
        try:
            found = self._session.run(None, dict(inputs))
        except Exception as error:
            raise InferenceError(f"ONNX Runtime failed: {error}") from error
        return _by_name(self.outputs, found)


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


def _port_of(argument: Any) -> Port:
    kind = _ORT_TYPES.get(argument.type)
    shape = tuple(size if isinstance(size, int) and size > 0 else None for size in argument.shape)
    return Port(frozenset({argument.name}), shape, np.dtype(kind) if kind else None)


def _ports_of(found: Sequence[Any]) -> tuple[Port, ...]:
    ports = []
    for position, port in enumerate(found):
        dimensions = tuple(port.get_partial_shape()) if not port.get_partial_shape().rank.is_dynamic else ()
        shape = tuple(size.get_length() if size.is_static else None for size in dimensions)
        ports.append(Port(frozenset(port.get_names()) or frozenset({f"#{position}"}), shape, _dtype_of(port)))
    return tuple(ports)


def _dtype_of(port: Any) -> np.dtype[Any] | None:
    try:
        dtype: np.dtype[Any] = np.dtype(port.get_element_type().to_dtype())
    except (RuntimeError, IndexError):  # a type that is left open
        return None
    return dtype


def _by_name(ports: Sequence[Port], values: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
    return {name: np.asarray(value) for port, value in zip(ports, values, strict=True) for name in port.names}
