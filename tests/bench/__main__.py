"""`make bench`: every measurement of the serving side, in one run."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from models.backends import Precision
from models.bundle import load_bundle
from tests.bench.concurrency import ConcurrencyResult, concurrency_table, measure_concurrency
from tests.bench.inspect_latency import LatencyResult, measure_latency, simulated_pictures
from tests.bench.platform import running_platform
from tests.bench.report import circumstances, replace_block, table, write_json

STARTER = Path(__file__).resolve().parents[2] / "models" / "starter"


def main(
    rounds: Annotated[int, typer.Option(help="Requests per measurement")] = 600,
    pictures: Annotated[Path | None, typer.Option(help="Folder of JPEG pictures; simulated parts without it")] = None,
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = True,
) -> None:
    """Measures `/inspect` against decode + inference, many clients at once, and the start of the platform."""
    bundle, content = load_bundle(STARTER), simulated_pictures(40, pictures)
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
    source = "simulated parts, 640 x 480 JPEG" if pictures is None else f"JPEG pictures of {pictures.name}"
    text = _markdown(results, starts_s, rounds, source, facts)
    crowd_text = f"{_heading(rounds, source, facts)} Parts per second.\n\n{concurrency_table(crowds)}"
    typer.echo(f"{text}\n\n{crowd_text}")
    if write:
        write_json("concurrency", {**facts, "results": [asdict(r) for r in crowds]})
        replace_block("concurrency", crowd_text)
        write_json("inspect_latency", {**facts, "starts_s": starts_s, "results": [asdict(r) for r in results]})
        replace_block("inspect", text)


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
        f"{rounds} requests each, durable writes on."
    )


if __name__ == "__main__":
    typer.run(main)
