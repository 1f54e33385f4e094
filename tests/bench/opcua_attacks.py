"""The OPC UA server under attack for a minute each, then with a cable pulled: `python -m tests.bench.opcua_attacks`."""

import asyncio
import multiprocessing
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated, Any, Final, Self

import psutil
import typer
from asyncua import Client, ua

from tests.bench.opcua import prepare, quantiles
from tests.bench.report import circumstances, replace_block, table, write_json
from tests.opcua.attacks import ATTACKS, Target
from tests.opcua.client import Pki, client_of, node
from tests.opcua.link import Link
from tests.opcua.plant import PlantUnderTest, wait_until
from tests.opcua.test_nodes import GOOD
from tests.opcua.waiting import Notes

_PAUSE_S: Final = 0.1
_MOST_GROWTH_BYTES: Final = 100 * 2**20


class _Inspecting:
    """A part every tenth of a second by REST, and how long its verdict takes."""

    def __init__(self, plant: PlantUnderTest) -> None:
        """Begins when entered."""
        self.took_ms: list[float] = []
        self._plant = plant
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        """Begins."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends after the part that is under way."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_PAUSE_S):
            began_s = time.monotonic()
            files = {"file": ("part.png", GOOD, "image/png")}
            self._plant.call("POST", "/inspect", role="operator", data={"station_id": "line-0"}, files=files)
            self.took_ms.append((time.monotonic() - began_s) * 1000)


def main(
    seconds: Annotated[float, typer.Option(help="How long each attack goes on")] = 60,
    cut: Annotated[float, typer.Option(help="How long the line to the API is cut")] = 30,
    only: Annotated[str, typer.Option(help="One attack alone")] = "",
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = False,
) -> None:
    """Attacks a server in a process of its own, and says what honest clients notice of it."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "var"
        extra = {"LOG_LEVEL": "WARNING", "OPCUA_ALLOW_INSECURE": "true"}
        plant = PlantUnderTest(data_dir, extra=extra)
        prepare(plant, 3)
        pki = Pki(Path(folder) / "pki", plant.settings.pki_dir)
        api = PlantUnderTest(data_dir, extra=extra)
        link = Link(api.api_port)
        plant.api_port = link.port
        try:
            api.start("api")
            plant.start("opcua")
            pki.make("plc", trusted=True)
            rows = [_attack(plant, api, pki, name, seconds) for name in ATTACKS if only in {"", name}]
            cable = asyncio.run(_pull(plant, api, link, cut)) if cut else {}
            tracebacks = plant.log("opcua").count("Traceback")
        finally:
            plant.close()
            link.close()
            api.close()
    facts = circumstances(f"python -m tests.bench.opcua_attacks --seconds {seconds:g} --cut {cut:g}")
    heading = f"{facts['date']} · {facts['cpu']} · load {facts['load_1min']} · `{facts['command']}`"
    shown = [[str(value) for value in row.values()] for row in rows]
    parts = [heading, table(list(rows[0]), shown), f"Tracebacks in the log: {tracebacks}"]
    parts += [table(["figure", "value"], [[name, str(value)] for name, value in cable.items()])] if cable else []
    text = "\n\n".join(parts)
    typer.echo(text)
    if write:
        write_json("opcua_attacks", {**facts, "attacks": rows, "cable": cable, "tracebacks": tracebacks})
        replace_block("opcua-attacks", text)


def _attack(plant: PlantUnderTest, api: PlantUnderTest, pki: Pki, name: str, seconds: float) -> dict[str, Any]:
    process = psutil.Process(plant.processes["opcua"].pid)
    with _Inspecting(api) as before:
        time.sleep(min(5.0, seconds))
    memory = process.memory_info().rss
    # In a process of its own: the attackers must not slow the clock that measures.
    attacker = multiprocessing.get_context("spawn").Process(target=_run_attack, args=(name, plant.opcua_port, seconds))
    attacker.start()
    with _Inspecting(api) as during:
        waits_s = [asyncio.run(_come_in(plant, pki))]
        while attacker.is_alive():
            attacker.join(1.0)
            waits_s.append(asyncio.run(_come_in(plant, pki)))
    if plant.processes["opcua"].poll() is not None:
        raise RuntimeError(f"the server did not survive {name}: {plant.log('opcua')[-2000:]}")
    grown = process.memory_info().rss - memory
    return {
        "attack": name,
        "honest client in after s, longest": round(max(waits_s), 1),
        "after the attack": round(waits_s[-1], 1),
        "inspect before, p50 / p99 / max ms": quantiles(before.took_ms),
        "inspect meanwhile, p50 / p99 / max ms": quantiles(during.took_ms),
        "grown MiB": f"{grown / 2**20:.1f}{' TOO MUCH' if grown > _MOST_GROWTH_BYTES else ''}",
    }


def _run_attack(name: str, port: int, seconds: float) -> None:
    ATTACKS[name](Target(port, seconds))


async def _come_in(plant: PlantUnderTest, pki: Pki) -> float:
    """Seconds until an honest client reads and subscribes."""
    began_s = time.monotonic()
    while True:
        try:
            client = await client_of(plant.endpoint, pki, pki.folder / "plc.der", "viewer", timeout_s=30)
            async with client:
                await node(client, "SystemStatus", None).read_value()
                subscription = await client.create_subscription(100, Notes())
                await subscription.subscribe_data_change(node(client, "SystemStatus", None))
                return time.monotonic() - began_s
        except (ua.UaError, OSError, TimeoutError):
            await asyncio.sleep(_PAUSE_S)


async def _pull(plant: PlantUnderTest, api: PlantUnderTest, link: Link, seconds: float) -> dict[str, Any]:
    """Pulls the cable between the API and the OPC UA process, while parts go on."""
    notes = Notes()
    async with Client(plant.endpoint, timeout=30) as client:
        counter = node(client, "ResultCounter", "line-0")
        decision = node(client, "LastDecision", "line-0")
        subscription = await client.create_subscription(50, notes)
        await subscription.subscribe_data_change([counter], queuesize=1000)
        with _Inspecting(api) as inspecting:
            await asyncio.sleep(2)
            link.cut()
            bad_s = await _until(decision, is_good=False)
            await asyncio.sleep(max(0.0, seconds - bad_s))
            link.mend()
            good_s = await _until(decision, is_good=True)
        made = len(inspecting.took_ms)
        first = notes.of("ResultCounter")[0]
        await asyncio.to_thread(
            wait_until, lambda: notes.of("ResultCounter")[-1] >= first + made, "the last part is told"
        )
        told = list(dict.fromkeys(notes.of("ResultCounter")))
        await subscription.delete()
    return {
        "cable to the API pulled, seconds": seconds,
        "bad quality after s": round(bad_s, 1),
        "good again after s": round(good_s, 1),
        "parts made, told, without a gap": f"{made}, {told[-1] - first}, {told == list(range(first, told[-1] + 1))}",
    }


async def _until(decision: Any, *, is_good: bool) -> float:
    began_s = time.monotonic()
    while time.monotonic() - began_s < 120:
        value = await decision.read_data_value(raise_on_bad_status=False)
        if value.StatusCode.is_good() == is_good:
            return time.monotonic() - began_s
        await asyncio.sleep(0.05)
    raise RuntimeError("the quality did not change in two minutes")


if __name__ == "__main__":
    typer.run(main)
