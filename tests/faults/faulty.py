"""A backend that fails on command, under a real runtime: what a native library can do to us."""

import ctypes
import itertools
import os
import shutil
import threading
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.backends import Backend, BackendDescription
from models.backends.onnxruntime import OnnxRuntimeBackend
from models.runtime import Runtime
from registry.local_store import LocalStore
from registry.version import DEPLOYED

Fault = Literal["none", "hang", "raise", "nan", "infinite", "empty", "wrong_shape", "slow"]
Arrays = tuple[npt.NDArray[np.float32], ...]


class FaultyBackend:
    """The real backend, until `fault` says otherwise."""

    def __init__(self, real: Backend) -> None:
        self.fault: Fault = "none"
        self.let_go = threading.Event()
        self.slow_s = 0.0
        self._real = real

    @property
    def description(self) -> BackendDescription:
        """What runs."""
        return self._real.description

    def run(self, blob: npt.NDArray[np.float32]) -> Arrays:
        """The outputs, or what the fault makes of them."""
        fault = self.fault
        if fault == "hang":
            self.let_go.wait()
        if fault == "slow":
            threading.Event().wait(self.slow_s)
        if fault == "raise":
            raise RuntimeError("the library threw")
        outputs = self._real.run(blob)
        if fault == "nan":
            return tuple(np.full_like(output, np.nan) for output in outputs)
        if fault == "infinite":
            return tuple(np.full_like(output, np.inf) for output in outputs)
        if fault == "empty":
            return ()
        if fault == "wrong_shape":
            return tuple(output[..., :1] for output in outputs)
        return outputs


def break_backend(runtime: Runtime | None) -> FaultyBackend:
    """The faulty backend that is now beneath a runtime."""
    assert runtime is not None
    faulty = FaultyBackend(runtime._backend)
    runtime._backend = faulty
    return faulty


def crash_on_black_pictures() -> None:
    """Lets ONNX Runtime read address 0 in this process when it is shown a picture that is black everywhere."""
    real = OnnxRuntimeBackend.run

    def run(self: OnnxRuntimeBackend, blob: npt.NDArray[np.float32]) -> Arrays:
        if not blob.any():
            ctypes.string_at(0)
        return real(self, blob)

    OnnxRuntimeBackend.run = run  # type: ignore[method-assign]


def install_again_and_again() -> None:
    """Installs two bundles in turn and points `deployed` at them, until this process is killed.

    The one that is not deployed is removed each time, file by file, so that there is something to install.
    """
    store, sources = LocalStore(Path(os.environ["STORE"])), os.environ["SOURCES"].split(os.pathsep)
    for source in itertools.cycle(sources):
        bundle = store.install(Path(source))
        store.point(DEPLOYED, bundle.digest, bundle.manifest.version)
        for other in Path(os.environ["STORE"]).iterdir():
            if other.is_dir() and other != bundle.root:
                shutil.rmtree(other)


def leak_with_each_part() -> None:
    """Lets this process keep a kilobyte of each picture that it judges."""
    real, kept = OnnxRuntimeBackend.run, []

    def run(self: OnnxRuntimeBackend, blob: npt.NDArray[np.float32]) -> Arrays:
        kept.append(os.urandom(1024))
        return real(self, blob)

    OnnxRuntimeBackend.run = run  # type: ignore[method-assign]
