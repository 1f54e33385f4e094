"""A COCO folder is read back as it was written, good parts included, and refused when it is broken."""

import json
from pathlib import Path

import pytest

from flows.tasks.coco import DatasetError, dataset_digest, read_coco
from flows.tasks.simulated_dataset import write_simulated_dataset
from models.simulation import DEFECT_CLASSES, SimulatedLine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coco")
    write_simulated_dataset(folder, line=SimulatedLine(4, 0.5), count=8)
    return folder


def test_annotations_survive_when_written_and_read(folder: Path) -> None:
    dataset = read_coco(folder)
    assert dataset.class_names == DEFECT_CLASSES
    for index, picture in enumerate(dataset.pictures):
        defects = SimulatedLine(4, 0.5).part(index).defects
        assert picture.shape_hw == (480, 640)
        assert [a.class_name for a in picture.annotations] == [d.class_name for d in defects]
        assert [a.box_xyxy for a in picture.annotations] == [d.box_xyxy for d in defects]
        assert [len(a.rings[0]) for a in picture.annotations] == [len(d.mask_polygon) for d in defects]


def test_pictures_without_annotations_are_kept_when_read(folder: Path) -> None:
    good = [picture for picture in read_coco(folder).pictures if picture.is_good]
    assert 0 < len(good) < 8


def test_digest_changes_when_an_annotation_does(folder: Path, tmp_path: Path) -> None:
    document = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    document["annotations"][0]["bbox"][0] += 1.0
    (tmp_path / "annotations.json").write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "images").symlink_to(folder / "images")
    assert dataset_digest(read_coco(tmp_path)) != dataset_digest(read_coco(folder))
    assert dataset_digest(read_coco(folder)) == dataset_digest(read_coco(folder))


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        '{"images": []}',
        '{"images": [{"id": 1,"file_name": "../a.jpg", "width": 1, "height": 1}], "categories": [], "annotations": []}',
        '{"images": [{"id": 1,"file_name": "gone.jpg", "width": 1, "height": 1}], "annotations": [], "categories": []}',
        '{"images": [], "annotations": [{"image_id": 3, "bbox": [0, 0, 1, 1], "category_id": 1}], "categories": []}',
    ],
)
def test_a_folder_is_refused_when_it_is_no_coco(tmp_path: Path, document: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations.json").write_text(document, encoding="utf-8")
    with pytest.raises(DatasetError):
        read_coco(tmp_path)


def test_a_folder_is_refused_when_it_has_no_annotations(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        read_coco(tmp_path)
