"""Training pictures are those of live inspection, and their labels lie where the defects do."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.tasks.coco import Annotation, Picture
from flows.tasks.simulated_dataset import write_simulated_dataset
from flows.tasks.trainer import TrainingSet
from flows.tasks.yolo_folder import write_yolo_folder
from models.intake import read_image
from models.letterbox import letterbox
from models.simulation import DEFECT_CLASSES, SimulatedLine


@pytest.fixture(scope="module")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    dataset = write_simulated_dataset(tmp_path_factory.mktemp("data"), line=SimulatedLine(6, 0.6), count=6)
    return TrainingSet(dataset.class_names, dataset.pictures[:4], dataset.pictures[4:])


def test_pixels_equal_the_live_letterbox_when_written(training_set: TrainingSet, tmp_path: Path) -> None:
    write_yolo_folder(tmp_path, training_set, input_px=320)
    written = sorted((tmp_path / "images" / "train").iterdir())
    assert len(written) == 4
    for path, picture in zip(written, training_set.train, strict=True):
        live, _ = letterbox(read_image(picture.path.read_bytes()).pixels_rgb, (240, 320))
        stored = cv2.imread(str(path))
        assert stored is not None
        np.testing.assert_array_equal(stored[..., ::-1], live)


def test_labels_enclose_the_defect_when_scaled_back(training_set: TrainingSet, tmp_path: Path) -> None:
    write_yolo_folder(tmp_path, training_set, input_px=320)
    for path, picture in zip(sorted((tmp_path / "labels" / "train").iterdir()), training_set.train, strict=True):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) == len(picture.annotations)
        for line, annotation in zip(lines, picture.annotations, strict=True):
            number, *values = line.split()
            assert DEFECT_CLASSES[int(number)] == annotation.class_name
            corners = np.array(values, dtype=float).reshape(-1, 2) * (640, 480)
            x0, y0, x1, y1 = annotation.box_xyxy
            assert corners.min(axis=0) == pytest.approx((x0, y0), abs=1.0)
            assert corners.max(axis=0) == pytest.approx((x1, y1), abs=1.0)


def test_a_box_becomes_a_polygon_when_no_outline_was_drawn(training_set: TrainingSet, tmp_path: Path) -> None:
    picture = training_set.train[0]
    boxed = Picture(picture.path, picture.shape_hw, (Annotation("dent", (64.0, 48.0, 128.0, 96.0)),))
    write_yolo_folder(tmp_path, TrainingSet(training_set.class_names, (boxed,), ()), input_px=320)
    (path,) = (tmp_path / "labels" / "train").iterdir()
    assert path.read_text(encoding="utf-8").split() == [
        "1", "0.100000", "0.100000", "0.200000", "0.100000", "0.200000", "0.200000", "0.100000", "0.200000",
    ]  # fmt: skip
