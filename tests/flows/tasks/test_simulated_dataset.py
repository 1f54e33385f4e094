"""Simulated surfaces arrive as a COCO folder whose rings are the masks."""

from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from flows.tasks.coco import read_coco
from flows.tasks.simulated_dataset import mask_to_rings, write_surface_dataset
from flows.tasks.training_data import simulated_surfaces
from models.intake import read_image
from models.simulation.surfaces import SURFACE_CLASSES, surface_picture


def test_the_folder_reads_back_as_it_was_written_when_it_is_coco(tmp_path: Path) -> None:
    written = write_surface_dataset(tmp_path, seed=5, count=12, side_px=160)
    read = read_coco(tmp_path)
    assert read.class_names == SURFACE_CLASSES == written.class_names
    assert len({picture.shape_hw for picture in read.pictures}) > 3
    for picture, before in zip(read.pictures, written.pictures, strict=True):
        assert read_image(picture.path.read_bytes()).pixels_rgb.shape[:2] == picture.shape_hw
        assert max(picture.shape_hw) == 160
        found = [(a.class_name, a.rings) for a in picture.annotations]
        assert found == [(a.class_name, a.rings) for a in before.annotations]


def test_rings_cover_the_mask_when_lines_are_one_pixel_wide() -> None:
    line = np.zeros((40, 60), np.bool_)
    line[20, 5:50] = True
    line[25:38, 7] = True
    pictures = [surface_picture(seed, defect_rate=1.0) for seed in range(12)]
    masks = [line, *(d.mask for p in pictures for d in p.defects)]
    for mask in masks:
        flat = [np.asarray(ring).reshape(-1).tolist() for ring in mask_to_rings(mask)]
        drawn = coco_mask.merge(coco_mask.frPyObjects(flat, *mask.shape))
        painted = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        assert coco_mask.area(coco_mask.merge([drawn, painted], intersect=True)) >= 0.95 * mask.sum()


def test_sets_share_no_picture_when_surfaces_are_drawn_for_training(tmp_path: Path) -> None:
    data = simulated_surfaces(tmp_path, count=6, held_out=3, side_px=160)
    assert (len(data.train), len(data.val), len(data.test)) == (6, 3, 3)
    assert len({p.path.read_bytes() for p in (*data.train, *data.val, *data.test)}) == 12
    assert data.description["kind"] == "simulated surfaces"
    assert len(data.description["train_sha256"]) == 64


def test_pictures_are_refused_when_they_would_be_too_small(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too small"):
        write_surface_dataset(tmp_path, seed=1, count=3, side_px=40)


def test_surfaces_are_the_same_when_several_processes_draw_them(tmp_path: Path) -> None:
    alone, together = (
        write_surface_dataset(tmp_path / str(processes), seed=3, count=6, side_px=160, processes=processes)
        for processes in (1, 2)
    )
    assert [p.path.read_bytes() for p in alone.pictures] == [p.path.read_bytes() for p in together.pictures]
    assert [p.annotations for p in alone.pictures] == [p.annotations for p in together.pictures]
