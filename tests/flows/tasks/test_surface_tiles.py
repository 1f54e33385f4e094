"""A large picture is looked at in tiles that overlap, and every pixel of it is judged once."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from flows.tasks import surface_tiles
from flows.tasks.checkpoints import read_checkpoint
from flows.tasks.coco import Annotation, Picture
from flows.tasks.cut_tiles import cut_tiles
from flows.tasks.evaluate import inspect_pictures
from flows.tasks.fine_tuning import FineTuning, train_checkpoint
from flows.tasks.onnx_bundle import BundleRequest, assemble_onnx_bundle
from flows.tasks.openvino_bundle import ConversionRequest, convert_bundle
from flows.tasks.surface_network import Probabilities, SurfaceNetwork
from flows.tasks.surface_restore import read_weights, restore_state, restore_surface
from flows.tasks.surface_tiles import LARGEST_WHOLE_PX, TILE_PX, plan_tiles
from flows.tasks.trainers import PRETRAINED_SURFACE
from flows.tasks.training_data import TrainingData
from models.features import FeatureExtractor
from models.intake import read_image
from models.runtime import open_runtime

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 96 px for inputs of more than 128 px: the same code, a sixteenth of the time."""
    monkeypatch.setattr(surface_tiles, "TILE_PX", 96)
    monkeypatch.setattr(surface_tiles, "LARGEST_WHOLE_PX", 128)
    monkeypatch.setattr(surface_tiles, "_OVERLAP_PX", 32)


@pytest.mark.parametrize("shape_hw", [(672, 32), (736, 672), (1536, 2048), (4096, 384), (2048, 2080)])
def test_tiles_cover_each_pixel_once_and_overlap(shape_hw: tuple[int, int]) -> None:
    tiles = plan_tiles(shape_hw)
    assert tiles is not None
    for side, spans in zip(shape_hw, (tiles.rows, tiles.columns), strict=True):
        kept = [pixel for s in spans for pixel in range(s.start + s.keep_from, s.start + s.keep_to)]
        assert kept == list(range(side))
        assert {s.stop - s.start for s in spans} == {min(side, TILE_PX)}
        assert (spans[0].start, spans[-1].stop) == (0, side)
        assert all(s.start % 32 == s.keep_from % 4 == s.keep_to % 4 == 0 for s in spans)
        assert all(earlier.stop - later.start >= 32 for earlier, later in pairwise(spans))
        assert all(later.keep_from >= 16 for later in spans[1:])
        assert all(s.keep_from >= 0 and s.keep_to <= s.stop - s.start for s in spans)


def test_a_picture_is_looked_at_as_a_whole_when_it_is_no_larger_than_that() -> None:
    assert plan_tiles((LARGEST_WHOLE_PX, 32)) is None
    assert plan_tiles((LARGEST_WHOLE_PX + 32, 32)) is not None


