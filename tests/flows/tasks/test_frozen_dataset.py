"""A frozen data set: what once was a test part stays one, however the data set grows."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flows.tasks.coco import Picture, read_coco, write_annotations
from flows.tasks.frozen_dataset import FrozenDataset, find_dataset, freeze_dataset
from models.intake import read_image
from tests.flows.tasks.square_finder import CLASSES
from tests.pictures import png_bytes, square_picture

pytestmark = pytest.mark.training


def _folder(root: Path, count: int) -> Path:
    """A COCO folder of so many different good parts."""
    (root / "images").mkdir(parents=True)
    pictures = []
    for number in range(count):
        path = root / "images" / f"{number}.png"
        path.write_bytes(png_bytes(square_picture("red", at_xy=(number % 48, number // 48))))
        pictures.append(Picture(path, (64, 64)))
    write_annotations(root, CLASSES, pictures)
    return root


def _names(frozen: FrozenDataset) -> dict[str, set[str]]:
    data = frozen.data
    return {k: {p.path.name for p in v} for k, v in (("train", data.train), ("val", data.val), ("test", data.test))}


def _freeze(source: Path, root: Path) -> FrozenDataset:
    return freeze_dataset(source, root, grouping="picture", first_classes=("dent",))


def test_test_parts_stay_when_the_data_set_grows(tmp_path: Path) -> None:
    before = _names(_freeze(_folder(tmp_path / "few", 20), tmp_path / "frozen"))
    after = _names(_freeze(_folder(tmp_path / "more", 60), tmp_path / "frozen"))
    for part, names in before.items():
        assert names <= after[part]
    assert len(before["test"]) == 4
    assert len(after["test"]) == 12


def test_everything_is_kept_when_the_source_goes(tmp_path: Path) -> None:
    source = _folder(tmp_path / "source", 20)
    frozen = _freeze(source, tmp_path / "frozen")
    shutil.rmtree(source)
    for picture in (*frozen.data.train, *frozen.data.val, *frozen.data.test):
        assert read_image(picture.path.read_bytes()).pixels_rgb.shape == (64, 64, 3)
    kept = read_coco(frozen.test_folder)
    assert {p.path.name for p in kept.pictures} == _names(frozen)["test"]
    assert frozen.data.class_names == kept.class_names == ("dent", "scratch")  # the base's first
    assert {p.name for p in (tmp_path / "frozen").iterdir()} == {frozen.digest, "parts.json", "parts.lock"}


def test_digest_knows_pictures_and_not_names_when_frozen_again(tmp_path: Path) -> None:
    first = _freeze(_folder(tmp_path / "a", 20), tmp_path / "frozen")
    renamed = _folder(tmp_path / "b", 20)
    moved = [
        replace(p, path=p.path.rename(p.path.with_stem(f"new-{p.path.stem}"))) for p in read_coco(renamed).pictures
    ]
    write_annotations(renamed, CLASSES, moved)
    again = _freeze(renamed, tmp_path / "frozen")
    assert (again.digest, _names(again)) == (first.digest, _names(first))
    assert _freeze(_folder(tmp_path / "c", 21), tmp_path / "frozen").digest != first.digest


def test_one_part_when_a_picture_has_two_names(tmp_path: Path) -> None:
    source = _folder(tmp_path / "source", 20)
    pictures = list(read_coco(source).pictures)
    for picture in tuple(pictures):
        copy = picture.path.with_name(f"copy-{picture.path.name}")
        shutil.copyfile(picture.path, copy)
        pictures.append(Picture(copy, (64, 64)))
    write_annotations(source, CLASSES, pictures)
    for names in _names(_freeze(source, tmp_path / "frozen")).values():
        assert {n.removeprefix("copy-") for n in names} == {n for n in names if not n.startswith("copy-")}


def test_refused_when_nothing_is_left_to_measure_by(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too few"):
        _freeze(_folder(tmp_path / "source", 2), tmp_path / "frozen")
    assert not (tmp_path / "frozen" / "parts.json").exists()  # the next, larger one is dealt afresh


def test_data_set_of_the_training_is_found_again_when_none_is_named(tmp_path: Path) -> None:
    frozen = _freeze(_folder(tmp_path / "few", 20), tmp_path / "frozen")
    shutil.rmtree(tmp_path / "few")
    found = find_dataset(
        "", {"dataset": frozen.data.description}, tmp_path / "frozen", grouping="picture", first_classes=("dent",)
    )
    assert found.digest == frozen.digest
    assert _names(found) == _names(frozen)


@pytest.mark.parametrize("provenance", [{}, {"dataset": "squares"}, {"dataset": {"digest": "../.."}}])
def test_refused_when_no_data_set_is_named_and_none_is_known(tmp_path: Path, provenance: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="name one"):
        find_dataset("", provenance, tmp_path, grouping="picture", first_classes=())
