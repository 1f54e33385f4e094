"""A batch job against the bare loop: `python -m tests.bench.batch_throughput`.

Each job is made and started by REST and run by the platform's own host of flows; its rate is taken from the times of
the stored inspections, after the first ones. The bare loop inspects the same pictures, decoded beforehand, one after
another in this process, after each job: by turns, because a machine's speed drifts, and beside the same idle platform.
"""

import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer

from models.bundle import load_bundle
from models.intake import Picture, read_image
from models.recipe import Recipe
from models.runtime import Runtime, open_runtime
from tests.bench.__main__ import STARTER
from tests.bench.inspect_latency import simulated_pictures
from tests.bench.platform import running_platform
from tests.bench.report import circumstances, replace_block, table, write_json

_KINDS = 40
_SETTLING = 40
_DEADLINE_S = 600.0


def main(
    pictures: Annotated[int, typer.Option(help="Pictures of each job")] = 400,
    turns: Annotated[int, typer.Option(help="Jobs, each with a bare loop after it")] = 3,
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = True,
) -> None:
    """Measures the throughput of a batch job as a share of the bare loop's."""
    content = simulated_pictures(_KINDS)
    decoded = [read_image(data) for data in content]
    runtime = open_runtime(load_bundle(STARTER))
    runtime.warm_up()
    batch: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory() as scratch, running_platform(Path(scratch)) as (client, _):
        folder = Path(scratch).resolve() / "inbox" / "shift"
        folder.mkdir(parents=True)
        for index in range(pictures):
            (folder / f"{index:05d}.jpg").write_bytes(content[index % _KINDS])
        for turn in range(turns):
            batch.append(_batch_rate(client, folder, pictures, f"batch-bench-{turn}"))
            bare.append(_bare_rate(runtime, decoded))
    facts = circumstances("python -m tests.bench.batch_throughput")
    ratio = statistics.mean(batch) / statistics.mean(bare)
    rates = [", ".join(f"{rate:.1f}" for rate in side) for side in (batch, bare)]
    heading = (
        f"{facts['date']} · {facts['cpu']} · `{facts['command']}` · {turns} jobs of {pictures} simulated parts, f32, "
        "per second."
    )
    text = f"{heading}\n\n{table(['batch jobs', 'bare loop after each', 'ratio'], [[*rates, f'**{ratio:.2f}**']])}"
    typer.echo(text)
    if write:
        write_json("batch_throughput", {**facts, "bare_per_s": bare, "batch_per_s": batch})
        replace_block("batch", text)


def _bare_rate(runtime: Runtime, pictures: list[Picture]) -> float:
    recipe, rounds = Recipe(), 4
    for picture in pictures[:5]:
        runtime.inspect(picture, recipe)
    started_s = time.perf_counter()
    for _ in range(rounds):
        for picture in pictures:
            runtime.inspect(picture, recipe)
    return rounds * len(pictures) / (time.perf_counter() - started_s)


def _batch_rate(client: httpx.Client, folder: Path, pictures: int, station: str) -> float:
    """Stored inspections per second of a job, its first ones left out."""
    wanted = {"name": "bench", "input_dir": str(folder), "file_pattern": "*.jpg", "station_id": station}
    job = client.post("/api/v1/batch/jobs", json=wanted).raise_for_status().json()["id"]
    deadline = time.monotonic() + _DEADLINE_S
    while client.post(f"/api/v1/batch/jobs/{job}/start").status_code != httpx.codes.OK:
        _wait(deadline)  # Prefect and the host of the flows are still starting
    while (state := client.get(f"/api/v1/batch/jobs/{job}").json())["status"] in {"pending", "running"}:
        _wait(deadline)
    if state["status"] != "completed":
        raise RuntimeError(f"the job is {state['status']}: {state}")
    return _stored_rate(client, pictures, station)


def _stored_rate(client: httpx.Client, pictures: int, station: str) -> float:
    times: list[datetime] = []
    while len(times) < pictures:
        page: dict[str, str | int] = {"station_id": station, "limit": 500, "offset": len(times)}
        found = client.get("/api/v1/inspections", params=page).raise_for_status().json()["inspections"]
        if not found:
            raise RuntimeError(f"{len(times)} of {pictures} pictures are stored")
        times += [datetime.fromisoformat(each["created_at"]) for each in found]
    times.sort()
    counted = times[_SETTLING:]
    return (len(counted) - 1) / (counted[-1] - counted[0]).total_seconds()


def _wait(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError("the job did not end in time")
    time.sleep(1.0)


if __name__ == "__main__":
    typer.run(main)
