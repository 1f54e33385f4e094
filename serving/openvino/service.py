"""Networks beside the deployed model, and timing them with little effect on the line."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Final

import numpy as np
import numpy.typing as npt
import openvino as ov

from models.backends import Precision
from models.bundle import Bundle
from models.errors import ModelError
from models.intake import read_image
from models.letterbox import letterbox, pixels_to_blob
from models.networks import OpenVinoNetwork, runners_of
from models.runtime import open_backend
from models.timing import time_by_turns
from serving.errors import Conflict, InvalidRequest, NotFound, NotReady
from serving.live import LiveInspector
from serving.openvino.paths import checked_path
from serving.openvino.schemas import BenchmarkOut, BenchmarkRequest, LoadOut, LoadRequest, OpenVinoStatus
from serving.priority import take_low_priority
from serving.settings import Settings
from serving.trial import try_network

DETECTOR: Final = "detector"
MOST_NETWORKS: Final = 8
_WARM_UP_ROUNDS: Final = 3
_MOST_SECONDS: Final = 60.0

Runners = tuple[Callable[[], object], Callable[[], object]]


class LoadedNetworks:
    """The networks that were loaded by key. The deployed model is `detector` and changes by deploying alone."""

    def __init__(self, settings: Settings, live: LiveInspector) -> None:
        """Takes what it works on; nothing is loaded yet."""
        self._settings = settings
        self._live = live
        self._networks: dict[str, OpenVinoNetwork] = {}
        self._loading = threading.Lock()
        self._timing = threading.Lock()
        self._closing = threading.Event()
        # A thread of its own with a low priority, which the threads that the runtimes start inherit (Linux). What
        # OpenVINO shares between all networks of a process keeps its own priority.
        self._timer = ThreadPoolExecutor(1, thread_name_prefix="benchmark", initializer=take_low_priority)

    def close(self) -> None:
        """Ends the thread; a benchmark under way ends with its round."""
        self._closing.set()
        self._timer.shutdown(wait=False, cancel_futures=True)

    def status(self) -> OpenVinoStatus:
        """What OpenVINO can do here and what it does."""
        settings, model = self._settings, self._live.model
        devices = _devices()
        on_openvino = model is not None and model.runtime.description.name == "openvino"
        return OpenVinoStatus(
            available=bool(devices),
            enabled=settings.openvino_enabled,
            device=settings.openvino_device,
            loaded_models=[*([DETECTOR] if on_openvino else []), *sorted(self._networks)],
            ort_fallback=settings.openvino_enabled and model is not None and not on_openvino,
            fallback_reason=model.runtime.description.fallback_reason if model else None,
            devices=list(devices),
        )

    def find(self, model_key: str) -> OpenVinoNetwork | None:
        """The network that is loaded by a key, None where there is none."""
        return self._networks.get(model_key)

    def put(self, model_key: str, network: OpenVinoNetwork) -> None:
        """Holds a network that another part of the API has loaded, unless somebody has given that key another one."""
        with self._loading:
            self._networks = {model_key: network, **self._networks}

    def load(self, request: LoadRequest) -> LoadOut:
        """What was loaded; compiling takes a while, so call it in a thread.

        Raises:
            NotReady: OpenVINO is switched off.
            InvalidRequest: The path or the key is not allowed, or the file is no network that runs here.
            NotFound: There is no such file.
            Conflict: Another one is being loaded.
        """
        self._require_enabled()
        if request.model_key == DETECTOR:
            raise InvalidRequest("detector is the deployed model: deploy another version instead")
        path = checked_path(request.model_path, (self._settings.models_dir, self._settings.bundles_dir))
        if not self._loading.acquire(blocking=False):
            raise Conflict("another network is being loaded")
        try:
            if request.model_key not in self._networks and len(self._networks) >= MOST_NETWORKS:
                raise InvalidRequest(f"{MOST_NETWORKS} networks are loaded already: use one of their keys")
            device = request.device or self._settings.openvino_device
            try_network(path, device)
            network = OpenVinoNetwork(path, device)
            self._networks = {**self._networks, request.model_key: network}
        except ModelError as error:
            raise InvalidRequest(str(error)) from error
        finally:
            self._loading.release()
        return LoadOut(model_key=request.model_key, device=network.device)

    def benchmark(self, request: BenchmarkRequest) -> "Future[BenchmarkOut]":
        """The future durations of a network on both runtimes.

        Raises:
            NotReady: OpenVINO is switched off, or no model is deployed.
            NotFound: Nothing is loaded by that key.
            Conflict: A benchmark is under way.
        """
        self._require_enabled()
        if request.model_key != DETECTOR and request.model_key not in self._networks:
            raise NotFound(f"no network {request.model_key} is loaded")
        if not self._timing.acquire(blocking=False):
            raise Conflict("a benchmark is under way")
        job = self._timer.submit(self._measure, request)
        job.add_done_callback(lambda _: self._timing.release())
        return job

    def _measure(self, request: BenchmarkRequest) -> BenchmarkOut:
        try:
            runners, device, precision = self._runners(request.model_key)
            for runner in runners * _WARM_UP_ROUNDS:
                runner()
            until_s = time.monotonic() + _MOST_SECONDS

            def goes_on() -> bool:
                return time.monotonic() < until_s and not self._closing.is_set()

            taken_ms = time_by_turns(runners, request.iterations, goes_on=goes_on)
        except ModelError as error:
            raise InvalidRequest(f"{request.model_key} cannot be timed: {error}") from error
        (ort_mean, ov_mean), (ort_p50, ov_p50), (ort_p95, ov_p95) = (
            taken_ms.mean(axis=0),
            *np.percentile(taken_ms, (50, 95), axis=0),
        )
        return BenchmarkOut(
            model_key=request.model_key,
            ort_mean_ms=_rounded(ort_mean),
            ov_mean_ms=_rounded(ov_mean),
            speedup=_rounded(ort_mean / ov_mean),
            ort_p50_ms=_rounded(ort_p50),
            ort_p95_ms=_rounded(ort_p95),
            ov_p50_ms=_rounded(ov_p50),
            ov_p95_ms=_rounded(ov_p95),
            iterations=len(taken_ms),
            ov_device=device,
            ov_precision=precision,
        )

    def _runners(self, model_key: str) -> tuple[Runners, str, Precision]:
        if model_key != DETECTOR:
            network = self._networks[model_key]
            return runners_of(network), network.device, "f32"
        model, precision = self._live.model, self._settings.openvino_precision
        if model is None:
            raise NotReady("no model is loaded")
        bundle = model.runtime.bundle
        reference = open_backend(bundle, backend="onnxruntime", precision="f32")
        backend = open_backend(bundle, backend="openvino", precision=precision, device=self._settings.openvino_device)
        blob = _blob_of(bundle)
        return (partial(reference.run, blob), partial(backend.run, blob)), backend.description.device, precision

    def _require_enabled(self) -> None:
        if not self._settings.openvino_enabled:
            raise NotReady("OpenVINO is switched off (OPENVINO_ENABLED=false)")


def _blob_of(bundle: Bundle) -> npt.NDArray[np.float32]:
    """A golden picture as the network takes it; grey where the bundle has none."""
    rules = bundle.manifest.input
    pixels_rgb = np.full((*rules.shape_hw, 3), 127, np.uint8)
    if bundle.manifest.golden:
        pixels_rgb = read_image((bundle.root / bundle.manifest.golden[0].path).read_bytes()).pixels_rgb
    canvas, _ = letterbox(pixels_rgb, rules.shape_hw, pad_value=rules.pad_value)
    return pixels_to_blob(canvas, rules.scale)


@cache
def _devices() -> tuple[str, ...]:
    return tuple(ov.Core().available_devices)


def _rounded(value: float) -> float:
    return round(float(value), 3)
