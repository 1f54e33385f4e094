"""How long a bundle's network takes on each backend and precision, measured by turns."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from models.backends import BackendName, Precision
from models.bundle import Bundle
from models.letterbox import letterbox, pixels_to_blob
from models.runtime import open_backend


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations of one variant, milliseconds.

    Attributes:
        backend: The library.
        precision: Precision of the computation.
        mean_ms: Arithmetic mean of one inference.
        p50_ms: Median.
        p95_ms: 95th percentile.
        throughput_per_s: Inferences per second, one after another.
        speedup: Mean of ONNX Runtime in f32 over this mean.
    """

    backend: BackendName
    precision: Precision
    mean_ms: float
    p50_ms: float
    p95_ms: float
    throughput_per_s: float
    speedup: float


def variants_of(bundle: Bundle) -> list[tuple[BackendName, Precision]]:
    """Everything that a bundle can run on here; ONNX Runtime, the reference, first."""
    found: list[tuple[BackendName, Precision]] = [("onnxruntime", "f32")]
    if bundle.manifest.openvino_fp16:
        found += [("openvino", "f32"), ("openvino", "bf16")]
    if bundle.manifest.openvino_int8:
        found.append(("openvino", "int8"))
    return found


def time_variants(
    bundle: Bundle,
    pixels_rgb: npt.NDArray[np.uint8],
    *,
    iterations: int,
    device: str = "AUTO",
    on_round: Callable[[int], None] = lambda _: None,
) -> list[Timing]:
    """The timings of all variants, taken by turns so that a drift of the machine meets each alike.

    Args:
        bundle: A verified bundle.
        pixels_rgb: A picture, uint8 (height, width, 3).
        iterations: Inferences per variant, after three that do not count.
        device: OpenVINO device.
        on_round: Called with the number of rounds done.

    Raises:
        BundleError: A variant does not load.
        InferenceError: A variant does not run.
    """
    rules = bundle.manifest.input
    canvas, _ = letterbox(pixels_rgb, rules.shape_hw, pad_value=rules.pad_value)
    blob = pixels_to_blob(canvas, rules.scale)
    variants = variants_of(bundle)
    backends = [open_backend(bundle, backend=b, precision=p, device=device) for b, p in variants]
    for backend in backends:
        for _ in range(3):
            backend.run(blob)
    durations_ms = time_by_turns([partial(backend.run, blob) for backend in backends], iterations, on_round=on_round)
    return list(_summaries(variants, durations_ms))


def time_by_turns(
    calls: Sequence[Callable[[], object]],
    iterations: int,
    *,
    on_round: Callable[[int], None] = lambda _: None,
    goes_on: Callable[[], bool] = lambda: True,
) -> npt.NDArray[np.float64]:
    """The durations of some calls that are made by turns, float64 (rounds, calls), milliseconds.

    Args:
        calls: What to time.
        iterations: Rounds at most, at least 1.
        on_round: Called with the number of rounds done.
        goes_on: Asked after each round whether there shall be another.
    """
    rounds: list[list[float]] = []
    while len(rounds) < iterations and (not rounds or goes_on()):
        row = []
        for call in calls:
            start = time.perf_counter()
            call()
            row.append((time.perf_counter() - start) * 1e3)
        rounds.append(row)
        on_round(len(rounds))
    return np.array(rounds, np.float64)


def _summaries(
    variants: list[tuple[BackendName, Precision]], durations_ms: npt.NDArray[np.float64]
) -> Iterator[Timing]:
    means = durations_ms.mean(axis=0)
    for column, (backend, precision) in enumerate(variants):
        p50, p95 = np.percentile(durations_ms[:, column], [50, 95])
        mean = float(means[column])
        yield Timing(backend, precision, mean, float(p50), float(p95), 1e3 / mean, float(means[0]) / mean)
