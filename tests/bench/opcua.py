"""The OPC UA server under load: `python -m tests.bench.opcua`.

Results are stored as fast as asked for, past the camera and the network, which no machine of this size keeps up with;
from the commit on everything is real: relay, events, OPC UA process, signed and encrypted subscriber.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import psutil
import typer
from asyncua import Client, ua
from sqlalchemy import Connection

from serving.app import create_app
from serving.auth.principal import ROLES
from serving.database import open_database
from serving.logging import configure_logging
from serving.platform import Platform
from serving.secrets_file import with_secret_key
from serving.settings import Settings
from serving.stations.service import ensure_exists
from serving.users import repository
from serving.users import service as users
from tests.bench.report import circumstances, replace_block, table, write_json
from tests.opcua.client import Pki, client_of, node
from tests.opcua.plant import PlantUnderTest, wait_until
from tests.opcua.waiting import Notes
from tests.serving.conftest import PASSWORD
from tests.serving.past import _TABLES, Part, row_of
from tests.serving.server import serve

_TICK_S = 0.05
_LOADS = ("1x5", "10x5", "10x20", "50x10", "50x20")
_FORGOTTEN_S = 75.0
"""Longer than a subscription waits for a client who has gone."""


class _Counted:
    """Keeps each counter's values with the times from the inspection to the node, and from there to here."""

    def __init__(self) -> None:
        """Begins empty."""
        self.counters: dict[str, list[int]] = {}
        self.to_node_ms: list[float] = []
        self.to_here_ms: list[float] = []

    def datachange_notification(self, told: Any, val: Any, data: Any) -> None:
        """One value: its source timestamp is that of the inspection, its server timestamp that of the write."""
        value, now = data.monitored_item.Value, datetime.now(UTC)
        station = str(told.nodeid.Identifier)
        if station in self.counters:
            self.to_node_ms.append((value.ServerTimestamp - value.SourceTimestamp).total_seconds() * 1000)
            self.to_here_ms.append((now - value.ServerTimestamp).total_seconds() * 1000)
        self.counters.setdefault(station, []).append(int(val))


async def _subscribe(endpoint: str, folder: Path, pki_dir: Path, stations: int, expected: int) -> dict[str, Any]:
    pki = Pki(folder, pki_dir)
    seen = _Counted()
    async with await client_of(endpoint, pki, folder / "plc.der", "viewer") as client:
        subscription = await client.create_subscription(50, seen, queue_maxsize=100_000)
        nodes = [node(client, "ResultCounter", f"line-{n}") for n in range(stations)]
        await subscription.subscribe_data_change(nodes, queuesize=1000)
        sys.stdout.write("subscribed\n")
        sys.stdout.flush()
        give_up_at = time.monotonic() + 300
        while time.monotonic() < give_up_at:
            if sum(values[-1] - values[0] for values in seen.counters.values()) >= expected:
                break
            await asyncio.sleep(0.2)
    told = [number for values in seen.counters.values() for number in values[1:]]
    whole = [number for values in seen.counters.values() for number in range(values[0] + 1, values[-1] + 1)]
    whole_way = [sum(parts) for parts in zip(seen.to_node_ms, seen.to_here_ms, strict=True)]
    return {
        "told": len(told),
        "lost": len(whole) - len(told),
        "out of order": sum(b != a + 1 for v in seen.counters.values() for a, b in pairwise(v)),
        "verdict to node, p50 / p99 / max ms": quantiles(seen.to_node_ms),
        "node to subscriber, p50 / p99 / max ms": quantiles(seen.to_here_ms),
        "verdict to subscriber, p50 / p99 / max ms": quantiles(whole_way),
    }


def quantiles(values_ms: list[float]) -> str:
    """Median, 99th percentile and longest of some times."""
    ordered = sorted(values_ms) or [float("nan")]
    found = (ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1])
    return " / ".join(f"{value:.0f}" for value in found)


