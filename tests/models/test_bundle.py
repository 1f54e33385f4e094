"""A bundle loads only if every byte is the one that its manifest names."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.bundle import Bundle, load_bundle
from models.errors import BundleError


@pytest.fixture
def copy(tiny_bundle: Bundle, tmp_path: Path) -> Path:
    """A bundle to damage."""
    shutil.copytree(tiny_bundle.root, tmp_path / "copy")
    return tmp_path / "copy"


def _edit_manifest(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads((root / "manifest.json").read_text())
    change(content)
    (root / "manifest.json").write_text(json.dumps(content))


def test_same_digest_when_loaded_again(tiny_bundle: Bundle, copy: Path) -> None:
    assert load_bundle(copy).digest == tiny_bundle.digest


def test_refused_when_one_byte_differs(tiny_bundle: Bundle, copy: Path) -> None:
    for name in tiny_bundle.manifest.files_sha256:
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(data)
        with pytest.raises(BundleError, match="SHA-256"):
            load_bundle(copy)
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(data)


def test_refused_when_a_file_is_missing(copy: Path) -> None:
    (copy / "openvino/fp16/model.bin").unlink()
    with pytest.raises(BundleError, match=r"model\.bin"):
        load_bundle(copy)


def test_refused_when_a_file_is_not_listed(copy: Path) -> None:
    (copy / "extra.py").write_text("pass")
    with pytest.raises(BundleError, match=r"extra\.py"):
        load_bundle(copy)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_refused_when_a_file_is_a_link(copy: Path, tmp_path: Path, link: Callable[[Path, Path], None]) -> None:
    (copy / "model.onnx").rename(tmp_path / "outside.onnx")
    link(tmp_path / "outside.onnx", copy / "model.onnx")
    with pytest.raises(BundleError, match="plain file"):
        load_bundle(copy)


@pytest.mark.parametrize("path", ["../model.onnx", "/etc/hostname", "a/../../b", "./model.onnx", "a\\b", ""])
def test_refused_when_a_path_leaves_the_bundle(copy: Path, path: str) -> None:
    _edit_manifest(copy, lambda m: m["onnx"].update(path=path))
    with pytest.raises(BundleError, match=r"onnx\.path"):
        load_bundle(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(classes=["scratch", "scratch"]),
        lambda m: m["thresholds"].pop("dent"),
        lambda m: m["thresholds"]["dent"].update(accept_below=0.95),
        lambda m: m.update(task="detect"),
        lambda m: m.update(surprise=1),
        lambda m: m["input"].update(shape_hw=[10**6, 10**6]),
        lambda m: m.pop("golden"),
    ],
)
def test_refused_when_the_manifest_contradicts_itself(copy: Path, change: Callable[[dict[str, Any]], None]) -> None:
    _edit_manifest(copy, change)
    with pytest.raises(BundleError, match="invalid manifest"):
        load_bundle(copy)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_refused_when_the_manifest_is_no_json(copy: Path, content: bytes) -> None:
    (copy / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError):
        load_bundle(copy)


def test_refused_when_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no readable manifest"):
        load_bundle(tmp_path / "nothing")
