"""OpenVINO: the fast backend on Intel and AMD processors."""

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import openvino as ov
import structlog

from models.backends.protocol import BackendDescription, Precision
from models.errors import BundleError, InferenceError

_ALONE: Final = {"PERFORMANCE_HINT": "LATENCY"}
_BESIDE_OTHERS: Final = {"PERFORMANCE_HINT": "THROUGHPUT"}
# Between two networks a busy thread decodes and stores: who comes then is alone by chance, and would take every core
# from the one that comes next.
_CROWDED_CALLS: Final = 8
_log = structlog.get_logger(__name__)


class OpenVinoBackend:
    """A network in OpenVINO, with one inference request per concurrent caller.

    Who calls alone gets every core. Callers at the same time would wait for each other there, in every layer; for them
    there are streams, on a second compilation. Both must compute the very same numbers: a verdict may not depend on
    what else goes on.
    """

    def __init__(
        self, ir_path: Path, *, precision: Precision, device: str, threads: int | None = None, callers: int = 1
    ) -> None:
        """Compiles the network.

        Args:
            ir_path: The `.xml` of the IR; its `.bin` lies beside it.
            precision: `f32` and `bf16` are the precision of computing; `int8` says that the IR is quantised.
            device: OpenVINO device. `AUTO` becomes `CPU`: the AUTO plugin answers from the CPU first and from a GPU
                later, so that verdicts would change by themselves.
            threads: Threads within one inference; None leaves it to the library.
            callers: Threads that will call at the same time.

        Raises:
            BundleError: The file does not load or the device is not there.
        """
        self._device = "CPU" if device == "AUTO" else device
        # CPUs with AVX512_BF16 compute in bf16 unless told otherwise, and scores then differ between machines.
        config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"}
        if threads is not None:
            config["INFERENCE_NUM_THREADS"] = threads
        try:
            core = ov.Core()
            network = core.read_model(str(ir_path))
            hints = (_ALONE, _BESIDE_OTHERS) if callers > 1 and threads is None else (_ALONE,)
            # Side by side: half a second less until the first verdict.
            with ThreadPoolExecutor(len(hints), thread_name_prefix="compile") as compilers:
                wanted = [compilers.submit(core.compile_model, network, self._device, config | hint) for hint in hints]
            compiled = [_Compiled(one.result()) for one in wanted]
            self._alone, self._beside_others = compiled[0], compiled[-1]
            if not self._alone.computes_like(self._beside_others):
                _log.warning("streams_not_used", reason="they round differently", network=ir_path.name)
                self._beside_others = self._alone
        except Exception as error:
            raise BundleError(f"OpenVINO does not load {ir_path.name} on {self._device}: {error}") from error
        self._inside = 0
        self._crowded_calls = 0  # that take a stream even where they are alone
        self._counting = threading.Lock()
        self._description = BackendDescription("openvino", self._device, precision)

    @property
    def description(self) -> BackendDescription:
        """What runs."""
        return self._description

    @property
    def has_streams(self) -> bool:
        """Whether callers at the same time get streams of their own."""
        return self._beside_others is not self._alone

    def run(self, blob: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """See `Backend.run`."""
        try:
            with self._entered() as is_alone:
                return (self._alone if is_alone else self._beside_others).run(blob)
        except Exception as error:
            raise InferenceError(f"OpenVINO failed: {error}") from error

    @contextmanager
    def _entered(self) -> Iterator[bool]:
        """Whether nobody else is inside, nor was a few calls ago."""
        with self._counting:
            self._inside += 1
            self._crowded_calls = _CROWDED_CALLS if self._inside > 1 else max(0, self._crowded_calls - 1)
            is_alone = self._crowded_calls == 0
        try:
            yield is_alone
        finally:
            with self._counting:
                self._inside -= 1


class _Compiled:
    """One compilation with the requests that wait for their next caller."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._compiled = compiled
        self._idle_requests: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self, blob: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """The outputs, as arrays of their own."""
        try:
            request = self._idle_requests.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        request.infer([blob], share_inputs=True, share_outputs=True)
        # Copied: the request's memory is written again by the next caller.
        outputs = tuple(np.array(t.data, np.float32) for t in request.output_tensors)
        self._idle_requests.put(request)
        return outputs

    def computes_like(self, other: "_Compiled") -> bool:
        """Whether both give the same numbers, to the last bit, on a picture of noise."""
        if other is self:
            return True
        shape = [d.get_length() if d.is_static else 1 for d in self._compiled.input(0).partial_shape]
        noise = np.random.default_rng(0).random(shape, np.float32)
        pairs = zip(self.run(noise), other.run(noise), strict=True)
        return all(np.array_equal(mine, theirs, equal_nan=True) for mine, theirs in pairs)