def prepare(plant: PlantUnderTest, stations: int) -> Settings:
    """A data folder with a viewer, an operator and so many stations; the settings of its API."""
    settings = Settings(
        _env_file=None,
        data_dir=plant.data_dir,
        database_url=f"sqlite:///{plant.data_dir / 'ussop.db'}",
        rate_limit_default="1000000/minute",
        mlflow_port=1,
        prefect_port=1,
        opcua_enabled=True,
        opcua_port=plant.opcua_port,
    )
    from serving.command.preparation import prepare_bundle, prepare_data_dir, prepare_database  # noqa: PLC0415
    from serving.command.service_account import ensure_service_account  # noqa: PLC0415

    prepare_data_dir(settings)
    settings = with_secret_key(settings)
    prepare_database(settings)
    prepare_bundle(settings)
    ensure_service_account(settings)
    database = open_database(settings)
    for role in ROLES[:2]:
        user = users.new_user(role, PASSWORD, [role])
        database.write(lambda session, user=user: repository.add(session, user)).result(30)  # type: ignore[misc]
    now = datetime.now(UTC)
    for number in range(stations):
        name = f"line-{number}"
        database.write(lambda session, name=name: ensure_exists(session, name, now)).result(30)  # type: ignore[misc]
    database.close()
    return settings


def _store(platform: Platform, stations: int, per_station: int) -> None:
    def write(connection: Connection) -> None:
        now = datetime.now(UTC)
        rows = [
            row_of(str(uuid4()), Part(now, "pass", f"line-{n}", None))
            for n in range(stations)
            for _ in range(per_station)
        ]
        told = [
            {"type": "inspection", "created_at": now, "data": {"id": r["id"], "station_id": r["station_id"]}}
            for r in rows
        ]
        connection.execute(_TABLES["inspections"].insert(), rows)
        connection.execute(_TABLES["events"].insert(), told)

    platform.database.write_rows(write).result(60)


def main(
    load: Annotated[list[str] | None, typer.Option(help="Stations x results per second at each, as 10x20")] = None,
    seconds: Annotated[int, typer.Option(help="How long, each")] = 20,
    storm: Annotated[int, typer.Option(help="Clients that connect, subscribe and vanish afterwards")] = 0,
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = False,
) -> None:
    """Measures what a subscriber gets, and what the process takes."""
    loads = [tuple(int(number) for number in text.split("x")) for text in load or _LOADS]
    most = max(stations for stations, _ in loads)
    results: dict[str, dict[str, Any]] = {}
    storms: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        plant = PlantUnderTest(Path(folder) / "var", extra={"LOG_LEVEL": "WARNING"})
        settings = prepare(plant, most)
        configure_logging(settings.model_copy(update={"log_level": "ERROR"}))
        app = create_app(settings)
        pki = Pki(Path(folder) / "pki", plant.settings.pki_dir)
        with serve(app) as url:
            plant.api_port = int(url.rpartition(":")[2])
            try:
                began_s = time.monotonic()
                plant.start("opcua")
                wait_until(lambda: plant.call("GET", "/opcua/status", role="viewer")["station_count"] == most, "shown")
                started_s = time.monotonic() - began_s
                pki.make("plc", trusted=True)
                for stations, rate in loads:
                    measured = _measure(plant, pki, app.state.platform, stations, rate, seconds)
                    results[f"{stations} x {rate}/s"] = measured
                if storm:
                    storms = asyncio.run(_storm(plant, pki, storm))
            finally:
                plant.close()
                sys.stderr.write(plant.log("opcua"))
    facts = circumstances(f"python -m tests.bench.opcua --seconds {seconds} --storm {storm}")
    heading = f"{facts['date']} · {facts['cpu']} · load {facts['load_1min']} · `{facts['command']}`"
    figures = next(iter(results.values()))
    rows = [[figure, *(str(found[figure]) for found in results.values())] for figure in figures]
    parts = [heading, table(["figure", *results], rows)]
    parts.append(f"From the start of the process until it shows {most} stations: {started_s:.1f} s.")
    parts += [f"{name}: {value}." for name, value in storms.items()]
    text = "\n\n".join(parts)
    typer.echo(text)
    if write:
        write_json("opcua", {**facts, "started_s": started_s, "results": results, "storm": storms})
        replace_block("opcua", text)


