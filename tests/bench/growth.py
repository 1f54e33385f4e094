"""What the line and its screens pay for a growing table: 10⁴, 10⁵ and 10⁶ inspections, `python -m tests.bench.growth`.

The same rows as in tests/bench/million.py. Stored is one inspection after the other, each durable before the next;
asked is what the API asks of the database. Nothing comes from a cache.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import uuid4
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Connection

from serving.database import Database, create_engine
from serving.inspections import repository as inspections
from serving.inspections.repository import InspectionFilter
from serving.metrics.registry import Metrics
from serving.schema import upgrade
from serving.statistics.keeper import TallyKeeper
from serving.statistics.scope import Scope
from serving.statistics.service import Statistics
from serving.statistics.tallied import Tallied
from tests.bench.million import _fill, _tally
from tests.bench.report import circumstances, replace_block, table, write_json
from tests.serving.past import Part, row_of

SIZES = (10_000, 100_000, 1_000_000)
_STORED = 200
_ROUNDS = 7
_PAGE = 50


def main(
    most: Annotated[int, typer.Option(help="Leave out larger tables")] = SIZES[-1],
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = True,
) -> None:
    """Measures each size of the table, and shows them beside each other."""
    text, content = measured_growth(tuple(size for size in SIZES if size <= most), "python -m tests.bench.growth")
    typer.echo(text)
    if write:
        write_json("growth", content)
        replace_block("growth", text)


def measured_growth(sizes: tuple[int, ...], command: str) -> tuple[str, dict[str, object]]:
    """The table as Markdown, and its figures.

    Args:
        sizes: Inspections in the table.
        command: By which it was measured.
    """
    facts = circumstances(command)
    results = {size: _measure(size) for size in sizes}
    names = list(next(iter(results.values())))
    rows = [[name, *(f"{found[name]:.1f}" for found in results.values())] for name in names]
    heading = f"{facts['date']} · {facts['cpu']} · load before {facts['load_1min']} · SQLite · `{facts['command']}`"
    head = ["inspections in the table", *(f"{size:,}" for size in sizes)]
    text = f"{heading} · milliseconds, medians.\n\n{table(head, rows)}"
    return text, {**facts, "results": {str(size): found for size, found in results.items()}}


def _measure(size: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'growth.db'}")
        upgrade(engine)
        database = Database(engine, queue_size=64)
        try:
            return _of(database, size)
        finally:
            database.close()


def _of(database: Database, size: int) -> dict[str, float]:
    now = datetime.now(UTC)
    _fill(database, size, now)
    tallied = Tallied(lambda: now)
    asyncio.run(_tally(TallyKeeper(database, tallied, Metrics(), lambda: now)))
    everything, middle = InspectionFilter(), now - timedelta(seconds=302_000)  # half of the rows are older
    by_time = InspectionFilter(until=middle)

    def figures() -> Statistics:
        return Statistics(database, lambda: ZoneInfo("Europe/Berlin"), lambda: now)

    return {
        "**inspect**: row, event and tally, durable": _median_ms(partial(_store, database, tallied, now), _STORED),
        "list, first page with its total": _median_ms(partial(_list, database, everything, 0)),
        "list in the middle, by time (`until`), without a total": _median_ms(partial(_page, database, by_time, 0)),
        "list in the middle, by `offset`, without a total": _median_ms(partial(_page, database, everything, size // 2)),
        "list of failed parts, first page with its total": _median_ms(
            partial(_list, database, InspectionFilter(decision="fail"), 0)
        ),
        "statistics, 24 h": _median_ms(lambda: figures().statistics(Scope(24))),
        "statistics, 168 h": _median_ms(lambda: figures().statistics(Scope(168))),
        "trends by hour, 168 h": _median_ms(lambda: figures().trends(Scope(168), "hour")),
    }


def _store(database: Database, tallied: Tallied, now: datetime) -> None:
    row = row_of(str(uuid4()), Part(now, part_id=str(uuid4()), station_id="line-1"))
    event = {"type": "inspection", "created_at": now, "data": {"id": row["id"]}}

    def write(connection: Connection) -> None:
        inspections.record(connection, row, (), event)
        tallied.note_stored(connection, row)

    database.write_rows(write).result(60)


def _list(database: Database, chosen: InspectionFilter, offset: int) -> None:
    _page(database, chosen, offset)
    with database.read() as session:
        inspections.count(session, chosen)


def _page(database: Database, chosen: InspectionFilter, offset: int) -> None:
    with database.read() as session:
        found = inspections.list_page(session, chosen, limit=_PAGE, offset=offset)
        inspections.detections_of(session, [one.id for one in found])


def _median_ms(ask: Callable[[], object], rounds: int = _ROUNDS) -> float:
    times: list[float] = []
    for _ in range(rounds + 1):
        started_s = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started_s) * 1000)
    return statistics.median(times[1:])


if __name__ == "__main__":
    typer.run(main)
