"""Archives that no honest tool makes, folders out of bounds, and what importers may do."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.database import Database
from serving.datasets import repository
from serving.datasets.importing import safe_name
from serving.datasets.sources import open_folder
from serving.errors import InvalidRequest
from serving.settings import Settings
from tests.serving.conftest import bearer
from tests.serving.datasets.archives import API, begin, coco_files, import_zip, picture, wait_for, zip_of

_STATS = "/api/v1/active-learning/stats"


def _tree(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "ussop.db" not in path.name}


def _with_entry(name: str, content: bytes = b"x", mode: int = 0o644 | stat.S_IFREG) -> bytes:
    buffer = io.BytesIO(zip_of(coco_files()))
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _with_twins() -> bytes:
    buffer = io.BytesIO(zip_of(coco_files()))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("images/PART 1.png", b"x")
    return buffer.getvalue()


def _with_many_entries() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(100_001):
            archive.writestr(f"{number}", b"")
    return buffer.getvalue()


def _with_claimed_directory() -> bytes:
    data = bytearray(zip_of(coco_files()))
    at = data.rfind(b"PK\x05\x06")
    struct.pack_into("<L", data, at + 12, 2**31)
    return bytes(data)


def _with_understated_size() -> bytes:
    """A member that holds 3 MiB and says 10 bytes, in both of its headers."""
    data = bytearray(zip_of({**coco_files(), "images/part 9.png": b"\0" * 3 * 1024 * 1024}))
    local, central = data.find(b"images/part 9.png") - 30, data.rfind(b"images/part 9.png") - 46
    struct.pack_into("<L", data, local + 22, 10)
    struct.pack_into("<L", data, central + 24, 10)
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: _with_entry("../../escaped.png"), "leads out"),
        (lambda: _with_entry("images/../../escaped.png"), "leads out"),
        (lambda: _with_entry("/tmp/escaped.png"), "leads out"),  # noqa: S108 - never written
        (lambda: _with_entry("C:/escaped.png"), "leads out"),
        (lambda: _with_entry("images\\..\\escaped.png"), "leads out"),
        (lambda: _with_entry("images/link.png", b"/etc/passwd", 0o777 | stat.S_IFLNK), "link or a device"),
        (lambda: _with_entry("inner.zip", zip_of({"a": b"b"})), "archive in the archive"),
        (lambda: _with_entry("images/bomb.png", b"\0" * 16 * 1024 * 1024), "200 times"),
        (lambda: _with_entry("images/bomb.png", b"\0" * 70 * 1024 * 1024), "more than 64 MiB"),
        (_with_twins, "twice"),
        (_with_many_entries, "more than 100000 entries"),
        (_with_claimed_directory, "more than 100000 entries"),
        (lambda: b"PK\x03\x04 but nothing more", "no zip archive"),
        (lambda: zip_of(coco_files())[:-200], "no zip archive"),
        (lambda: zip_of({"a.txt": "no picture"}), "no pictures"),
        (lambda: zip_of({"a.png": picture(8)}), "no labels"),
        (lambda: zip_of({"a.png": picture(8), "a.json": "{" * 10}), "not JSON"),
        (lambda: zip_of(coco_files({"categories": [{"id": "x"}]})), "not COCO"),
    ],
)
def test_nothing_is_taken_when_the_archive_is_hostile(
    engineer: httpx.Client, settings: Settings, make: Callable[[], bytes], says: str
) -> None:
    data = make()
    before = _tree(settings.data_dir.parent)
    done = import_zip(engineer, data)
    assert done["state"] == "failed"
    assert says in done["detail"]
    own = {settings.imports_dir, settings.audit_anchor_file, settings.audit_anchor_file.with_suffix(".lock")}
    assert _tree(settings.data_dir.parent) - before <= own
    assert engineer.get(_STATS).json()["total"] == 0
    assert engineer.get(API).json() == {"datasets": []}


def test_only_the_member_fails_when_it_lies_about_its_size(engineer: httpx.Client) -> None:
    done = import_zip(engineer, _with_understated_size(), unlabelled="good")
    assert (done["state"], done["counts"]["added"]) == ("finished", 3)
    assert [problem["file"] for problem in done["errors"]] == ["images/part 9.png"]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("images/a b.PNG", "a b.png"),
        ("x/..png", "picture.png"),
        ("x/.hidden.png", "hidden.png"),
        ("a;rm -rf $HOME.png", "a_rm -rf _HOME.png"),
        ("Prüfling 7.jpeg", "Prüfling 7.png"),
        ("l" * 300 + ".png", "l" * 120 + ".png"),
    ],
)
def test_names_are_harmless_when_they_are_kept_for_exports(told: str, kept: str) -> None:
    assert safe_name(told, "image/png") == kept


def test_pictures_of_one_name_stay_apart_when_they_lie_in_two_folders(engineer: httpx.Client) -> None:
    files: dict[str, bytes | str] = {
        "train/a.png": picture(8),
        "val/a.png": picture(16),
        "train/a.txt": "",
        "val/a.txt": "",
    }
    done = import_zip(engineer, zip_of({**files, "classes.txt": "scratch"}))
    assert (done["errors"], done["counts"]["good_parts"]) == ([], 2)


def test_folder_is_imported_when_it_lies_under_the_roots(engineer: httpx.Client, dataset_root: Path) -> None:
    folder = dataset_root / "line 1"
    for name, content in coco_files().items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "images" / "secret.png").symlink_to("/etc/hostname")
    response = engineer.post(f"{API}/import", json={"folder": str(folder), "unlabelled": "good"})
    assert response.status_code == 202, response.text
    done = wait_for(engineer, response.json()["id"])
    assert (done["name"], done["counts"]["added"], done["errors"]) == ("line 1", 3, [])


@pytest.mark.parametrize("place", ["..", "../other", "/etc", "nothing", "file.txt", "way out", "\0"])
def test_folder_is_refused_when_it_lies_elsewhere(engineer: httpx.Client, dataset_root: Path, place: str) -> None:
    (dataset_root / "file.txt").write_text("x")
    (dataset_root.parent / "other").mkdir()
    (dataset_root / "way out").symlink_to("/etc")
    response = engineer.post(f"{API}/import", json={"folder": f"{dataset_root}/{place}" if place != "/etc" else place})
    assert response.status_code == 422
    assert "DATASET_ROOTS" in response.json()["detail"]


@pytest.fixture
def dataset_root(settings: Settings) -> Path:
    return Path(settings.dataset_roots[0])


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    root = tmp_path / "allowed"
    root.mkdir()
    return settings.model_copy(update={"dataset_roots": (str(root),), "max_upload_mb": 1, "max_import_mb": 16})


def test_archive_may_be_larger_than_a_picture_when_it_is_imported(engineer: httpx.Client) -> None:
    files: dict[str, bytes | str] = {**coco_files(), "noise.txt": bytes(range(256)) * 4096 * 2}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert len(buffer.getvalue()) > 2 * 1024 * 1024
    assert import_zip(engineer, buffer.getvalue())["counts"]["added"] == 3
    assert begin(engineer, b"x" * (16 * 1024 * 1024 + 65537)).status_code == 413


def test_import_is_refused_when_it_is_not_one(engineer: httpx.Client, operator_token: str) -> None:
    assert engineer.post(f"{API}/import", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert engineer.post(f"{API}/import", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert engineer.post(f"{API}/import", json={"folder": "/x", "colour": 1}).status_code == 422
    assert engineer.post(f"{API}/import", files={"other": b"x"}).status_code == 422
    engineer.headers.update(bearer(operator_token))
    assert begin(engineer, zip_of(coco_files())).status_code == 403


def test_second_import_is_refused_when_one_is_running(engineer: httpx.Client, app: Any, database: Database) -> None:
    done = import_zip(engineer, zip_of(coco_files()))
    database.write(lambda session: repository.update_import(session, done["id"], state="running")).result()
    assert begin(engineer, zip_of(coco_files())).status_code == 409
    app.state.platform.imports.recover()  # as the next start does after a crash
    state = engineer.get(f"{API}/imports/{done['id']}").json()
    assert (state["state"], "import it again" in state["detail"]) == ("failed", True)
    assert import_zip(engineer, zip_of(coco_files()))["counts"]["present"] == 3


def test_folders_are_refused_when_no_roots_are_set(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="set DATASET_ROOTS"):
        open_folder(str(tmp_path), ())


def test_body_is_described_when_the_documentation_is_read(engineer: httpx.Client) -> None:
    document = engineer.get("/openapi.json").json()
    content = document["paths"][f"{API}/import"]["post"]["requestBody"]["content"]
    assert {"file", "format", "name", "unlabelled"} == content["multipart/form-data"]["schema"]["properties"].keys()
