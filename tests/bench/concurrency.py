"""Many clients at once: `/inspect` over HTTP against what the network alone can do on the same pictures, same run."""

import itertools
import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import httpx
import numpy as np
import numpy.typing as npt
import openvino as ov

from models.backends import Precision
from models.bundle import Bundle
from models.intake import Picture, read_image
from models.recipe import Recipe
from models.runtime import open_backend, open_runtime
from serving.live.inspector import SPARE_WORKERS
from tests.bench.part_client import PartClient, encode_part
from tests.bench.report import table

CLIENTS = (1, 4, 16)
_SETTLING = 20
_LOAD = 0.7

Blob = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """What a number of clients got: pictures per second, and milliseconds from sending to the answer."""

    per_s: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class ConcurrencyResult:
    """One comparison; pictures per second.

    Attributes:
        precision: Precision of both sides.
        raw_sync_per_s: The network alone, one request after the other, every core for each.
        raw_async_per_s: The network alone, as many requests at once as OpenVINO takes for best.
        onnx_per_s: The network alone in ONNX Runtime; None in a precision that it does not run.
        runtime_per_s: `Runtime.inspect` of decoded pictures from as many threads as the API has.
        decode_per_s: Decoding the pictures, in one thread.
        answers: `/inspect` by number of clients.
        at_load: `/inspect` at seven tenths of the largest of these rates, sent by the clock, not by the answers.
    """

    precision: str
    raw_sync_per_s: float
    raw_async_per_s: float
    onnx_per_s: float | None
    runtime_per_s: float
    decode_per_s: float
    answers: dict[int, Answers]
    at_load: Answers

    @property
    def ratio(self) -> float:
        """The largest rate over HTTP as a share of the network's own."""
        return max(answers.per_s for answers in self.answers.values()) / self.raw_async_per_s


def measure_concurrency(
    client: httpx.Client, bundle: Bundle, pictures: Sequence[bytes], precision: Precision, rounds: int
) -> ConcurrencyResult:
    """The comparison.

    Args:
        client: A logged-in client of a platform that serves `bundle` in `precision`.
        bundle: The bundle.
        pictures: Encoded pictures, used by turns.
        precision: `f32` or `int8`.
        rounds: Number of pictures of each measurement.
    """
    workers = (os.cpu_count() or 1) + SPARE_WORKERS
    decoded = [read_image(data) for data in pictures]
    prepared = open_runtime(bundle, precision=precision)
    blobs = [prepared.preprocess(picture.pixels_rgb)[0] for picture in decoded]
    answers = {number: by_clients(client, pictures, rounds, number) for number in CLIENTS}
    most_per_s = max(each.per_s for each in answers.values())
    return ConcurrencyResult(
        precision,
        _raw_sync(bundle, precision, blobs, rounds),
        _raw_async(bundle, precision, blobs, rounds),
        _onnx(bundle, blobs, rounds) if precision == "f32" else None,
        _runtime(bundle, precision, decoded, rounds, workers),
        _rate(lambda index: read_image(pictures[index % len(pictures)]), rounds),
        answers,
        at_rate(client, pictures, rounds, most_per_s * _LOAD),
    )


def concurrency_table(results: Sequence[ConcurrencyResult]) -> str:
    """The comparison as a Markdown table, a column per precision."""
    rows: list[tuple[str, Callable[[ConcurrencyResult], str]]] = [
        ("network alone, one after the other", lambda r: f"{r.raw_sync_per_s:.1f}"),
        ("network alone, several at once (the limit)", lambda r: f"{r.raw_async_per_s:.1f}"),
        ("network alone, ONNX Runtime", lambda r: "-" if r.onnx_per_s is None else f"{r.onnx_per_s:.1f}"),
        ("decoding alone, one thread", lambda r: f"{r.decode_per_s:.1f}"),
        ("`Runtime.inspect`, as many threads as the API", lambda r: f"{r.runtime_per_s:.1f}"),
        *((f"`/inspect`, {number} clients (p50, p99 ms)", partial(_row, number)) for number in CLIENTS),
        ("`/inspect` at 70 % of its best rate (p50, p99 ms)", lambda r: _shown(r.at_load)),
        ("best of `/inspect` against the limit", lambda r: f"**{r.ratio:.2f}**"),
        ("p99 against p50 at 70 %", lambda r: f"**{r.at_load.p99_ms / r.at_load.p50_ms:.1f}**"),
    ]
    return table(["", *(r.precision for r in results)], [[name, *(cell(r) for r in results)] for name, cell in rows])


