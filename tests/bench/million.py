"""Statistics and exports over a million inspections: `python -m tests.bench.million [--postgres]`.

The rows are made by SQL within a week of now: 8 stations, 2 versions, 4 % failed, 1 % uncertain, 1.3 defects in each
of those, an id of its own on every part. Answers are counted anew each time; the cache is left out.
"""

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Engine, text

from serving.database import Database, create_engine
from serving.export.stream import Exports, FileFormat, RowStream, encoder_of
from serving.inspections import repository as inspections
from serving.inspections.repository import InspectionFilter
from serving.metrics.registry import Metrics
from serving.schema import upgrade
from serving.stations.service import ensure_exists
from serving.statistics.keeper import TallyKeeper
from serving.statistics.scope import Scope
from serving.statistics.service import Statistics
from serving.statistics.tallied import Tallied
from tests.bench.report import circumstances, replace_block, table, write_json
from tests.serving.past import Part, row_of
from tests.serving.postgres import postgres

_STATIONS = 8
_ROUNDS = 9
_INSERTS = 500
_INDICES_BEFORE = (
    "DROP INDEX ix_inspections_time",
    "DROP INDEX ix_inspections_part",
    "CREATE INDEX ix_inspections_created_at ON inspections (created_at)",
    "CREATE INDEX ix_inspections_part_id ON inspections (part_id)",
)
_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :rows - 1)",
    "postgresql": "WITH n(i) AS (SELECT generate_series(0, :rows - 1))",
}
_AT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', :newest, '-' || (i * 604000.0 / :rows) || ' seconds')",
    "postgresql": "CAST(:newest AS timestamptz) - (i * 604000.0 / :rows) * INTERVAL '1 second'",
}
_ID = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "gen_random_uuid()"}
_INSPECTIONS = """
INSERT INTO inspections (id, station_id, part_id, decision, confidence, objects_found, source, created_at,
    total_time_ms, timings_ms, image_path, image_sha256, image_media_type, image_bytes, width_px, height_px, model_name,
    model_version, backend, recipe, recipe_digest, thresholds, requested_by)
{numbers}
SELECT {id}, 'line-' || (i % 8), 'SN-' || i,
    CASE WHEN i % 25 = 0 THEN 'fail' WHEN i % 100 = 1 THEN 'uncertain' ELSE 'pass' END, 0.93, 1, 'upload', {at},
    12.0 + i % 17, '{timings}', '2026/01/01/0000.jpg', '{digest}', 'image/jpeg', 180000, 640, 480, 'inspector',
    CASE WHEN i < :rows / 2 THEN '7' ELSE '6' END, 'openvino:CPU:f32', '{recipe}', 'd1gest', '{thresholds}', 'u'
FROM n
"""
_DETECTIONS = """
INSERT INTO detections (inspection_id, position, class_name, confidence, x_min_px, y_min_px, x_max_px, y_max_px,
    area_px, length_px, width_px, area_mm2, mask_polygon)
SELECT id, p.n, CASE WHEN p.n = 1 OR station_id < 'line-3' THEN 'scratch' ELSE 'dent' END, 0.9, 1, 2, 31, 22, 600, 30,
    20, 1.5, '[[[1, 2], [31, 2], [31, 22]]]'
FROM inspections, (SELECT 0 AS n UNION ALL SELECT 1) p
WHERE decision <> 'pass' AND (p.n = 0 OR station_id IN ('line-1', 'line-5'))
"""
_JSON = {
    "timings": '{"queue": 0.18, "decode": 1.45, "preprocess": 0.42, "inference": 12.9, "store": 1.4}',
    "recipe": '{"name": "line-1@4", "mm_per_px": 0.05, "thresholds": {}, "min_area_mm2": {"dent": 0.2}}',
    "thresholds": '{"scratch": {"accept_below": 0.3, "reject_above": 0.6}}',
}


def main(
    rows: Annotated[int, typer.Option(help="Inspections to make")] = 1_000_000,
    on_postgres: Annotated[bool, typer.Option("--postgres", help="PostgreSQL in place of SQLite")] = False,
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = True,
) -> None:
    """Measures answers, tallying, exports, and what the indices cost the path of every part."""
    name = "PostgreSQL" if on_postgres else "SQLite"
    with _engine(on_postgres) as engine:
        upgrade(engine)
        database = Database(engine, queue_size=64)
        try:
            results = list(_measure(database, rows))
        finally:
            database.close()
    option = " --postgres" if on_postgres else ""
    facts = circumstances(f"python -m tests.bench.million{option} --rows {rows}")
    heading = f"{facts['date']} · {facts['cpu']} · load {facts['load_1min']} · {name} · `{facts['command']}`"
    told = f"{heading}\n\n{table([f'{rows:,} inspections in a week', 'result'], [list(row) for row in results])}"
    typer.echo(told)
    if write:
        write_json(f"million_{name.lower()}", {**facts, "results": dict(results)})
        replace_block(f"million-{name.lower()}", told)


@contextmanager
def _engine(on_postgres: bool) -> Iterator[Engine]:
    if on_postgres:
        with postgres() as url:
            yield create_engine(url)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield create_engine(f"sqlite:///{Path(folder) / 'million.db'}")