@pytest.mark.usefixtures("small_tiles")
def test_map_is_that_of_each_tile_and_the_part_as_bad_as_its_worst() -> None:
    network = _pretrained()
    pixels = torch.rand(1, 3, 160, 224, generator=torch.Generator().manual_seed(3))
    tiles = plan_tiles((160, 224))
    assert tiles is not None
    assert tiles.count == 6
    with torch.no_grad():
        maps, part = Probabilities(network)(pixels)
        assert maps.shape == (1, 8, 80, 112)
        parts = []
        for row in tiles.rows:
            for column in tiles.columns:
                found = network(pixels[:, :, row.start : row.stop, column.start : column.stop])
                parts.append(torch.sigmoid(found.verdict).item())
                defect = torch.sigmoid(found.defect)[0, 0]
                kept = maps.sum(1)[0, (row.start + row.keep_from) // 2 : (row.start + row.keep_to) // 2]
                kept = kept[:, (column.start + column.keep_from) // 2 : (column.start + column.keep_to) // 2]
                wanted = defect[row.keep_from // 2 : row.keep_to // 2, column.keep_from // 2 : column.keep_to // 2]
                torch.testing.assert_close(kept, wanted, atol=1e-4, rtol=1e-3)
    assert part.item() == pytest.approx(max(parts), abs=1e-4)


@pytest.mark.usefixtures("small_tiles")
def test_tiles_show_the_defects_and_good_places_and_nothing_in_between(tmp_path: Path) -> None:
    pictures = _large_pictures(tmp_path / "pictures", count=6)
    cut = cut_tiles(pictures, tmp_path / "tiles", (192, 256))
    assert {p.shape_hw for p in cut} == {(96, 96)}
    defective = [p for p in cut if not p.is_good]
    assert len(defective) >= 6
    assert sum(p.is_good for p in cut) >= 12
    for picture in cut:
        grey = read_image(picture.path.read_bytes()).pixels_rgb[..., 0]
        assert bool((grey < 60).any()) == (not picture.is_good)
        for annotation in picture.annotations:
            left, top, right, bottom = (round(v) for v in annotation.box_xyxy)
            assert (grey[top:bottom, left:right] < 60).any()
    again = cut_tiles(pictures, tmp_path / "again", (192, 256))
    assert [p.annotations for p in again] == [p.annotations for p in cut]


@pytest.mark.usefixtures("small_tiles")
def test_no_tile_is_taken_of_a_picture_that_is_only_known_to_be_bad(tmp_path: Path) -> None:
    pictures = _large_pictures(tmp_path / "pictures", count=3)
    bad = replace(pictures[0], annotations=(Annotation("bad", (0.0, 0.0, 512.0, 384.0)),))
    assert all(p.is_good for p in cut_tiles((bad, pictures[2]), tmp_path / "tiles", (192, 256)))
    with pytest.raises(ValueError, match="as a whole"):
        cut_tiles(pictures, tmp_path / "tiles", (96, 128))


@pytest.mark.slow
@pytest.mark.usefixtures("small_tiles")
def test_spots_of_a_few_pixels_are_found_on_large_pictures_on_every_backend(tmp_path: Path) -> None:
    pictures = _large_pictures(tmp_path / "pictures", count=26)
    data = TrainingData(("spot",), pictures[:10], pictures[10:18], pictures[18:], {"kind": "test"})
    how = FineTuning("v1", 2, 8, 0.002, recipe="surface", input_px=256, pasted=0.0, painted=0.0, from_base=True)
    (tmp_path / "work").mkdir()
    checkpoint = train_checkpoint(how, None, data, tmp_path / "work", lambda _: None)
    network, about = read_checkpoint(checkpoint, tmp_path)
    assert about.shape_hw == (192, 256)
    request = BundleRequest("tiles", "1", about.class_names, about.shape_hw, data.val, data.test, {}, about.head)
    exported, _ = assemble_onnx_bundle(tmp_path / "onnx", network, request)
    bundle = convert_bundle(tmp_path / "whole", exported, ConversionRequest(data.train[:8], data.val, data.test))
    for backend in ("onnxruntime", "openvino"):
        found = inspect_pictures(open_runtime(bundle, backend=backend, threads=1), data.test)
        for part in found:
            clear = [d for d in part.detections if d.confidence > 0.5]
            assert len(clear) == len(part.picture.annotations)
            for detection, annotation in zip(clear, part.picture.annotations, strict=True):
                x = (detection.box_xyxy[0] + detection.box_xyxy[2]) / 2
                assert annotation.box_xyxy[0] - 4 <= x <= annotation.box_xyxy[2] + 4
    vector = FeatureExtractor(open_runtime(bundle)).vector_of(read_image(data.test[0].path.read_bytes()).pixels_rgb)
    assert np.isfinite(vector).all()
    weights = read_weights(restore_surface(bundle.path_of(bundle.manifest.onnx), about.class_names, tmp_path / "r.pt"))
    restore_state(SurfaceNetwork(1), weights, about.class_names)


def _pretrained() -> SurfaceNetwork:
    content = read_weights(PRETRAINED_SURFACE)
    network = SurfaceNetwork(len(content["classes"]))
    restore_state(network, content, content["classes"])
    return network.eval()


def _large_pictures(folder: Path, *, count: int) -> tuple[Picture, ...]:
    """Grey pictures of 512 x 384 px, every second one with a dark spot of some 10 px."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    made = []
    for number in range(count):
        grey = np.clip(rng.normal(150, 4, (384, 512)), 0, 255).astype(np.uint8)
        annotations: tuple[Annotation, ...] = ()
        if number % 2:
            x, y = (int(rng.integers(20, side - 20)) for side in (512, 384))
            cv2.circle(grey, (x, y), 5, 30, -1)
            box = (x - 5.0, y - 5.0, x + 6.0, y + 6.0)
            turns = (0.4 * step for step in range(16))
            ring = tuple((x + 0.5 + 5.5 * math.cos(a), y + 0.5 + 5.5 * math.sin(a)) for a in turns)
            annotations = (Annotation("spot", box, (ring,)),)
        path = folder / f"{number:03d}.png"
        cv2.imwrite(str(path), grey)
        made.append(Picture(path, (384, 512), annotations))
    return tuple(made)
