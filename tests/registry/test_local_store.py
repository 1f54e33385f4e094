"""The local store: what is deployed is verified, and nothing half ever shows."""

import json
import os
from pathlib import Path

import pytest

from models.bundle import Bundle, load_bundle
from models.errors import BundleError
from registry.errors import NothingDeployedError, RegistryError
from registry.local_store import LocalStore, Pointer
from registry.version import DEPLOYED, PREVIOUS
from tests.tiny_bundle import build_tiny_bundle


def test_nothing_deployed_when_the_store_is_new(tmp_path: Path) -> None:
    with pytest.raises(NothingDeployedError):
        LocalStore(tmp_path / "bundles").deployed()


def test_starter_is_deployed_once_and_stays(tiny_bundle: Bundle, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "bundles")
    first = store.ensure_starter(tiny_bundle.root)
    assert load_bundle(first).digest == tiny_bundle.digest
    other = build_tiny_bundle(tmp_path / "other", version="2")
    assert store.ensure_starter(other.root) == first
    assert store.deployed() == first


def test_pointer_moves_to_another_installed_bundle(tiny_bundle: Bundle, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "bundles")
    store.ensure_starter(tiny_bundle.root)
    second = store.install(build_tiny_bundle(tmp_path / "other", version="2").root)
    store.point(DEPLOYED, second.digest)
    assert load_bundle(store.deployed()).manifest.version == "2"


def test_nothing_left_behind_when_the_source_is_damaged(tiny_bundle: Bundle, tmp_path: Path) -> None:
    source = build_tiny_bundle(tmp_path / "damaged")
    (source.root / "model.onnx").write_bytes(b"junk")
    store = LocalStore(tmp_path / "bundles")
    store.ensure_starter(tiny_bundle.root)
    before = sorted((tmp_path / "bundles").iterdir())
    with pytest.raises(BundleError):
        store.install(source.root)
    assert sorted((tmp_path / "bundles").iterdir()) == before


@pytest.fixture(scope="module")
def second_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "second", version="2")


@pytest.mark.parametrize("digest", ["../outside", "0" * 64, ""])
def test_pointer_refuses_what_is_not_installed(tmp_path: Path, digest: str) -> None:
    with pytest.raises(RegistryError):
        LocalStore(tmp_path).point(DEPLOYED, digest)


def test_pointer_says_all_that_it_was_told_when_read_back(tiny_bundle: Bundle, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "bundles")
    digest = store.install(tiny_bundle.root).digest
    store.point(DEPLOYED, digest, "7", announced=False)
    assert LocalStore(tmp_path / "bundles").pointer(DEPLOYED) == Pointer(digest, "7", announced=False)
    assert store.pointer(PREVIOUS) is None


def test_pointer_without_a_version_is_read_when_an_older_release_wrote_it(tiny_bundle: Bundle, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    digest = store.install(tiny_bundle.root).digest
    (tmp_path / "deployed.json").write_text(json.dumps({"digest": digest}))
    assert store.pointer(DEPLOYED) == Pointer(digest, None, announced=True)


def test_both_pointers_change_at_once_and_each_keeps_the_other_when_changed_alone(
    tiny_bundle: Bundle, second_bundle: Bundle, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path)
    first, second = (Pointer(store.install(bundle.root).digest, None) for bundle in (tiny_bundle, second_bundle))
    store.switch(second, first)
    assert [path.name for path in tmp_path.glob("*.json")] == ["deployed.json"]
    assert (store.pointer(DEPLOYED), store.pointer(PREVIOUS)) == (second, first)
    store.point(DEPLOYED, second.digest, "2")
    assert store.pointer(PREVIOUS) == first
    store.point(PREVIOUS, first.digest, "1")
    assert (store.pointer(DEPLOYED), store.pointer(PREVIOUS)) == (
        Pointer(second.digest, "2"),
        Pointer(first.digest, "1"),
    )


def test_previous_is_read_when_an_older_release_wrote_it_into_a_file_of_its_own(
    tiny_bundle: Bundle, second_bundle: Bundle, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path)
    first, second = (store.install(bundle.root).digest for bundle in (tiny_bundle, second_bundle))
    (tmp_path / "deployed.json").write_text(json.dumps({"digest": second, "version": "2"}))
    (tmp_path / "previous.json").write_text(json.dumps({"digest": first, "version": "1"}))
    assert store.pointer(PREVIOUS) == Pointer(first, "1")
    store.switch(Pointer(first, "1"), Pointer(second, "2"))
    assert store.pointer(PREVIOUS) == Pointer(second, "2")
    store.switch(Pointer(first, "1"), None)
    assert store.pointer(PREVIOUS) is None


_DIGEST = "0" * 64


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", '{"digest": "../x"}', '{"digest": 5}', json.dumps({"digest": _DIGEST, "version": 7})],
)
def test_error_when_the_pointer_is_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / "deployed.json").write_text(content)
    with pytest.raises(RegistryError):
        LocalStore(tmp_path).deployed()


def test_what_a_killed_install_left_is_removed_when_it_is_old(tiny_bundle: Bundle, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "bundles")
    assert store.remove_leftovers() == 0  # there is no folder yet
    sound = store.ensure_starter(tiny_bundle.root)
    half, pointer = tmp_path / "bundles" / ".incoming-folder", tmp_path / "bundles" / ".incoming-file"
    (half / "bundle").mkdir(parents=True)
    pointer.write_bytes(b"{")
    assert store.remove_leftovers() == 0  # perhaps somebody installs just now
    for leftover in (half, pointer):
        os.utime(leftover, (0, 0))
    assert store.remove_leftovers() == 2
    assert sorted((tmp_path / "bundles").iterdir()) == sorted([sound, tmp_path / "bundles" / "deployed.json"])
    assert store.deployed() == sound
