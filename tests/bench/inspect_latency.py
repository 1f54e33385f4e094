"""`POST /api/v1/inspect` with one client against decode + inference of the same picture in this process, same run."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from models.backends import Precision
from models.backends.openvino import OpenVinoBackend
from models.bundle import Bundle
from models.intake import read_image
from models.letterbox import letterbox, pixels_to_blob
from models.simulation import SimulatedLine
from tests.pictures import jpeg_bytes


@dataclass(frozen=True)
class LatencyResult:
    """One comparison; times in milliseconds.

    Attributes:
        precision: Precision of both sides.
        decode_ms: Median of decoding the picture in this process.
        inference_ms: Median of running the network in this process, on an input prepared beforehand.
        request_p50_ms: Median of the whole request as the client sees it.
        request_p99_ms: 99th percentile of it.
        stages_ms: Medians of the stages that the answers report.
    """

    precision: str
    decode_ms: float
    inference_ms: float
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
    artefact = bundle.manifest.openvino_int8 if precision == "int8" else bundle.manifest.openvino_fp16
    if artefact is None:
        raise RuntimeError(f"the bundle has nothing for {precision}")
    backend = OpenVinoBackend(bundle.path_of(artefact), precision=precision, device="CPU")
    decode: list[float] = []
    infer: list[float] = []
    request: list[float] = []
    stages: dict[str, list[float]] = {}
    warm_up = 10
    for turn in range(rounds + warm_up):
        data = pictures[turn % len(pictures)]
        sample = (*_in_process(backend, bundle, data), *_over_http(client, data))
        if turn >= warm_up:
            decode.append(sample[0])
            infer.append(sample[1])
            request.append(sample[2])
            for stage, value in sample[3].items():
                stages.setdefault(stage, []).append(float(value))
    return LatencyResult(
        precision,
        statistics.median(decode),
        statistics.median(infer),
        statistics.median(request),
        float(np.percentile(request, 99)),
        {stage: statistics.median(values) for stage, values in stages.items()},
    )


def simulated_pictures(count: int, folder: Path | None = None) -> list[bytes]:
    """Encoded pictures: those of a folder if given, else simulated parts as JPEG."""
    if folder is not None:
        return [path.read_bytes() for path in sorted(folder.glob("*.jpg"))[:count]]
    line = SimulatedLine(seed=4711)
    return [jpeg_bytes(line.part(index).pixels_rgb) for index in range(count)]


def _in_process(backend: OpenVinoBackend, bundle: Bundle, data: bytes) -> tuple[float, float]:
    start = time.perf_counter()
    picture = read_image(data)
    decoded = time.perf_counter()
    rules = bundle.manifest.input
    canvas, _ = letterbox(picture.pixels_rgb, rules.shape_hw, pad_value=rules.pad_value)
    blob = pixels_to_blob(canvas, rules.scale)
    prepared = time.perf_counter()
    backend.run(blob)
    return (decoded - start) * 1e3, (time.perf_counter() - prepared) * 1e3


def _over_http(client: httpx.Client, data: bytes) -> tuple[float, dict[str, Any]]:
    start = time.perf_counter()
    response = client.post("/api/v1/inspect", files={"file": ("part.jpg", data, "image/jpeg")})
    elapsed_ms = (time.perf_counter() - start) * 1e3
    return elapsed_ms, response.raise_for_status().json()["timings_ms"]
