"""What is on the disk, and the alarm when there is too little left."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from serving.metrics.registry import Metrics
from serving.settings import Settings
from serving.storage.space_watch import SpaceWatch
from serving.storage.usage import UsageMeter, count_files
from tests.serving.storage.stock import CONTENT, Stock


def test_every_kind_is_counted_when_asked(admin: httpx.Client, shelf: Stock, settings: Settings) -> None:
    shelf.add("pass", 1, count=3)
    (settings.mlflow_dir / "artifacts").mkdir(parents=True)
    (settings.mlflow_dir / "artifacts" / "model.onnx").write_bytes(b"x" * 5000)
    (settings.data_dir / "prefect").mkdir()
    (settings.data_dir / "prefect" / "prefect.db").write_bytes(b"x" * 300)
    (settings.mlflow_dir / "link").symlink_to("/usr")
    usage = admin.get("/api/v1/storage/usage").json()
    parts = usage["breakdown"]
    assert parts["pictures"] == {"bytes": 3 * len(CONTENT), "files": 3}
    assert parts["mlflow"] == {"bytes": 5000, "files": 1}
    assert parts["prefect"] == {"bytes": 300, "files": 1}
    assert parts["database"]["bytes"] == (settings.data_dir / "ussop.db").stat().st_size
    assert parts["wal"]["files"] == 1
    assert parts["bundles"]["bytes"] == sum(f.stat().st_size for f in settings.bundles_dir.rglob("*") if f.is_file())
    assert usage["total_bytes"] >= usage["used_bytes"] + usage["free_bytes"] > 0
    assert 0 <= usage["free_percent"] <= 100
    assert usage["policy"] == {
        "pass_days": 30,
        "uncertain_days": 90,
        "fail_days": 365,
        "last_failures": 100,
        "free_target_percent": 5.0,
        "space_min_days": 7,
    }


def test_nothing_is_counted_again_when_asked_at_once(admin: httpx.Client, shelf: Stock) -> None:
    first = admin.get("/api/v1/storage/usage").json()
    shelf.add("pass", 1)
    second = admin.get("/api/v1/storage/usage").json()
    assert (first["breakdown"], first["measured_at"]) == (second["breakdown"], second["measured_at"])


def test_database_is_counted_when_it_is_elsewhere(stock: Stock, settings: Settings) -> None:
    stock.add("pass", 1, count=2)
    breakdown, _ = UsageMeter(settings, stock.database).breakdown()
    assert breakdown.pictures.files == 2
    assert breakdown.database.bytes > 4096


def test_folder_is_left_out_when_it_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    counted = count_files([tmp_path / "none", tmp_path / "file"])
    assert (counted.bytes, counted.files) == (5, 1)


@pytest.fixture
def watch(app: FastAPI, admin: httpx.Client, settings: Settings) -> SpaceWatch:
    """A watch that is asked to look and does not by itself; every disk is too full for it."""
    return SpaceWatch(settings.media_dir, app.state.platform.database, Metrics(), lambda: 100.0)


async def test_alert_comes_and_goes_when_the_disk_fills_and_empties(watch: SpaceWatch, shelf: Stock) -> None:
    await watch.look()
    await watch.look()
    assert shelf.open_alerts() == ["Little free disk"]
    watch._alarm_percent = lambda: 0.0  # nothing is too full for that
    await watch.look()
    assert shelf.open_alerts() == []


async def test_alert_of_an_earlier_process_ends_when_there_is_room(
    watch: SpaceWatch, app: FastAPI, shelf: Stock, settings: Settings
) -> None:
    await watch.look()
    await SpaceWatch(settings.media_dir, app.state.platform.database, Metrics(), lambda: 0.0).look()
    assert shelf.open_alerts() == []


def test_cleanup_is_unavailable_when_prefect_is_away(admin: httpx.Client) -> None:
    answer = admin.post("/api/v1/storage/cleanup", json={"allow_more": True})
    assert (answer.status_code, answer.json()["code"]) == (503, "jobs_unavailable")
    assert admin.post("/api/v1/storage/cleanup", json={"force": True}).status_code == 422
