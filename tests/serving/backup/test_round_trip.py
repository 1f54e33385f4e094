"""A platform is copied while it inspects and deletes, and another one goes on from the copy."""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from registry.local_store import LocalStore
from serving.app import create_app
from serving.backup.making import make_backup
from serving.backup.restoring import KEPT_SETTINGS, check_backup, restore_backup
from serving.command.main import app as ussop
from serving.command.preparation import prepare_data_dir
from serving.errors import ConfigurationError, InvalidRequest, StorageUnavailable
from serving.settings import Settings
from tests.pictures import png_bytes, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in, settings_on
from tests.serving.server import serve

_V1 = "/api/v1"


def _inspect(client: httpx.Client, number: int) -> str:
    picture = png_bytes(square_picture("red", at_xy=(number % 40, number // 40 % 40)))
    answer = client.post(f"{_V1}/inspect", files={"file": ("x.png", picture)}, data={"part_id": f"p-{number}"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


@contextmanager
def _busy(url: str, headers: dict[str, str]) -> Iterator[list[str]]:
    """Inspects and deletes within the block; gives the inspections that are kept."""
    kept, stop = list[str](), threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with httpx.Client(base_url=url, headers=headers, timeout=30.0, trust_env=False) as client:
                number = 100
                while not stop.is_set():
                    gone = _inspect(client, number)
                    kept.append(_inspect(client, number + 1))
                    assert client.delete(f"{_V1}/inspect/{gone}").status_code == 200
                    number += 2
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    thread = threading.Thread(target=work, name="line")
    thread.start()
    try:
        yield kept
    finally:
        stop.set()
        thread.join(60)
    assert failures == []


def _restored_to(settings: Settings, folder: Path) -> Settings:
    """The settings of a platform elsewhere, with keys of its own data folder."""
    return settings.model_copy(update={"data_dir": folder, "database_url": f"sqlite:///{folder / 'ussop.db'}"})


@pytest.mark.prove("backup", "a copy made while parts are inspected and deleted, restored elsewhere")
def test_another_platform_goes_on_when_a_busy_one_was_copied(settings: Settings, tmp_path: Path, proof: Proof) -> None:
    archive, place = tmp_path / "ussop.backup", _restored_to(settings, tmp_path / "elsewhere")
    mlflow = settings.mlflow_dir
    (mlflow / "artifacts" / "1").mkdir(parents=True)
    (mlflow / "artifacts" / "1" / "model.onnx").write_bytes(b"weights")
    with closing(sqlite3.connect(mlflow / "mlflow.db")) as registry:
        registry.execute("CREATE TABLE versions (name TEXT)")
        registry.execute("INSERT INTO versions VALUES ('inspector/3')")
        registry.commit()
    with serve(create_app(settings)) as url, httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
        headers = bearer(log_in(client, "engineer"))
        old_session = client.post(f"{_V1}/auth/login", json={"username": "viewer", "password": "correct horse battery"})
        client.headers.update(headers)
        before = [_inspect(client, number) for number in range(proof.size(short=8, full=300))]
        records = {i: client.get(f"{_V1}/inspect/{i}").json() for i in before}
        with _busy(url, headers) as busy:
            made = make_backup(settings, archive)
        after = [_inspect(client, number) for number in range(60, 63)]
        (digest,) = {LocalStore(settings.bundles_dir).pointer("deployed")}
    assert made.missing_pictures == ()
    assert archive.stat().st_mode & 0o077 == 0
    assert sorted(tmp_path.iterdir()) == [archive, settings.data_dir]  # nothing else is left beside it
    assert check_backup(archive).seal == made.seal

    restored = restore_backup(place, archive, replace=False)
    assert restored.audit_problems == ()
    assert LocalStore(place.bundles_dir).pointer("deployed") == digest
    assert (place.mlflow_dir / "artifacts" / "1" / "model.onnx").read_bytes() == b"weights"
    with closing(sqlite3.connect(place.mlflow_dir / "mlflow.db")) as registry:
        assert registry.execute("SELECT name FROM versions").fetchall() == [("inspector/3",)]
    with serve(create_app(place)) as url, httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
        refused = client.post(f"{_V1}/auth/refresh", json={"refresh_token": old_session.json()["refresh_token"]})
        assert refused.status_code == 401  # sessions do not come back to life
        client.headers.update(bearer(log_in(client, "admin")))
        for inspection_id, record in records.items():
            found = client.get(f"{_V1}/inspect/{inspection_id}").json()
            link = found.pop("image_url")
            assert found == {name: value for name, value in record.items() if name != "image_url"}
            assert client.get(link).status_code == 200
        assert all(client.get(f"{_V1}/inspect/{i}").status_code == 404 for i in after)
        assert client.get(f"{_V1}/audit/verify").json()["holds"] is True
        acts = client.get(f"{_V1}/audit").json()["entries"]
        assert {"backup.made", "backup.restored"} <= {entry["action"] for entry in acts}
        _inspect(client, 70)
    rows = _require_every_picture(place)
    proof.note(files=made.files, inspected_meanwhile=len(busy), rows=rows, rows_without_picture=0, problems_of_audit=0)


def _require_every_picture(place: Settings) -> int:
    """The number of rows. Every row has its picture, and no picture of a deleted row came back."""
    with closing(sqlite3.connect(place.data_dir / "ussop.db")) as database:
        rows = database.execute("SELECT image_path, image_sha256 FROM inspections").fetchall()
    assert len(rows) > 8
    for path, digest in rows:
        assert hashlib.sha256((place.media_dir / path).read_bytes()).hexdigest() == digest
    on_disk = {path.relative_to(place.media_dir).as_posix() for path in place.media_dir.glob("*/*/*/*")}
    assert on_disk == {path for path, _ in rows}
    return len(rows)


def test_lost_pictures_are_told_and_do_not_stop_the_copy_when_there_are_some(
    settings: Settings, tmp_path: Path
) -> None:
    with serve(create_app(settings)) as url, httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        for number in range(2):
            _inspect(client, number)
    lost = min(settings.media_dir.glob("*/*/*/*"))
    lost.unlink()
    made = make_backup(settings, tmp_path / "b")
    assert made.missing_pictures == (lost.relative_to(settings.media_dir).as_posix(),)


@pytest.fixture
def archive(settings: Settings, tmp_path: Path) -> Path:
    """A backup of a platform that did nothing yet."""
    make_backup(settings, tmp_path / "archive")
    return tmp_path / "archive"


def test_place_is_left_alone_when_it_is_not_empty(settings: Settings, archive: Path) -> None:
    content = {path: path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file()}
    with pytest.raises(InvalidRequest, match="not empty"):
        restore_backup(settings, archive, replace=False)
    assert {path: path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file()} == content


def test_what_was_there_is_set_aside_when_it_shall_be_replaced(settings: Settings, archive: Path) -> None:
    (settings.data_dir / "ussop.db-wal").write_bytes(b"of another database")
    restored = restore_backup(settings, archive, replace=True)
    assert restored.set_aside is not None
    assert (restored.set_aside / "ussop.db-wal").read_bytes() == b"of another database"
    assert (restored.set_aside / "secret.key").exists() == (settings.data_dir / "secret.key").exists()
    assert restored.audit_problems == ()


def test_platform_does_not_start_when_a_restore_was_killed(settings: Settings) -> None:
    (settings.data_dir / ".restoring").mkdir()
    with pytest.raises(ConfigurationError, match=r"restore .* was not finished"):
        prepare_data_dir(settings)


def test_nothing_is_written_when_there_is_no_room(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.backup.making._MARGIN_BYTES", 2**60)
    with pytest.raises(StorageUnavailable, match="MiB free"):
        make_backup(settings, tmp_path / "b")
    assert list(tmp_path.iterdir()) == [settings.data_dir]


def test_archive_is_refused_when_it_would_hold_itself_or_hide_another(settings: Settings, archive: Path) -> None:
    with pytest.raises(InvalidRequest, match="outside DATA_DIR"):
        make_backup(settings, settings.data_dir / "b")
    with pytest.raises(InvalidRequest, match="exists already"):
        make_backup(settings, archive)
    with pytest.raises(ConfigurationError, match="no platform here"):
        make_backup(settings_on(settings.data_dir / "nothing"), archive.with_name("other"))


def test_settings_come_along_when_they_were_given(settings: Settings, tmp_path: Path, archive: Path) -> None:
    place = _restored_to(settings, tmp_path / "elsewhere")
    restore_backup(place, archive, replace=False)
    kept = place.data_dir / KEPT_SETTINGS
    assert kept.stat().st_mode & 0o077 == 0
    read = Settings(_env_file=kept)
    assert (read.secret_key, read.rate_limit_login) == (settings.secret_key, settings.rate_limit_login)


def test_command_says_what_it_did_when_typed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.nice", lambda _by: 0)  # it would hold for the tests that follow
    monkeypatch.setenv("DATA_DIR", str(settings.data_dir))
    file = tmp_path / "night.backup"
    run = CliRunner().invoke
    told = run(ussop, ["backup", str(file)], catch_exceptions=False).output
    assert f"{file}: " in told
    seal = told.split("seal ")[1].split()[0]
    assert f"Every byte is as it was: seal {seal}" in run(ussop, ["restore", "--check", str(file)]).output
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "new"))
    told = run(ussop, ["restore", str(file)], catch_exceptions=False).output
    assert "The audit log holds: 2 entries." in told
