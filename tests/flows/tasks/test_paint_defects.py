"""Simulated defects on good parts: they can be seen, lie where they are said to, and have no class."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from flows.tasks.coco import NO_CLASS, Picture
from flows.tasks.paint_defects import paint_defects
from flows.tasks.simulated_dataset import write_surface_dataset
from flows.tasks.surface_loss import surface_losses
from flows.tasks.surface_network import SurfaceOutputs
from flows.tasks.surface_pictures import NAMELESS, Labelled, read_labelled, to_batch
from models.intake import read_image

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Picture, ...]:
    """Twenty surfaces, some of them good."""
    return write_surface_dataset(tmp_path_factory.mktemp("surfaces"), seed=9, count=20, side_px=160).pictures


def test_good_parts_change_inside_the_outlines_alone(pictures: tuple[Picture, ...], tmp_path: Path) -> None:
    good = [p for p in pictures if p.is_good]
    made = paint_defects(pictures, tmp_path / "new" / "folder", count=2 * len(good))
    assert len(good) < len(made) <= 2 * len(good)
    originals = [read_image(p.path.read_bytes()).pixels_rgb.astype(int) for p in good]
    for picture in made:
        assert {a.class_name for a in picture.annotations} == {NO_CLASS}
        painted = read_image(picture.path.read_bytes()).pixels_rgb.astype(int)
        of_its_shape = [pixels for pixels in originals if pixels.shape == painted.shape]
        nearest = min(of_its_shape, key=lambda pixels: np.abs(pixels - painted).mean())
        changed = np.abs(nearest - painted).max(axis=2) > 0
        labels = read_labelled(picture, ["hole"], (160, 160)).labels
        assert set(np.unique(labels)) <= {0, NAMELESS}
        assert changed.any()
        assert (labels[changed] == NAMELESS).mean() > 0.9  # what is thinner than a pixel is not in the outline
        assert np.abs(nearest - painted).max() >= 7


def test_same_seed_paints_the_same(pictures: tuple[Picture, ...], tmp_path: Path) -> None:
    first, again, other = (
        [p.path.read_bytes() for p in paint_defects(pictures, tmp_path / str(k), count=4, seed=seed)]
        for k, seed in enumerate((3, 3, 4))
    )
    assert first == again != other


def test_nothing_is_painted_without_a_good_part(pictures: tuple[Picture, ...], tmp_path: Path) -> None:
    assert paint_defects([p for p in pictures if not p.is_good], tmp_path, count=5) == ()
    assert list(tmp_path.iterdir()) == []


def test_defect_without_a_class_teaches_where_and_no_class(pictures: tuple[Picture, ...], tmp_path: Path) -> None:
    made = paint_defects(pictures, tmp_path, count=1)
    shown = [read_labelled(p, ["hole"], (160, 160)) for p in made]
    batch = to_batch([Labelled(*(np.resize(side, (160, 160)) for side in one)) for one in shown])
    found = SurfaceOutputs(
        torch.zeros(1, 1, 80, 80, requires_grad=True),
        torch.zeros(1, 1, 40, 40, requires_grad=True),
        torch.zeros(1, 1, requires_grad=True),
        torch.zeros(1, 2),
    )
    losses = surface_losses(found, batch)
    assert losses.classes.item() == 0.0
    assert losses.pixels.item() > 0.0
    defect, classes, part = torch.autograd.grad(losses.total, found[:3])
    inside = torch.from_numpy(np.asarray(batch.labels[0, ::2, ::2] == NAMELESS))
    assert (defect[0, 0][inside] < 0).float().mean() > 0.9, "more must be said there"
    assert not classes.any()
    assert part.item() < 0
