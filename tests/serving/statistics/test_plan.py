"""How the databases find what is counted: by index, without looking a row of the inspections up."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import ClauseElement, text

from serving.stations.service import ensure_exists
from serving.statistics import repository
from tests.serving.statistics.conftest import Plant

UNTIL = datetime(2026, 6, 10, tzinfo=UTC)
# So many that PostgreSQL would rather not read them all.
_FILL = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)",
    "postgresql": "WITH n(i) AS (SELECT generate_series(0, 19999))",
}
_AT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '2026-06-10', '-' || i || ' minutes')",
    "postgresql": "TIMESTAMPTZ '2026-06-10 00:00Z' - i * INTERVAL '1 minute'",
}
_COLUMNS = (
    "id, station_id, part_id, decision, confidence, objects_found, source, created_at, total_time_ms, timings_ms,"
    " image_path, image_sha256, image_media_type, image_bytes, width_px, height_px, model_name, model_version, backend,"
    " recipe, recipe_digest, thresholds, requested_by"
)


@pytest.fixture
def filled(plant: Plant) -> Plant:
    """Two weeks of a part a minute."""
    name = plant.database.engine.dialect.name
    i_text = "printf('%036d', i)" if name == "sqlite" else "lpad(i::text, 36, '0')"
    values = (
        f"{i_text}, 'line-1', {i_text}, CASE WHEN i % 40 = 0 THEN 'fail' ELSE 'pass' END, 1, 1, 'upload', {_AT[name]},"
        f" 10, '{{}}', 'x', {i_text}, 'image/png', 1, 1, 1, 'm', '1', 'b', '{{}}', 'd', '{{}}', 'u'"
    )
    found = "id, 0, 'dent', 1, 0, 0, 1, 1, 1, 1, 1, '[]' FROM inspections"
    found_columns = (
        "inspection_id, position, class_name, confidence, x_min_px, y_min_px, x_max_px, y_max_px, area_px, length_px,"
        " width_px, mask_polygon"
    )
    plant.database.write(lambda session: ensure_exists(session, "line-1", UNTIL)).result(30)
    with plant.database.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO inspections ({_COLUMNS}) {_FILL[name]} SELECT {values} FROM n"))  # noqa: S608 - constants
        connection.execute(text(f"INSERT INTO detections ({found_columns}) SELECT {found}"))
    if name == "postgresql":  # SQLite has to find its way without: nobody analyses the file of a plant
        with plant.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    return plant


def _plan(plant: Plant, query: ClauseElement) -> str:
    dialect = plant.database.engine.dialect
    told = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    explain = "EXPLAIN" if dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with plant.database.engine.connect() as connection:
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {told}"))


def test_inspections_are_counted_from_the_index_alone_when_not_tallied(filled: Plant) -> None:
    plan = _plan(filled, repository.counting_query(UNTIL - timedelta(minutes=15), UNTIL, None))
    if filled.database.engine.dialect.name == "sqlite":
        assert "USING COVERING INDEX ix_inspections_time (created_at>? AND created_at<?)" in plan
        assert "USING COVERING INDEX ix_inspections_part (part_id=? AND station_id=? AND created_at<?)" in plan
    else:
        assert "Index Only Scan using ix_inspections_time" in plan
        assert "ix_inspections_part" in plan
    assert "SCAN inspections" not in plan
    assert "Seq Scan" not in plan


def test_defects_are_found_by_index_when_not_tallied(filled: Plant) -> None:
    plan = _plan(filled, repository.defects_query(UNTIL - timedelta(minutes=15), UNTIL, None))
    assert "ix_inspections_time" in plan
    assert "ix_detections_inspection_id" in plan
    assert "Seq Scan" not in plan
