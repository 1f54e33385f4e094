"""The pictures that a candidate and the deployed version are compared on: frozen, and unseen by any training here."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from flows.tasks.coco import Dataset, read_coco
from registry.version import TAG_DATASET_DIGEST, ModelVersion

_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_test_set(root: Path, version: ModelVersion, *, folder: str = "", dataset: str = "") -> Dataset:
    """Return the pictures to compare on.

    Args:
        root: Folder of the frozen data sets and of their ledger.
        version: The candidate; the test parts of its own data set are taken unless another one is named.
        folder: A COCO folder, or empty.
        dataset: Digest of a frozen data set, or empty.

    Raises:
        ValueError: There is none, it is empty, or a picture of it has served a training on this machine.
        DatasetError: The folder is no COCO folder.
    """
    pictures = read_coco(Path(folder) if folder else _frozen(root, version, dataset))
    if not pictures.pictures:
        raise ValueError("the test set is empty")
    _require_unseen(root / "parts.json", pictures)
    return pictures


def _frozen(root: Path, version: ModelVersion, dataset: str) -> Path:
    digest = dataset or version.tags.get(TAG_DATASET_DIGEST, "")
    # A digest, not the folder that a tag names: tags are text that anybody may write.
    found = root / digest / "test"
    if _DIGEST.fullmatch(digest) and found.is_dir():
        return found
    if dataset:
        raise ValueError(f"the data set {dataset[:64]} is not on this machine")
    raise ValueError(
        f"version {version.version} has no frozen test set on this machine: name a data set or a folder of pictures"
    )


def _require_unseen(ledger: Path, pictures: Dataset) -> None:
    parts = json.loads(ledger.read_text(encoding="utf-8")) if ledger.is_file() else {}
    seen = [
        p.path.name
        for p in pictures.pictures
        if parts.get(hashlib.sha256(p.path.read_bytes()).hexdigest(), "test") != "test"
    ]
    if seen:
        raise ValueError(f"{len(seen)} pictures of the test set were trained on, {seen[0]} among them")