def _row(number: int, result: ConcurrencyResult) -> str:
    return _shown(result.answers[number])


def _shown(answers: Answers) -> str:
    return f"{answers.per_s:.1f} ({answers.p50_ms:.0f}, {answers.p99_ms:.0f})"


def _rate(work: Callable[[int], object], rounds: int, threads: int = 1) -> float:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(_SETTLING)))
        started_s = time.perf_counter()
        list(pool.map(work, range(rounds)))
        return rounds / (time.perf_counter() - started_s)


def _raw_sync(bundle: Bundle, precision: Precision, blobs: Sequence[Blob], rounds: int) -> float:
    backend = open_backend(bundle, backend="openvino", precision=precision)
    return _rate(lambda index: backend.run(blobs[index % len(blobs)]), rounds)


def _onnx(bundle: Bundle, blobs: Sequence[Blob], rounds: int) -> float:
    backend = open_backend(bundle, backend="onnxruntime", precision="f32")
    return _rate(lambda index: backend.run(blobs[index % len(blobs)]), rounds)


def _raw_async(bundle: Bundle, precision: Precision, blobs: Sequence[Blob], rounds: int) -> float:
    """As `benchmark_app -hint throughput` does."""
    artefact = bundle.manifest.openvino_int8 if precision == "int8" else bundle.manifest.openvino_fp16
    if artefact is None:
        raise RuntimeError(f"the bundle has no {precision}")
    core = ov.Core()
    config = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    requests = ov.AsyncInferQueue(core.compile_model(str(bundle.path_of(artefact)), "CPU", config))

    def run(number: int) -> float:
        started_s = time.perf_counter()
        for index in range(number):
            requests.start_async([blobs[index % len(blobs)]])
        requests.wait_all()
        return number / (time.perf_counter() - started_s)

    run(_SETTLING)
    return run(rounds)


def _runtime(bundle: Bundle, precision: Precision, pictures: Sequence[Picture], rounds: int, workers: int) -> float:
    runtime = open_runtime(bundle, precision=precision, callers=workers)
    return _rate(lambda index: runtime.inspect(pictures[index % len(pictures)], Recipe()), rounds, workers)


def by_clients(client: httpx.Client, pictures: Sequence[bytes], rounds: int, number: int) -> Answers:
    """Each client sends the next picture when it has the answer to its last one."""
    bodies, times_ms, lock = [encode_part(data) for data in pictures], list[float](), threading.Lock()
    left = itertools.count()
    starts_s: list[float] = []

    def work(_: int) -> None:
        with PartClient(client) as line:
            while (index := next(left)) < rounds + _SETTLING:
                began_s = time.perf_counter()
                line.inspect(bodies[index % len(bodies)])
                ended_s = time.perf_counter()
                if index >= _SETTLING:
                    with lock:
                        starts_s.append(began_s)
                        times_ms.append((ended_s - began_s) * 1e3)

    with ThreadPoolExecutor(number) as pool:
        list(pool.map(work, range(number)))
    return _answers(times_ms, time.perf_counter() - min(starts_s))


def at_rate(client: httpx.Client, pictures: Sequence[bytes], rounds: int, per_s: float) -> Answers:
    """Pictures come by the clock; a late answer holds up no later picture, and its wait counts from its due time."""
    bodies, times_ms, lock = [encode_part(data) for data in pictures], list[float](), threading.Lock()
    lines = threading.local()
    opened: list[PartClient] = []
    origin_s = time.perf_counter() + 0.1

    def work(index: int) -> None:
        due_s = origin_s + index / per_s
        time.sleep(max(0.0, due_s - time.perf_counter()))
        line: PartClient | None = getattr(lines, "line", None)
        if line is None:
            line = lines.line = PartClient(client)
            line.__enter__()
            with lock:
                opened.append(line)
        line.inspect(bodies[index % len(bodies)])
        with lock:
            times_ms.append((time.perf_counter() - due_s) * 1e3)

    with ThreadPoolExecutor(max(CLIENTS)) as pool:
        list(pool.map(work, range(rounds)))
    elapsed_s = time.perf_counter() - origin_s
    for line in opened:
        line.__exit__(None, None, None)
    return _answers(times_ms, elapsed_s)


def _answers(times_ms: Sequence[float], elapsed_s: float) -> Answers:
    return Answers(len(times_ms) / elapsed_s, statistics.median(times_ms), float(np.percentile(times_ms, 99)))