def _measure(
    plant: PlantUnderTest, pki: Pki, platform: Platform, stations: int, rate: int, seconds: int
) -> dict[str, Any]:
    process, api = psutil.Process(plant.processes["opcua"].pid), psutil.Process()
    ticks = round(seconds / _TICK_S)
    per_tick, every = (rate // 20, 1) if rate >= 20 else (1, 20 // rate)
    expected = (ticks // every) * per_tick * stations
    command = [sys.executable, "-m", "tests.bench.opcua", "subscriber", plant.endpoint, str(pki.folder)]
    arguments = [str(plant.settings.pki_dir), str(stations), str(expected)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as subscriber:
        assert subscriber.stdout is not None
        if subscriber.stdout.readline().strip() != "subscribed":
            raise RuntimeError("the subscriber did not come in")
        cpu_before, began_s = (sum(process.cpu_times()[:2]), sum(api.cpu_times()[:2])), time.monotonic()
        for tick in range(ticks):
            if tick % every == 0:
                _store(platform, stations, per_tick)
            time.sleep(max(0.0, began_s + (tick + 1) * _TICK_S - time.monotonic()))
        stored_s = time.monotonic() - began_s
        told = json.loads(subscriber.stdout.readline())
        wall_s = time.monotonic() - began_s
    used = [sum(which.cpu_times()[:2]) - before for which, before in zip((process, api), cpu_before, strict=True)]
    return {
        "results stored": expected,
        "results/s": round(expected / stored_s),
        **told,
        "OPC UA process, cores": round(used[0] / wall_s, 2),
        "API and bench, cores": round(used[1] / wall_s, 2),
        "OPC UA process, MiB": process.memory_info().rss // 2**20,
    }


async def _storm(plant: PlantUnderTest, pki: Pki, clients: int) -> dict[str, Any]:
    """Clients that connect all at once, subscribe and vanish; what is left of them when their time is over.

    The first such storm fills what the process keeps for good; growth is what the second one adds to that.
    """
    process = psutil.Process(plant.processes["opcua"].pid)
    found: dict[str, Any] = {}
    before: tuple[float, int] = (0, 0)
    for name in ("first", "second"):
        began_s = time.monotonic()
        came_in = sum(await asyncio.gather(*(_vanish(plant, pki) for _ in range(clients))))
        storm_s, peak = time.monotonic() - began_s, _held(process)
        await asyncio.sleep(_FORGOTTEN_S)
        after = _held(process)
        told = f"{clients} clients in {storm_s:.0f} s, {came_in} of them came in; MiB {peak[0]} then {after[0]}"
        found[f"{name} storm"] = f"{told}; file descriptors {peak[1]} then {after[1]}"
        if name == "second":
            grown = [100 * (now - then) / then for now, then in zip(after, before, strict=True)]
            found["growth by the second storm, memory / file descriptors"] = " / ".join(f"{g:.1f} %" for g in grown)
        before = after
    async with await client_of(plant.endpoint, pki, pki.folder / "plc.der", "viewer") as client:
        found["an honest client reads afterwards"] = await node(client, "SystemStatus", None).read_value()
    return found


def _held(process: psutil.Process) -> tuple[float, int]:
    return round(process.memory_info().rss / 2**20, 1), process.num_fds()


async def _vanish(plant: PlantUnderTest, pki: Pki) -> bool:
    """Whether a client came in, before it went without a word."""
    client: Client = await client_of(plant.endpoint, pki, pki.folder / "plc.der", "viewer", timeout_s=120)
    try:
        await client.connect()
        subscription = await client.create_subscription(100, Notes())
        await subscription.subscribe_data_change(node(client, "SystemStatus", None))
    except (ua.UaError, OSError, TimeoutError):
        return False
    finally:
        if client.uaclient.protocol is not None and client.uaclient.protocol.transport is not None:
            client.uaclient.protocol.transport.abort()
        client.disconnect_socket()
    return True


if __name__ == "__main__":
    if sys.argv[1:2] == ["subscriber"]:
        endpoint, own, server, count, wanted = sys.argv[2:]
        outcome = asyncio.run(_subscribe(endpoint, Path(own), Path(server), int(count), int(wanted)))
        sys.stdout.write(json.dumps(outcome) + "\n")
    else:
        typer.run(main)
