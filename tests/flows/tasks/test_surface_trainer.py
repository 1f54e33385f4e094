"""A surface network learns squares, becomes a bundle that runs alike on every backend, and goes on from it."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn
from torch.nn import functional

from flows.tasks.assemble_bundle import assemble_bundle
from flows.tasks.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from flows.tasks.coco import Annotation, Picture
from flows.tasks.export_onnx import export_onnx
from flows.tasks.fine_tuning import FineTuning, train_checkpoint
from flows.tasks.onnx_bundle import BundleRequest
from flows.tasks.openvino_bundle import ConversionRequest, runtimes_of
from flows.tasks.recipes import RECIPES, choose_recipe
from flows.tasks.restore_weights import RestoreError
from flows.tasks.surface_loss import surface_losses
from flows.tasks.surface_network import Probabilities, SurfaceNetwork, SurfaceOutputs
from flows.tasks.surface_pictures import UNKNOWN, Batch, SurfacePictures, read_labelled, to_batch, varied
from flows.tasks.surface_restore import restore_state, restore_surface
from flows.tasks.surface_trainer import SurfaceTrainer
from flows.tasks.trainer import Augmentation, TrainedWeights, TrainingSet, TrainingStoppedError
from flows.tasks.trainers import can_start_from, restore_bundle
from flows.tasks.training_data import TrainingData
from models.bundle import Bundle, load_bundle
from models.features import FeatureExtractor
from models.golden import self_test
from models.intake import read_image
from models.recipe import Recipe
from models.runtime import open_runtime
from tests.flows.tasks.square_finder import CELL_PX, CLASSES, INPUT_PX, square_pictures
from tests.pictures import png_bytes, square_picture

pytestmark = pytest.mark.training
SIDE_PX = 16
STARTER = Path(__file__).resolve().parents[3] / "models" / "starter"
# Two epochs must do, so that the rate is a high one.
OPTIONS = replace(
    RECIPES["surface"].options,
    input_px=INPUT_PX,
    epochs=2,
    learning_rate=0.004,
    small_share=0.0,
    threads=1,
    val_every=1,
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Picture, ...]:
    return _outlined_squares(tmp_path_factory.mktemp("pictures"), 36)


def _outlined_squares(folder: Path, count: int) -> tuple[Picture, ...]:
    """Pictures of good parts, red squares and blue squares in turn, at changing places, each with its outline."""
    pictures = []
    for number in range(count):
        x, y = 6 * (number % 8), 6 * (number * 3 % 8)
        colour = (None, "red", "blue")[number % 3]
        path = folder / f"part_{number:03d}.png"
        pixels = square_picture(colour, at_xy=(x, y), side_px=SIDE_PX)  # type: ignore[arg-type]
        path.write_bytes(png_bytes(np.clip(pixels.astype(int) + number % 5, 0, 255).astype(np.uint8)))
        box = (float(x), float(y), float(x + SIDE_PX), float(y + SIDE_PX))
        ring = ((box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3]))
        name = {"red": "scratch", "blue": "dent"}.get(colour or "")
        pictures.append(Picture(path, (64, 64), (Annotation(name, box, (ring,)),) if name else ()))
    return tuple(pictures)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, pictures: tuple[Picture, ...]) -> TrainedWeights:
    training_set = TrainingSet(CLASSES, pictures[:18], pictures[18:])
    return SurfaceTrainer(tmp_path_factory.mktemp("training")).train(training_set, OPTIONS)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, trained: TrainedWeights, pictures: tuple[Picture, ...]) -> Bundle:
    """By way of a checkpoint, as in a fine-tuning."""
    work = tmp_path_factory.mktemp("work")
    about = Checkpoint("1", CLASSES, trained.shape_hw, "surface_map", {"dataset": "squares"})
    network, read = read_checkpoint(write_checkpoint(trained, about, work / "checkpoint.pt"), work)
    assert read == about
    request = BundleRequest("squares", "1", CLASSES, read.shape_hw, pictures[18:], pictures[18:], {}, read.head)
    conversion = ConversionRequest(calibration=pictures[:18], val=pictures[18:], test=pictures[18:])
    return assemble_bundle(work / "bundle", network, request, conversion)


def test_losses_fall_and_parts_are_told_apart_when_trained(trained: TrainedWeights) -> None:
    first, last = trained.reports
    assert all(last.losses[name] < first.losses[name] for name in ("pixels", "overlap", "classes", "part"))
    assert last.metrics["metrics/AUROC(part)"] > 0.95


def test_smallest_numbers_count_again_when_a_training_has_ended(trained: TrainedWeights) -> None:
    assert trained.epochs > 0
    assert sys.float_info.min / 2 > 0.0


def test_every_backend_gives_the_verdicts_that_the_pictures_ask_for_when_it_is_a_bundle(
    bundle: Bundle, pictures: tuple[Picture, ...]
) -> None:
    manifest = load_bundle(bundle.root).manifest
    assert (manifest.task, manifest.metrics["int8_shipped"]) == ("surface", True)
    assert {found.class_name for golden in manifest.golden for found in golden.detections} == set(CLASSES)
    assert all(p["score_gap"] < 1e-4 for p in manifest.metrics["torch_parity"])
    for artefact in (manifest.onnx, manifest.openvino_fp16, manifest.openvino_int8):
        assert artefact is not None
        assert artefact.metrics["box"]["ap50"] > 0.8
        assert artefact.metrics["verdicts"]["escape"]["count"] == 0
    runtimes = runtimes_of(bundle)
    assert len(runtimes) == 4
    for runtime in runtimes:
        self_test(runtime)
    picture = pictures[19]
    found = [r.inspect(read_image(picture.path.read_bytes()), Recipe(mm_per_px=0.5)) for r in runtimes]
    assert {verdict.decision for verdict in found} == {"fail"}
    (detection,) = found[0].detections
    assert detection.class_name == picture.annotations[0].class_name
    assert detection.mask_polygon
    assert detection.extent.area_px == pytest.approx(SIDE_PX**2, rel=0.4)
    assert detection.extent.area_mm2 == pytest.approx(detection.extent.area_px * 0.25)
    assert detection.box_xyxy == pytest.approx(picture.annotations[0].box_xyxy, abs=3.0)


def test_pictures_have_vectors_when_the_bundle_serves_curation(bundle: Bundle, pictures: tuple[Picture, ...]) -> None:
    extractor = FeatureExtractor(open_runtime(bundle, backend="onnxruntime"), threads=1)
    vectors = [extractor.vector_of(read_image(p.path.read_bytes()).pixels_rgb) for p in pictures[:2]]
    assert vectors[0].shape == vectors[1].shape == (384,)  # mean and maximum of the published encoder's coarsest map
    assert not np.allclose(vectors[0], vectors[1])


def test_old_classes_are_known_and_a_new_one_has_a_place_when_started_from_a_bundle(
    bundle: Bundle, pictures: tuple[Picture, ...], tmp_path: Path
) -> None:
    assert can_start_from("surface_map", bundle)
    path = restore_bundle("surface_map", bundle, pictures, (INPUT_PX, INPUT_PX), tmp_path / "restored.pt")
    network = SurfaceNetwork(3)
    restore_state(network, torch.load(path, weights_only=True), ("dent", "new", "scratch"))
    network.eval()
    blob, _ = open_runtime(bundle, backend="onnxruntime").preprocess(
        read_image(pictures[19].path.read_bytes()).pixels_rgb
    )
    expected = open_runtime(bundle, backend="onnxruntime").infer(read_image(pictures[19].path.read_bytes()).pixels_rgb)
    with torch.no_grad():
        maps, _ = Probabilities(network)(torch.from_numpy(blob))
    # What the part looks like is worked out anew, and the published encoder has 32 bits where the bundle has 16.
    assert maps[0].sum(axis=0).numpy() == pytest.approx(expected[0][0].sum(axis=0), abs=1e-3)
    assert network.classes.weight[1].abs().sum() == 0


class _OfBefore(nn.Module):
    """A surface network as it was before the published encoder: the same layers without that."""

    def __init__(self, network: SurfaceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        network = self.network
        finest = found = network.stem(network.contrast(pixels))
        maps = []
        for stage in network.stages:
            found = stage(found)
            maps.append(found)
        wide = at_stride_8 = network.laterals[3](maps[3])
        for level in (2, 1, 0):
            twice = functional.interpolate(wide, scale_factor=2.0, mode="bilinear", align_corners=False)
            wide = network.smooth[level](twice + network.laterals[level](maps[level]))
            at_stride_8 = wide if level == 1 else at_stride_8
        twice = functional.interpolate(network.reduce(wide), scale_factor=2.0, mode="bilinear", align_corners=False)
        defect = network.defect(network.judge(functional.relu(twice + network.detail(finest))))
        classes = functional.interpolate(network.classes(wide), scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.sigmoid(defect) * torch.softmax(classes, 1), torch.sigmoid(network.decide(at_stride_8, defect))


def _restored_from_onnx(exported: nn.Module, folder: Path) -> SurfaceNetwork:
    """A network of today with the weights of another one's ONNX."""
    export_onnx(exported, folder / "model.onnx", shape_hw=(64, 64))
    path = restore_surface(folder / "model.onnx", CLASSES, folder / "restored.pt")
    network = SurfaceNetwork(2)
    restore_state(network, torch.load(path, weights_only=True), CLASSES)
    return network


