"""The picture store on a real folder."""

import hashlib
import os
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from serving.errors import StorageUnavailable
from serving.media.store import INCOMING, ORPHANS, MediaStore, inspection_id_of

DAY = date(2026, 11, 23)


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    store = MediaStore(tmp_path / "media")
    store.prepare()
    return store


def files_in(store: MediaStore) -> list[str]:
    return sorted(path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file())


def test_bytes_are_kept_as_they_came_when_saved(store: MediaStore) -> None:
    inspection_id = str(uuid4())
    saved = store.save(b"content", "image/jpeg", inspection_id, DAY)
    assert saved.path == f"2026/11/23/{inspection_id}.jpg"
    assert (saved.sha256, saved.size_bytes) == (hashlib.sha256(b"content").hexdigest(), 7)
    assert files_in(store) == [saved.path]
    found = store.find(saved.path)
    assert found is not None
    assert found.read_bytes() == b"content"


def test_each_step_is_on_disk_before_the_next_when_saved(store: MediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    really_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append(f"{'folder' if name.is_dir() else 'file'} {name.name}, {len(files_in(store))} {final_exists()}")
        really_fsync(descriptor)

    def final_exists() -> str:
        return "final" if any(name.endswith(".jpg") for name in files_in(store)) else "temporary"

    store.save(b"first", "image/png", str(uuid4()), DAY)  # makes the folders
    monkeypatch.setattr(os, "fsync", fsync)
    inspection_id = str(uuid4())
    store.save(b"second", "image/jpeg", inspection_id, DAY)
    assert steps == [f"file {inspection_id}, 2 temporary", "folder 23, 2 final"]


def test_nothing_is_left_when_the_target_cannot_be_made(store: MediaStore) -> None:
    (store.root / "2026").write_bytes(b"in the way")
    inspection_id = str(uuid4())
    with pytest.raises(StorageUnavailable):
        store.save(b"content", "image/jpeg", inspection_id, DAY)
    assert files_in(store) == ["2026"]
    assert not store.is_pending(f"2026/11/23/{inspection_id}.jpg")


@pytest.mark.parametrize("failing_call", [1, 2])
def test_nothing_is_left_when_the_disk_fails(
    store: MediaStore, monkeypatch: pytest.MonkeyPatch, failing_call: int
) -> None:
    store.save(b"first", "image/png", str(uuid4()), DAY)
    before, calls = files_in(store), 0

    def fsync(_descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing_call:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageUnavailable, match="Input/output error"):
        store.save(b"content", "image/jpeg", str(uuid4()), DAY)
    assert files_in(store) == before


def test_picture_can_be_stored_again_when_somebody_removed_the_folder(store: MediaStore) -> None:
    first = store.save(b"first", "image/png", str(uuid4()), DAY)
    store.discard(first.path)
    (store.root / "2026/11/23").rmdir()
    with pytest.raises(StorageUnavailable):
        store.save(b"second", "image/png", str(uuid4()), DAY)
    assert store.find(store.save(b"third", "image/png", str(uuid4()), DAY).path) is not None


def test_half_written_files_are_removed_when_prepared(store: MediaStore) -> None:
    (store.root / INCOMING / "half").write_bytes(b"ha")
    MediaStore(store.root).prepare()
    assert files_in(store) == []


def test_picture_is_pending_until_settled_when_saved(store: MediaStore) -> None:
    saved = store.save(b"content", "image/bmp", str(uuid4()), DAY)
    assert store.is_pending(saved.path)
    store.settle(saved.path)
    assert not store.is_pending(saved.path)


def test_orphan_keeps_its_content_when_set_aside(store: MediaStore) -> None:
    saved = store.save(b"content", "image/webp", str(uuid4()), DAY)
    store.set_aside(saved.path)
    assert store.find(saved.path) is None
    assert (store.root / ORPHANS / saved.path).read_bytes() == b"content"


def test_pictures_are_those_of_the_days_asked_for_when_listed(store: MediaStore) -> None:
    old = store.save(b"old", "image/tiff", str(uuid4()), date(2026, 9, 30))
    new = store.save(b"new", "image/tiff", str(uuid4()), DAY)
    (store.root / "2026/11/23/notes.txt").write_bytes(b"not ours")
    assert list(store.pictures_since(date(2026, 10, 1))) == [new.path]
    assert list(store.pictures_since(date(1970, 1, 1))) == [old.path, new.path]


@pytest.mark.parametrize(
    "path",
    [
        "../ussop.db",
        "2026/11/23/../../../ussop.db",
        "/etc/hostname",
        "2026/11/23/",
        "2026/11/23/x.jpg",
        ".incoming/0f8fad5b-d9cb-469f-a165-70867728950e",
        "2026/11/23/0f8fad5b-d9cb-469f-a165-70867728950e.jpg\n",
        "2026/11/23/0f8fad5b-d9cb-469f-a165-70867728950e.svg",
        "2026/11/23/0F8FAD5B-D9CB-469F-A165-70867728950E.jpg",
        "२०२६/11/23/0f8fad5b-d9cb-469f-a165-70867728950e.jpg",
    ],
)
def test_there_is_no_picture_when_the_name_is_not_one_of_ours(store: MediaStore, path: str) -> None:
    (store.root.parent / "ussop.db").write_bytes(b"secret")
    assert store.find(path) is None
    assert inspection_id_of(path) is None


def test_there_is_no_picture_when_the_file_is_a_link(store: MediaStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    saved = store.save(b"content", "image/jpeg", str(uuid4()), DAY)
    (store.root / saved.path).unlink()
    (store.root / saved.path).symlink_to(secret)
    assert store.find(saved.path) is None


def test_there_is_no_picture_when_a_folder_on_the_way_is_a_link(store: MediaStore, tmp_path: Path) -> None:
    saved = store.save(b"content", "image/jpeg", str(uuid4()), DAY)
    (store.root / "2026").rename(tmp_path / "elsewhere")
    (store.root / "2026").symlink_to(tmp_path / "elsewhere")
    assert store.find(saved.path) is None