def _measure(database: Database, rows: int) -> Iterator[tuple[str, str]]:
    now = datetime.now(UTC)
    _fill(database, rows, now)
    figures = partial(Statistics, database, lambda: ZoneInfo("Europe/Berlin"), lambda: now)
    yield "statistics, 168 h, nothing tallied yet", _of(lambda: figures().statistics(Scope(168)), 2)
    keeper = TallyKeeper(database, Tallied(lambda: now), Metrics(), lambda: now)
    started_s = time.monotonic()
    counted = asyncio.run(_tally(keeper))
    yield "counting the history, beside everything else", f"{counted} quarters in {time.monotonic() - started_s:.0f} s"
    for hours in (168, 24):
        scope = Scope(hours)
        yield f"**statistics, {hours} h**", _of(partial(_statistics, figures, scope))
        yield f"**trends by hour, {hours} h**", _of(partial(_trends, figures, scope))
    yield "trends by day, 168 h, one station", _of(lambda: figures().trends(Scope(168, "line-3"), "day"))
    kept = figures()
    kept.statistics(Scope(168))
    yield "statistics from the cache", _of(lambda: kept.statistics(Scope(168)))
    for hours in (24, 168):
        asked = partial(figures().parts, Scope(hours), limit=50)
        pages = itertools.count()  # another page each time, so that none is in the cache
        yield f"worst 50 parts, {hours} h, each part with its own id", _of(partial(_parts, asked, pages), 3)
    for file_format in ("csv", "xlsx", "parquet"):
        yield f"export of all as {file_format}", asyncio.run(_export(database, file_format))
    yield from _insert_cost(database, now)


def _statistics(figures: Callable[[], Statistics], scope: Scope) -> None:
    figures().statistics(scope)


def _trends(figures: Callable[[], Statistics], scope: Scope) -> None:
    figures().trends(scope, "hour")


def _parts(ask: Callable[..., object], pages: Iterator[int]) -> None:
    ask(offset=next(pages))


def _fill(database: Database, rows: int, newest: datetime) -> None:
    dialect = database.engine.dialect.name
    for number in range(_STATIONS):
        database.write(partial(ensure_exists, station_id=f"line-{number}", now=newest)).result(30)
    made = _INSPECTIONS.replace("{numbers}", _NUMBERS[dialect]).replace("{at}", _AT[dialect])
    made = made.replace("{id}", _ID[dialect]).replace("{digest}", "0" * 64)
    for name, value in _JSON.items():
        made = made.replace(f"{{{name}}}", value.replace(":", r"\:"))
    told = newest.strftime("%Y-%m-%d %H:%M:%S") if dialect == "sqlite" else newest
    with database.engine.begin() as connection:
        connection.execute(text(made), {"rows": rows, "newest": told})
        connection.execute(text(_DETECTIONS))
    if dialect == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


async def _tally(keeper: TallyKeeper) -> int:
    counted = 0
    while more := await keeper.count_due():
        counted += more
    return counted


async def _export(database: Database, file_format: FileFormat) -> str:
    stream = RowStream(
        database, Exports(), InspectionFilter(), encoder_of(file_format, bom=False), ZoneInfo("Europe/Berlin")
    )
    started_s, size = time.monotonic(), 0
    await stream.open()
    first_ms = (time.monotonic() - started_s) * 1000
    async for piece in stream.pieces():
        size += len(piece)
    seconds = time.monotonic() - started_s
    return f"{seconds:.0f} s, {size / 2**20:.0f} MiB, first bytes after {first_ms:.0f} ms"


def _insert_cost(database: Database, now: datetime) -> Iterator[tuple[str, str]]:
    """Storing one inspection with the indices as they are, and as they were before there were statistics.

    The statements alone, without the commit: what the disk takes would hide the difference.
    """
    tallied = Tallied(lambda: now)
    serial = itertools.count()
    with database.engine.connect() as connection:

        def store_some() -> float:
            started_s = time.perf_counter()
            for _ in range(_INSERTS):
                part = Part(now, part_id=str(uuid4()), station_id=f"line-{next(serial) % _STATIONS}")
                row = row_of(str(uuid4()), part)
                event = {"type": "inspection", "created_at": now, "data": {"id": row["id"]}}
                inspections.record(connection, row, (), event)
                tallied.note_stored(connection, row)
            return (time.perf_counter() - started_s) * 1e6 / _INSERTS

        with connection.begin() as transaction:
            store_some()
            now_us = [store_some() for _ in range(_ROUNDS)]
            for statement in _INDICES_BEFORE:
                connection.execute(text(statement))
            store_some()
            before_us = [store_some() for _ in range(_ROUNDS)]
            transaction.rollback()
    yield f"storing one inspection without commit (median of {_ROUNDS} x {_INSERTS})", _listed(now_us)
    yield "the same with the two indices of before", _listed(before_us)


def _listed(values_us: list[float]) -> str:
    return f"{statistics.median(values_us):.0f} µs ({min(values_us):.0f} to {max(values_us):.0f})"


def _of(ask: Callable[[], Any], rounds: int = _ROUNDS) -> str:
    """Median and worst of the answers after the first."""
    times: list[float] = []
    for _ in range(rounds + 1):
        started_s = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started_s) * 1000)
    return f"{statistics.median(times[1:]):.0f} ms (worst of {rounds}: {max(times[1:]):.0f})"


if __name__ == "__main__":
    typer.run(main)
