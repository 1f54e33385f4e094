"""The pictures of one training, kept for ever under their digest, with test parts that no training ever sees.

Which set a picture belongs to is decided once and kept in a ledger: the next data set, which holds the same pictures
and some more, would be dealt anew otherwise, and the test parts of today would be trained on tomorrow.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from flows.tasks.coco import Dataset, Picture, read_coco, write_annotations
from flows.tasks.lock_file import locked
from flows.tasks.split import magnetic_tile_groups, split_by_group
from flows.tasks.training_data import Grouping, TrainingData

Part = Literal["train", "val", "test"]
VAL_SHARE, TEST_SHARE = 0.15, 0.2
_SEED = 7


@dataclass(frozen=True, slots=True)
class FrozenDataset:
    """A data set on disk that nothing changes any more.

    Attributes:
        digest: SHA-256 over the sorted pairs of a picture's SHA-256 and its annotations.
        folder: Holds `images/`, `annotations.json` and `test/`, a COCO folder of the test parts, for the gate.
        data: The pictures in their three sets.
    """

    digest: str
    folder: Path
    data: TrainingData

    @property
    def test_folder(self) -> Path:
        """COCO folder of the test parts."""
        return self.folder / "test"


def freeze_dataset(source: Path, root: Path, *, grouping: Grouping, first_classes: tuple[str, ...]) -> FrozenDataset:
    """Return the data set of a COCO folder, copied to `root/<digest>` and split.

    Args:
        source: COCO folder.
        root: Folder of the frozen data sets and of the ledger `parts.json`.
        grouping: Which pictures show one part.
        first_classes: Classes of the version to start from; they keep their numbers, new ones follow.

    Raises:
        DatasetError: The source is no COCO folder.
        ValueError: There is nothing to train on, or nothing to choose or to measure by.
    """
    given = read_coco(source)
    digest = _digest(given, _hashes(given))
    folder = root / digest
    if folder.is_dir():  # the same pictures, maybe under other names
        given = read_coco(folder)
    hashes = _hashes(given)
    class_names = (*first_classes, *(name for name in given.class_names if name not in first_classes))
    ledger = root / "parts.json"
    with locked(root / "parts.lock"):  # two flows that freeze at the same time must not lose each other's entries
        known: dict[str, Part] = json.loads(ledger.read_text(encoding="utf-8")) if ledger.is_file() else {}
        parts = _deal(given.pictures, hashes, known, grouping)
        if empty := sorted({"train", "val", "test"} - set(parts.values())):
            raise ValueError(f"{len(parts)} pictures are too few: none is left for {', '.join(empty)}")
        _write_ledger(ledger, known | {hashes[name]: part for name, part in parts.items()})
        if not folder.is_dir():
            _copy(given, class_names, parts, folder)
    moved = [replace(p, path=folder / "images" / p.path.name) for p in given.pictures]
    sets = {part: tuple(p for p in moved if parts[p.path.name] == part) for part in ("train", "val", "test")}
    counts = {f"{part}_pictures": len(pictures) for part, pictures in sets.items()}
    description = {"kind": "labelled", "digest": digest, "grouping": grouping, "split_seed": _SEED, **counts}
    return FrozenDataset(
        digest, folder, TrainingData(class_names, sets["train"], sets["val"], sets["test"], description)
    )


def find_dataset(
    named: str, provenance: Mapping[str, Any], root: Path, *, grouping: Grouping, first_classes: tuple[str, ...]
) -> FrozenDataset:
    """Return the data set of a COCO folder; without one, that which a bundle's provenance names.

    Args:
        named: The folder, or empty.
        provenance: Of a bundle or checkpoint.
        root: As `freeze_dataset`.
        grouping: Of the named folder; a training's data set keeps its own.
        first_classes: As `freeze_dataset`.

    Raises:
        DatasetError, ValueError: As `freeze_dataset`; or none is named, and that of the training is not here.
    """
    if named:
        return freeze_dataset(Path(named), root, grouping=grouping, first_classes=first_classes)
    described = provenance.get("dataset")
    known = described if isinstance(described, dict) else {}
    digest, kept_grouping = str(known.get("digest", "")), known.get("grouping")
    if not re.fullmatch(r"[0-9a-f]{64}", digest) or not (root / digest).is_dir():
        raise ValueError("the data set of the training is not on this machine: name one")
    chosen: Grouping = "magnetic-tile" if kept_grouping == "magnetic-tile" else "picture"
    return freeze_dataset(root / digest, root, grouping=chosen, first_classes=first_classes)


def _hashes(dataset: Dataset) -> dict[str, str]:
    return {p.path.name: hashlib.sha256(p.path.read_bytes()).hexdigest() for p in dataset.pictures}


def _digest(dataset: Dataset, hashes: dict[str, str]) -> str:
    lines = sorted(f"{hashes[p.path.name]} {p.annotations!r}" for p in dataset.pictures)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _deal(
    pictures: tuple[Picture, ...], hashes: dict[str, str], known: dict[str, Part], grouping: Grouping
) -> dict[str, Part]:
    """Return the set of each picture by name: as the ledger says, else as its group, else dealt now."""
    tiles = magnetic_tile_groups(pictures) if grouping == "magnetic-tile" else {}
    # Two files of one picture are one part, too.
    group_of = {p.path.name: tiles.get(p.path.name) or hashes[p.path.name] for p in pictures}
    members: dict[str, list[str]] = defaultdict(list)
    for name, group in group_of.items():
        members[group].append(name)
    parts: dict[str, Part] = {}
    for names in members.values():
        seen = [known[hashes[name]] for name in names if hashes[name] in known]
        if seen:
            parts |= {name: known.get(hashes[name], seen[0]) for name in names}
    new = tuple(p for p in pictures if p.path.name not in parts)
    if new:
        split = split_by_group(
            new,
            group_of=lambda p: group_of[p.path.name],
            val_share=VAL_SHARE,
            test_share=TEST_SHARE,
            seed=_SEED,
        )
        for part, dealt in (("train", split.train), ("val", split.val), ("test", split.test)):
            parts |= {p.path.name: part for p in dealt}  # type: ignore[misc]
    return parts


def _write_ledger(ledger: Path, known: dict[str, Part]) -> None:
    ledger.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=ledger.parent, prefix=".parts-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(known, file)
        file.flush()
        os.fsync(file.fileno())
    Path(scratch).replace(ledger)


def _copy(dataset: Dataset, class_names: tuple[str, ...], parts: dict[str, Part], folder: Path) -> None:
    """Write the folder under another name first: it is whole or not there."""
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".incoming-"))
    try:
        test = [p for p in dataset.pictures if parts[p.path.name] == "test"]
        for target, pictures in ((scratch, dataset.pictures), (scratch / "test", test)):
            (target / "images").mkdir(parents=True)
            for picture in pictures:
                shutil.copyfile(picture.path, target / "images" / picture.path.name)
            write_annotations(target, class_names, pictures)
        scratch.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
