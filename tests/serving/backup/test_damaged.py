"""Backups that were cut off, changed, or written by somebody who means harm: refused before anything is touched."""

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from serving.backup.making import make_backup
from serving.backup.restoring import check_backup, restore_backup
from serving.errors import InvalidRequest, ServingError
from serving.settings import Settings
from tests.prove.plugin import Proof

_SEED: Final = 20261126


@pytest.fixture
def archive(settings: Settings, tmp_path: Path) -> Path:
    """A sound backup."""
    make_backup(settings, tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Settings:
    """An empty place to restore to."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return settings.model_copy(update={"data_dir": folder, "database_url": f"sqlite:///{folder / 'ussop.db'}"})


def test_backup_is_refused_when_it_was_cut_off(archive: Path, place: Settings) -> None:
    data = archive.read_bytes()
    dice = random.Random(_SEED)  # noqa: S311 - no secret
    end = data.rindex(b"manifest.sha256")  # what follows is the seal, and then padding
    for cut in (0, 1, 511, 512, *(dice.randrange(end) for _ in range(20)), end):
        archive.write_bytes(data[:cut])
        with pytest.raises(InvalidRequest):
            restore_backup(place, archive, replace=False)
        assert list(place.data_dir.iterdir()) == []


@pytest.mark.prove("backup", "bits flipped in a backup: each is found")
def test_changed_bytes_are_found_when_they_belong_to_a_file(archive: Path, place: Settings, proof: Proof) -> None:
    sound = archive.read_bytes()
    data = bytearray(sound)
    dice = random.Random(_SEED)  # noqa: S311 - no secret
    with tarfile.open(archive) as tar:
        members = [(info.offset_data, info.size) for info in tar.getmembers() if info.size]
    flips = proof.size(short=60, full=1000)
    proof.note(flips=flips, missed=0)
    for _ in range(flips):
        begin, size = dice.choice(members)
        spot = begin + dice.randrange(size)
        data[spot] ^= 1 << dice.randrange(8)
        archive.write_bytes(data)
        with pytest.raises(InvalidRequest):
            check_backup(archive)
        data[spot] = sound[spot]
    with pytest.raises(InvalidRequest):
        restore_backup(place, archive, replace=False)
    assert list(place.data_dir.iterdir()) == []


def _write(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], files: dict[str, Any], **facts: Any) -> None:
    """An archive with this content, sealed as ours are."""
    told = {"format": 1, "made_at": "x", "version": "1.0.0", "database": "sqlite", "revision": "0014"}
    manifest = json.dumps({**told, "missing_pictures": [], **facts, "files": files}).encode()
    seal = hashlib.sha256(manifest).hexdigest().encode()
    with tarfile.open(path, "w") as tar:
        for info, content in [*members, (_file("manifest.json"), manifest), (_file("manifest.sha256"), seal)]:
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content))


def _file(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(name)


def _link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def _listed(*names: str) -> dict[str, list[Any]]:
    return {name: [hashlib.sha256(b"x").hexdigest(), 1] for name in names}


_NEEDED: Final = ("database", "settings.env", "data/audit.key")


@pytest.mark.parametrize(
    "name", ["../outside", "/outside", "data/../../outside", "data//x", "./data/x", "data/x\0y", "", "."]
)
def test_backup_is_refused_when_a_name_leads_out(tmp_path: Path, place: Settings, name: str) -> None:
    path = tmp_path / "evil"
    _write(path, [(_file(each), b"x") for each in _NEEDED], _listed(*_NEEDED, name))
    with pytest.raises(InvalidRequest, match="none of ours"):
        restore_backup(place, path, replace=False)
    assert list(place.data_dir.iterdir()) == []
    assert not (tmp_path / "outside").exists()


def _with_link(path: Path) -> None:
    members = [(_link("data/inbox", "/etc"), b""), *((_file(each), b"x") for each in _NEEDED)]
    _write(path, members, _listed(*_NEEDED, "data/inbox"))


def _through_link(path: Path) -> None:
    members = [(_link("data/media", "/tmp"), b""), (_file("data/media/x"), b"x")]  # noqa: S108 - never written
    _write(path, [*members, *((_file(each), b"x") for each in _NEEDED)], _listed(*_NEEDED, "data/media/x"))


def _twice(path: Path) -> None:
    members = [(_file(each), b"x") for each in (*_NEEDED, _NEEDED[0])]
    _write(path, members, _listed(*_NEEDED))


def _without_database(path: Path) -> None:
    _write(path, [(_file("data/audit.key"), b"x")], _listed("data/audit.key"))


def _of_the_future(path: Path) -> None:
    _write(path, [(_file(each), b"x") for each in _NEEDED], _listed(*_NEEDED), revision="9999")


def _of_another_kind(path: Path) -> None:
    _write(path, [(_file(each), b"x") for each in _NEEDED], _listed(*_NEEDED), database="postgresql")


def _without_key(path: Path) -> None:
    names = ("database", "settings.env", "data/x")
    _write(path, [(_file(each), b"x") for each in names], _listed(*names))


def _no_manifest(path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        tar.addfile(_file("data/x"), io.BytesIO(b""))


def _nonsense(path: Path) -> None:
    _write(path, [(_file(each), b"x") for each in _NEEDED], {"data/x": "no pair"})


@pytest.mark.parametrize(
    "build",
    [
        _with_link,
        _twice,
        _without_database,
        _of_the_future,
        _of_another_kind,
        _without_key,
        _no_manifest,
        _nonsense,
    ],
)
def test_backup_is_refused_when_it_is_none_of_ours(
    tmp_path: Path, place: Settings, build: Callable[[Path], None]
) -> None:
    build(tmp_path / "evil")
    with pytest.raises(ServingError):
        restore_backup(place, tmp_path / "evil", replace=False)
    assert list(place.data_dir.iterdir()) == []


def test_link_of_the_archive_is_not_followed_when_a_file_goes_through_it(tmp_path: Path, place: Settings) -> None:
    path = tmp_path / "evil"
    _through_link(path)
    with pytest.raises(InvalidRequest, match="database cannot be read"):
        restore_backup(place, path, replace=False)
    assert list(place.data_dir.iterdir()) == []
    assert not (Path("/tmp") / "x").exists()  # noqa: S108 - that it was not written is the test
