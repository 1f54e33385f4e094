"""`POST /api/v1/inspect` with one client against decode + inference of the same picture in this process, same run."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from models.backends import Precision
from models.bundle import Bundle
from models.intake import read_image
from models.recipe import Recipe
from models.runtime import Runtime, open_runtime
from models.simulation import SimulatedLine
from tests.bench.part_client import PartClient, encode_part, stages_of
from tests.pictures import jpeg_bytes

_BLOCK = 30
_SETTLING = 5


@dataclass(frozen=True)
class LatencyResult:
    """One comparison; times in milliseconds.

    Attributes:
        precision: Precision of both sides.
        decode_ms: Median of decoding the picture in this process.
        inference_ms: Median from pixels to verdict in this process (`Runtime.inspect`), as every inspection needs it.
        network_ms: Of that, the network alone, on an input prepared beforehand.
        request_p50_ms: Median of the whole request as the client sees it.
        request_p99_ms: 99th percentile of it.
        stages_ms: Medians of the stages that the answers report.
    """

    precision: str
    decode_ms: float
    inference_ms: float
    network_ms: float
    request_p50_ms: float
    request_p99_ms: float
    stages_ms: dict[str, float]

    @property
    def ratio(self) -> float:
        """Request over decode + inference; 1 would be the physical limit."""
        return self.request_p50_ms / (self.decode_ms + self.inference_ms)


def measure_latency(
    client: httpx.Client, bundle: Bundle, pictures: list[bytes], precision: Precision, rounds: int
) -> LatencyResult:
    """The comparison, both sides by turns so that a drift of the machine meets both alike.

    Args:
        client: A logged-in client of a platform that serves `bundle` in `precision`.
        bundle: The bundle.
        pictures: Encoded pictures, used by turns.
        precision: `f32` or `int8`.
        rounds: Number of requests, and of runs in this process.
    """
    runtime = open_runtime(bundle, precision=precision)
    runtime.warm_up()
    local: list[tuple[float, float, float]] = []
    request: list[float] = []
    stages: dict[str, list[float]] = {}
    bodies = [encode_part(data) for data in pictures]
    with PartClient(client) as line:
        # In blocks: after each run the library's threads look for work for a while, which would disturb the other
        # side.
        for _ in range(rounds // _BLOCK):
            local += [_in_process(runtime, pictures[i % len(pictures)]) for i in range(_BLOCK)][_SETTLING:]
            for i in range(_BLOCK):
                elapsed_ms, timings_ms = _over_http(line, bodies[i % len(bodies)])
                if i >= _SETTLING:
                    request.append(elapsed_ms)
                    for stage, value in timings_ms.items():
                        stages.setdefault(stage, []).append(float(value))
    decode_ms, inference_ms, network_ms = (statistics.median(column) for column in zip(*local, strict=True))
    return LatencyResult(
        precision,
        decode_ms,
        inference_ms,
        network_ms,
        statistics.median(request),
        float(np.percentile(request, 99)),
        {stage: statistics.median(values) for stage, values in stages.items()},
    )


def folder_pictures(count: int, folder: Path) -> list[bytes]:
    """Encoded pictures of a folder, spread evenly over its names."""
    paths = sorted(folder.glob("*.jpg"))
    return [path.read_bytes() for path in paths[:: max(1, len(paths) // count)][:count]]


def simulated_pictures(count: int) -> list[bytes]:
    """Simulated parts as JPEG."""
    line = SimulatedLine(seed=4711)
    return [jpeg_bytes(line.part(index).pixels_rgb) for index in range(count)]


def _in_process(runtime: Runtime, data: bytes) -> tuple[float, float, float]:
    start = time.perf_counter()
    picture = read_image(data)
    decoded = time.perf_counter()
    verdict = runtime.inspect(picture, Recipe())
    done = time.perf_counter()
    return (decoded - start) * 1e3, (done - decoded) * 1e3, verdict.timings_ms["inference"]


def _over_http(line: PartClient, body: bytes) -> tuple[float, dict[str, Any]]:
    start = time.perf_counter()
    answer = line.inspect(body)
    elapsed_ms = (time.perf_counter() - start) * 1e3
    return elapsed_ms, stages_of(answer)
