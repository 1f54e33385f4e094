"""ONNX Runtime on the CPU: the reference backend."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from models.backends.protocol import BackendDescription
from models.errors import BundleError, InferenceError


class OnnxRuntimeBackend:
    """A network in ONNX Runtime. Sessions are safe to call from many threads."""

    def __init__(self, onnx_path: Path, *, threads: int | None = None, fallback_reason: str | None = None) -> None:
        """Loads the network.

        Args:
            onnx_path: The ONNX file.
            threads: Threads within one inference; None leaves it to the library.
            fallback_reason: Why another backend is not used, kept for the description.

        Raises:
            BundleError: The file does not load.
        """
        options = ort.SessionOptions()
        options.log_severity_level = 3
        # The arena keeps the largest shape ever seen; inputs here are static, so it would only cost memory.
        options.enable_cpu_mem_arena = False
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = ort.InferenceSession(str(onnx_path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(f"ONNX Runtime does not load {onnx_path.name}: {error}") from error
        self._input_name = self._session.get_inputs()[0].name
        self._description = BackendDescription("onnxruntime", "CPU", "f32", fallback_reason)

    @property
    def description(self) -> BackendDescription:
        """What runs."""
        return self._description

    def run(self, blob: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """See `Backend.run`."""
        try:
            outputs = self._session.run(None, {self._input_name: blob})
        except Exception as error:
            raise InferenceError(f"ONNX Runtime failed: {error}") from error
        return tuple(np.asarray(o, np.float32) for o in outputs)