def test_a_network_of_before_is_gone_on_with_when_it_has_no_published_encoder(tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = _OfBefore(SurfaceNetwork(2)).eval()
    network = _restored_from_onnx(before, tmp_path)
    pixels = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        maps, part = Probabilities(network.eval())(pixels)
        expected_maps, expected_part = before(pixels)
    assert maps.numpy() == pytest.approx(expected_maps.numpy(), abs=2e-3)
    assert part.item() == pytest.approx(expected_part.item(), abs=2e-3)


def test_a_network_of_before_is_gone_on_with_when_nothing_was_adapted(tmp_path: Path) -> None:
    torch.manual_seed(6)
    before = SurfaceNetwork(2)
    for name, weight in before.named_parameters():
        if name.startswith("known.") and weight.ndim == 4:
            nn.init.normal_(weight, std=0.05)
    before.add_module("adapted", _NotAdapted(before))
    network = _restored_from_onnx(Probabilities(before.eval()), tmp_path)
    pixels = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        maps, _ = Probabilities(network.eval())(pixels)
        expected_maps, _ = Probabilities(before)(pixels)
    assert maps.numpy() == pytest.approx(expected_maps.numpy(), abs=2e-3)


class _NotAdapted(nn.Module):
    """Gives the coarser maps of the published encoder as they are, as networks before the adapted blocks did."""

    def __init__(self, network: SurfaceNetwork) -> None:
        super().__init__()
        self._seen: list[list[torch.Tensor]] = []
        network.encoder.register_forward_hook(lambda _, __, maps: self._seen.append(maps))

    def forward(self, _: torch.Tensor) -> list[torch.Tensor]:
        return self._seen[-1][2:]


def test_the_copy_of_the_published_encoder_changes_when_it_has_a_share_of_the_rate(
    pictures: tuple[Picture, ...], tmp_path: Path
) -> None:
    published = SurfaceNetwork(2).state_dict()
    for share in (0.0, 0.5):
        how = replace(OPTIONS, epochs=1, batch=64, input_px=32, adapted_share=share)
        path = SurfaceTrainer(tmp_path).train(TrainingSet(CLASSES, pictures[:6], ()), how).path
        weights = torch.load(path, weights_only=True)["weights"]
        moved = {name for name in published if not torch.equal(weights[name], published[name])}
        assert any(name.startswith("adapted.") for name in moved) == (share > 0.0)
        assert not any(name.startswith("encoder.") for name in moved)
        assert any(name.startswith("stem.") for name in moved)


def test_said_why_when_the_weights_are_of_another_network(tmp_path: Path) -> None:
    starter = load_bundle(STARTER)
    assert not can_start_from("surface_map", starter)
    with pytest.raises(RestoreError, match="not a surface network"):
        restore_surface(starter.path_of(starter.manifest.onnx), starter.manifest.classes, tmp_path / "no.pt")


def test_stopped_without_weights_when_asked_before_the_first_epoch_ended(
    pictures: tuple[Picture, ...], tmp_path: Path
) -> None:
    with pytest.raises(TrainingStoppedError):
        SurfaceTrainer(tmp_path).train(TrainingSet(CLASSES, pictures[:6], ()), OPTIONS, should_stop=lambda: True)
    assert not (tmp_path / "surface.pt").exists()


def test_same_weights_follow_when_the_seed_is_the_same(pictures: tuple[Picture, ...], tmp_path: Path) -> None:
    short = replace(OPTIONS, epochs=1, batch=64, input_px=32)
    results = []
    for name in ("first", "second"):
        weights = SurfaceTrainer(tmp_path / name).train(TrainingSet(CLASSES, pictures[:6], ()), short)
        results.append(torch.load(weights.path, weights_only=True)["weights"])
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_half_of_each_batch_is_defective_when_most_parts_are_good(pictures: tuple[Picture, ...]) -> None:
    few = [p for p in pictures if p.is_good] + [p for p in pictures if not p.is_good][:2]
    batches = list(SurfacePictures(few, CLASSES, (64, 64)).batches(8, Augmentation(), np.random.default_rng(1)))
    assert {int(batch.defective.sum()) for batch in batches} == {4}
    assert batches[0].pixels.shape == (8, 3, 64, 64)
    only_good = SurfacePictures([p for p in pictures if p.is_good], CLASSES, (64, 64))
    assert int(next(only_good.batches(8, Augmentation(), np.random.default_rng(1))).defective.sum()) == 0


def test_batches_are_the_same_when_other_processes_make_them(pictures: tuple[Picture, ...]) -> None:
    made = [
        list(
            SurfacePictures(pictures, CLASSES, (64, 64), loaders=loaders).batches(8, Augmentation(), rng, window_px=32)
        )
        for loaders, rng in ((0, np.random.default_rng(4)), (2, np.random.default_rng(4)))
    ]
    assert len(made[0]) == len(made[1]) > 1
    assert all(torch.equal(one.pixels, other.pixels) for one, other in zip(*made, strict=True))
    assert not torch.equal(made[0][0].pixels, made[0][1].pixels)


def test_defect_stays_in_the_picture_when_it_is_moved_about(pictures: tuple[Picture, ...]) -> None:
    one = read_labelled(pictures[1], CLASSES, (64, 64))
    wild = Augmentation(translation=0.9, rotation_deg=90, zoom=1.0, quarter_turn=0.5, noise=0.05, blur=0.5)
    rng = np.random.default_rng(3)
    for _ in range(50):
        shown = varied(one, (64, 96), wild, rng)
        assert shown.labels.shape == (64, 96)
        assert set(np.unique(shown.labels)) == {0, 1}


def test_a_window_shows_a_defect_when_the_picture_has_one(pictures: tuple[Picture, ...]) -> None:
    loaded = SurfacePictures(pictures, CLASSES, (64, 64))
    batches = list(loaded.batches(8, Augmentation(translation=0.3), np.random.default_rng(1), window_px=32))
    assert [batch.pixels.shape[-1] for batch in batches[:8]] == [32, 32, 32, 64] * 2
    assert {int(batch.defective.sum()) for batch in batches} == {4}
    whole = next(loaded.batches(8, Augmentation(), np.random.default_rng(1), window_px=128))
    assert whole.pixels.shape == (8, 3, 64, 64)  # no window is larger than the picture


def test_a_small_defect_weighs_as_much_as_the_good_cells_when_the_map_is_faint_everywhere() -> None:
    labels = torch.zeros(1, 128, 128, dtype=torch.uint8)
    labels[0, 10:18, 10:18] = 1
    batch = Batch(torch.zeros(1, 3, 128, 128), labels, torch.ones(1, 1))
    faint = torch.full((1, 1, 64, 64), -3.5)
    found = SurfaceOutputs(faint, torch.zeros(1, 1, 32, 32), torch.zeros(1, 1), torch.zeros(1, 2))
    right = faint.clone()
    right[0, 0, 5:9, 5:9] = 3.5
    overlap = surface_losses(found._replace(defect=right), batch).overlap
    assert surface_losses(found, batch).overlap > 0.9
    assert overlap < 0.15  # with plain sums the faint background alone would keep it above 0.75


def test_a_box_without_an_outline_teaches_that_something_is_there(tmp_path: Path) -> None:
    (whole,) = square_pictures(tmp_path, 2)[1:]
    weak = replace(whole, annotations=(Annotation("dent", (0.0, 0.0, 64.0, 64.0)),))
    one = read_labelled(weak, CLASSES, (64, 64))
    assert set(np.unique(one.labels)) == {UNKNOWN}
    batch = to_batch([one])
    network = SurfaceNetwork(2)
    losses = surface_losses(network(batch.pixels), batch)
    assert float(batch.defective) == 1.0
    assert (losses.overlap.item(), losses.classes.item()) == (0.0, 0.0)
    losses.total.backward()  # type: ignore[no-untyped-call]
    bias = network.defect.bias
    assert bias is not None
    assert bias.grad is not None
    assert float(bias.grad) < 0.0  # a step raises the probability of a defect


def test_the_middle_of_a_small_box_counts_as_defective_when_there_is_no_outline(tmp_path: Path) -> None:
    box_alone = square_pictures(tmp_path, 2)[1]  # eight pixels wide
    labels = read_labelled(box_alone, CLASSES, (64, 64)).labels
    assert set(np.unique(labels)) == {0, 1, UNKNOWN}
    assert np.count_nonzero(labels == 1) < np.count_nonzero(labels == UNKNOWN) < CELL_PX**2
    assert np.count_nonzero(labels) == CELL_PX**2


def test_recipe_follows_a_network_that_knows_half_of_the_classes_when_it_is_left_to_the_platform(
    bundle: Bundle, pictures: tuple[Picture, ...], tmp_path: Path
) -> None:
    starter = load_bundle(STARTER)  # it knows scratches and dents
    names, box = ("pore", "fray", "crack"), (0.0, 0.0, 9.0, 9.0)
    strange = tuple(Picture(tmp_path / "part.png", (64, 64), (Annotation(name, box),)) for name in names)
    assert choose_recipe("auto", starter, pictures) == "few-pictures"
    assert choose_recipe("auto", starter, strange) == "surface"
    assert choose_recipe("auto", bundle, pictures) == "surface"
    assert choose_recipe("auto", None, pictures) == "surface"
    assert choose_recipe("few-pictures", bundle, pictures) == "few-pictures"
    assert choose_recipe("surface", starter, pictures) == "surface"


def test_a_fine_tuning_starts_from_simulated_surfaces_and_says_so_when_a_yolo_is_deployed(
    pictures: tuple[Picture, ...], tmp_path: Path
) -> None:
    starter = load_bundle(STARTER)
    data = TrainingData(CLASSES, pictures[:12], pictures[12:18], (), {"kind": "squares"})
    how = FineTuning("v1", epochs=1, batch_size=16, learning_rate=0.003, recipe="surface", input_px=32)
    said = how.settled(starter, data.train).said_of_start(starter)
    assert "simulated surfaces" in said
    assert "segment network" in said
    told: list[int] = []
    path = train_checkpoint(how, starter, data, tmp_path, lambda report: told.append(report.epoch))
    network, about = read_checkpoint(path, tmp_path)
    assert (about.head, about.class_names, about.shape_hw, told) == ("surface_map", CLASSES, (32, 32), [1])
    assert about.provenance["base_bundle_digest"] is None
    assert about.provenance["training"]["start_from"] == "surface.xz"
    maps, part = network(torch.zeros(1, 3, 32, 32))
    assert (tuple(maps.shape), tuple(part.shape)) == ((1, 2, 16, 16), (1, 1))
