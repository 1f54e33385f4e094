"""`make bench`: every measurement of the serving side, in one run."""

import os
import tempfile
from dataclasses import asdict
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Annotated

import typer

from models.backends import Precision
from models.bundle import Bundle, load_bundle
from tests.bench.concurrency import ConcurrencyResult, concurrency_table, measure_concurrency
from tests.bench.footprint import footprint_table, measure_footprint
from tests.bench.growth import SIZES, measured_growth
from tests.bench.inspect_latency import LatencyResult, folder_pictures, measure_latency, simulated_pictures
from tests.bench.peers import PeerResult, measure_peers, peers_table
from tests.bench.platform import running_platform
from tests.bench.plot import write_bars
from tests.bench.report import circumstances, replace_block, table, write_json

_ROOT = Path(__file__).resolve().parents[2]
STARTER = _ROOT / "models" / "starter"
# Real pictures, where they lie beside the checkout: 816 magnetic tiles.
_REAL = Path(os.environ.get("USSOP_REAL_DATA", _ROOT.parent / "shared" / "data" / "magnetic-tile")) / "images"
_MOST_PICTURES = 40


def main(
    rounds: Annotated[int, typer.Option(help="Requests per measurement")] = 600,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder of JPEG pictures; the magnetic tiles without it, where they are there")
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Simulated parts in any case")] = False,
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = True,
    short: Annotated[bool, typer.Option("--short", help="/inspect alone: no peers, footprint and growth")] = False,
) -> None:
    """Measures `/inspect` against decode + inference and against peers, and what the platform takes of its machine."""
    folder_of_pictures = None if simulated else pictures or (_REAL if _REAL.is_dir() else None)
    if folder_of_pictures is None:
        content, source = simulated_pictures(_MOST_PICTURES), "simulated parts, 640 x 480 JPEG"
    else:
        content = folder_pictures(_MOST_PICTURES, folder_of_pictures)
        source = f"{len(content)} JPEG pictures of {'/'.join(folder_of_pictures.parts[-2:])}"
    bundle = load_bundle(STARTER)
    precisions: list[Precision] = ["f32", "int8"] if bundle.manifest.openvino_int8 else ["f32"]
    results: list[LatencyResult] = []
    crowds: list[ConcurrencyResult] = []
    starts_s: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for precision in precisions:
            with running_platform(Path(folder), OPENVINO_PRECISION=precision, JOBS_ENABLED="false") as (
                client,
                ready_s,
            ):
                starts_s["cold" if not starts_s else "warm"] = ready_s
                results.append(measure_latency(client, bundle, content, precision, rounds))
                typer.echo(f"{precision}: {results[-1].ratio:.3f} x (decode + inference)")
                crowds.append(measure_concurrency(client, bundle, content, precision, rounds))
                typer.echo(f"{precision}: {crowds[-1].ratio:.3f} of the network's own throughput")
    facts = circumstances("make bench")
    text = _markdown(results, starts_s, rounds, source, facts)
    crowd_text = f"{_heading(rounds, source, facts)} Parts per second.\n\n{concurrency_table(crowds)}"
    typer.echo(f"{text}\n\n{crowd_text}")
    if write:
        write_json("concurrency", {**facts, "results": [asdict(r) for r in crowds]})
        replace_block("concurrency", crowd_text)
        write_json("inspect_latency", {**facts, "starts_s": starts_s, "results": [asdict(r) for r in results]})
        replace_block("inspect", text)
        _plot_rates(crowds[0])
    if not short:
        _peers(bundle, content, results[0], rounds, facts, write=write)
        _footprint(content, rounds, facts, write=write)
        growth, figures = measured_growth(SIZES, "make bench")
        typer.echo(growth)
        if write:
            write_json("growth", figures)
            replace_block("growth", growth)


def _plot_rates(crowd: ConcurrencyResult) -> None:
    limit = "network alone, several at once (limit)"
    rates = {
        limit: crowd.raw_async_per_s,
        "network alone, ONNX Runtime": crowd.onnx_per_s or 0.0,
        "Runtime.inspect, threads of the API": crowd.runtime_per_s,
        **{f"/inspect, {number} clients": answers.per_s for number, answers in crowd.answers.items()},
    }
    write_bars("bench-throughput", f"Parts per second, {crowd.precision}", "more is better", rates, limit)


def _peers(
    bundle: Bundle, content: list[bytes], ours: LatencyResult, rounds: int, facts: dict[str, object], *, write: bool
) -> None:
    """The same network and pictures elsewhere."""
    found: list[PeerResult] = measure_peers(bundle, content, max(100, rounds // 2))
    if not found:
        typer.echo("no `yolo` command here (extra train): no peers")
        return
    own = {
        "Ussop, decode + `Runtime.inspect`": ours.decode_ms + ours.inference_ms,
        "Ussop, `/inspect` over HTTP, stored": ours.request_p50_ms,
    }
    heading = (
        f"{facts['date']} · {facts['cpu']} · load {facts['load_1min']} · `{facts['command']}`, one picture at a time · "
        f"ultralytics {version(packages_distributions()['ultralytics'][0])}."  # there are packages for each OpenCV
    )
    text = f"{heading}\n\n{peers_table(found, own)}"
    typer.echo(text)
    if write:
        write_json("peers", {**facts, "ours_ms": own, "peers": [asdict(one) for one in found]})
        replace_block("peers", text)
        bars = {**own, **{one.name: one.picture_ms for one in found}}
        plain = {name.replace("`", ""): value for name, value in bars.items()}
        write_bars("bench-peers", "From the picture to the result, f32", "ms, less is better", plain)


def _footprint(content: list[bytes], rounds: int, facts: dict[str, object], *, write: bool) -> None:
    """What the API takes of its machine."""
    found = measure_footprint(content, rounds)
    heading = f"{facts['date']} · {facts['cpu']} · load before {facts['load_1min']} · `{facts['command']}`"
    text = f"{heading}\n\n{footprint_table(found)}"
    typer.echo(text)
    if write:
        write_json("footprint", {**facts, **found.to_json()})
        replace_block("footprint", text)


def _markdown(
    results: list[LatencyResult], starts_s: dict[str, float], rounds: int, source: str, facts: dict[str, object]
) -> str:
    header = [
        "precision",
        "decode",
        "inference",
        "(network alone)",
        "decode + inference",
        "/inspect p50",
        "p99",
        "p50 ratio",
    ]
    rows = [
        [
            r.precision,
            *(f"{ms:.2f}" for ms in (r.decode_ms, r.inference_ms, r.network_ms, r.decode_ms + r.inference_ms)),
            *(f"{ms:.2f}" for ms in (r.request_p50_ms, r.request_p99_ms)),
            f"**{r.ratio:.2f}**",
        ]
        for r in results
    ]
    names = list(results[0].stages_ms)
    stages = [[r.precision, *(f"{r.stages_ms[name]:.2f}" for name in names)] for r in results]
    starts = ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in starts_s.items())
    return "\n\n".join(
        (
            f"{_heading(rounds, source, facts)} One client. Milliseconds, medians unless said otherwise.",
            table(header, rows),
            "Stages as the answers report them:",
            table(["precision", *names], stages),
            f"From `ussop up` to the first healthy answer: {starts}.",
        )
    )


def _heading(rounds: int, source: str, facts: dict[str, object]) -> str:
    return (
        f"{facts['date']} · {facts['cpu']} · load before {facts['load_1min']} · `{facts['command']}` · {source} · "
        f"{facts['versions']} · "
        f"{rounds} requests each, durable writes on."
    )


if __name__ == "__main__":
    typer.run(main)
