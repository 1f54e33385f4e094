"""OpenVINO: the fast backend on Intel and AMD processors."""

import queue
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov

from models.backends.protocol import BackendDescription, Precision
from models.errors import BundleError, InferenceError


class OpenVinoBackend:
    """A network in OpenVINO, with one inference request per concurrent caller."""

    def __init__(self, ir_path: Path, *, precision: Precision, device: str, threads: int | None = None) -> None:
        """Compiles the network.

        Args:
            ir_path: The `.xml` of the IR; its `.bin` lies beside it.
            precision: `f32` and `bf16` are the precision of computing; `int8` says that the IR is quantised.
            device: OpenVINO device. `AUTO` becomes `CPU`: the AUTO plugin answers from the CPU first and from a GPU
                later, so that verdicts would change by themselves.
            threads: Threads within one inference; None leaves it to the library.

        Raises:
            BundleError: The file does not load or the device is not there.
        """
        self._device = "CPU" if device == "AUTO" else device
        # CPUs with AVX512_BF16 compute in bf16 unless told otherwise, and scores then differ between machines.
        config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }
        if threads is not None:
            config["INFERENCE_NUM_THREADS"] = threads
        try:
            core = ov.Core()
            self._compiled = core.compile_model(core.read_model(str(ir_path)), self._device, config)
        except Exception as error:
            raise BundleError(f"OpenVINO does not load {ir_path.name} on {self._device}: {error}") from error
        self._idle_requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._description = BackendDescription("openvino", self._device, precision)

    @property
    def description(self) -> BackendDescription:
        """What runs."""
        return self._description

    def run(self, blob: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """See `Backend.run`."""
        try:
            request = self._idle_requests.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            request.infer([blob], share_inputs=True, share_outputs=True)
            # Copied: the request's memory is written again by the next caller.
            outputs = tuple(np.array(t.data, np.float32) for t in request.output_tensors)
        except Exception as error:
            raise InferenceError(f"OpenVINO failed: {error}") from error
        self._idle_requests.put(request)
        return outputs
