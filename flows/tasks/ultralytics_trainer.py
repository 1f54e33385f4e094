"""YOLO26 by ultralytics, behind the `Trainer` protocol: the only importer of ultralytics (AGPL-3.0) in the repository.

Offline and quiet: no settings file outside the work folder, no font download, no analytics, no experiment logger.
"""

from __future__ import annotations

import importlib
import os
import pickle
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from flows.tasks.restore_weights import RestoreError, copy_heads, restore_weights
from flows.tasks.trainer import (
    EpochReport,
    Head,
    TrainedWeights,
    TrainingOptions,
    TrainingSet,
    TrainingStoppedError,
    shape_of_input,
)
from flows.tasks.yolo_folder import write_yolo_folder

ARCHITECTURE = "yolo26n-seg.yaml"
_FITTING_SHARE = 0.9
"""Of a network's tensors; those of its classes differ where the classes do."""
_QUIET = {
    "sync": False, "mlflow": False, "clearml": False, "comet": False, "dvc": False, "raytune": False, "wandb": False,
    "tensorboard": False, "vscode_msg": False, "openvino_msg": False,
}  # fmt: skip


def prepare_ultralytics(folder: Path) -> Any:
    """Return the `ultralytics` module, imported so that it keeps its files in `folder` and speaks to nobody.

    Source:
        Measured on ultralytics 8.4.190 by trapping name look-ups: `mlflow` and `sync` default to True, and `check_font`
        downloads Arial.ttf even offline unless a font of that name exists; DejaVu Sans takes its place.
    """
    config = folder / "ultralytics-config"
    fonts = config / "Ultralytics"
    fonts.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        YOLO_CONFIG_DIR=str(config),
        YOLO_OFFLINE="true",
        YOLO_AUTOINSTALL="false",
        YOLO_VERBOSE="false",
        DO_NOT_TRACK="1",
    )
    matplotlib = importlib.import_module("matplotlib")
    shutil.copyfile(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", fonts / "Arial.ttf")
    _provide_nms_operator()
    ultralytics = importlib.import_module("ultralytics")
    # ultralytics puts its own function in place of Pillow's, which then fails for want of an optional package where
    # Pillow says what is wrong with a picture; our intake needs the original, which is kept there.
    Image.open = importlib.import_module("ultralytics.utils.patches")._image_open  # noqa: SLF001
    ultralytics.SETTINGS.update(**_QUIET)
    return ultralytics


def _provide_nms_operator() -> None:
    """Declare torchvision's compiled operators where its wheel was built for another torch (CUDA wheel, CPU torch).

    torchvision then fails to import at all, though ultralytics needs of it the NMS alone, and brings its own.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.append(library)
        operators: Any = importlib.import_module("torchvision.ops")
        operators.nms = importlib.import_module("ultralytics.utils.nms").TorchNMS.nms


_DECLARED: list[torch.library.Library] = []
"""Keeps the declared operators alive: torch drops them with the library object."""


class UltralyticsTrainer:
    """Trains YOLO26n-seg in a work folder of its own."""

    def __init__(self, work_folder: Path) -> None:
        self._folder = work_folder

    def train(
        self,
        training_set: TrainingSet,
        options: TrainingOptions,
        on_epoch: Callable[[EpochReport], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> TrainedWeights:
        """Return the weights of the last epoch (their moving average), trained on `training_set`.

        Raises:
            TrainingStoppedError: It was asked to stop before the first epoch ended.
        """
        started = time.monotonic()
        self._folder.mkdir(parents=True, exist_ok=True)
        prepare_ultralytics(self._folder)
        data = write_yolo_folder(self._folder / "data", training_set, input_px=options.input_px)
        one_shape = len({picture.shape_hw for picture in training_set.train}) == 1
        overrides = {**self._overrides(data, options), "rect": one_shape and options.augmentation.mosaic == 0.0}
        trainer = _progressive_trainer(options)(overrides=overrides)
        reports = _Reports(options, started, on_epoch)
        # Only now: while it is built, ultralytics sets the threads to one fewer than there are cores.
        trainer.add_callback("on_train_start", lambda _: torch.set_num_threads(options.threads))
        trainer.add_callback("on_train_epoch_start", reports.begin)
        trainer.add_callback("on_train_epoch_start", lambda running: _plan_validation(running, options))
        trainer.add_callback("on_train_epoch_start", lambda running: _start_one_to_one(running, options))
        trainer.add_callback("on_fit_epoch_end", reports.record)
        trainer.add_callback("on_train_batch_end", lambda running: _stop_if(running, should_stop))
        with _mixed_precision(bfloat16=options.bfloat16):
            trainer.train()
        if not trainer.last.is_file():
            raise TrainingStoppedError("stopped before the first epoch ended")
        return TrainedWeights(
            path=trainer.last,
            class_names=training_set.class_names,
            shape_hw=shape_of_input(training_set, options),
            epochs=len(reports.done),
            duration_s=time.monotonic() - started,
            reports=tuple(reports.done),
        )

    def _overrides(self, data: Path, options: TrainingOptions) -> dict[str, Any]:
        """Return ultralytics' arguments; `nbs` equals the batch: each batch is a step (the default waits for 64)."""
        vary = options.augmentation
        return {
            # With `pretrained` False even a checkpoint given as `model` loses its weights.
            "model": ARCHITECTURE, "pretrained": str(options.start_from or "") or False, "data": str(data),
            "epochs": options.epochs, "imgsz": options.input_px, "batch": options.batch, "nbs": options.batch,
            "optimizer": "AdamW", "lr0": options.learning_rate, "lrf": 0.02, "cos_lr": True, "momentum": 0.9,
            "warmup_epochs": options.warmup_epochs, "warmup_bias_lr": 0.0, "weight_decay": 0.0005,
            "amp": False, "device": options.device, "workers": 0, "cache": "ram",
            "seed": options.seed, "deterministic": True, "patience": 0, "plots": False, "verbose": False,
            "project": str((self._folder / "runs").resolve()), "name": "train", "exist_ok": True,
            "hsv_h": 0.01, "hsv_s": vary.saturation, "hsv_v": vary.brightness, "degrees": vary.rotation_deg,
            "translate": vary.translation, "scale": vary.zoom,
            "fliplr": vary.flip_horizontal, "flipud": vary.flip_vertical,
            "mosaic": vary.mosaic, "close_mosaic": vary.mosaic_off_epochs, "copy_paste": vary.copy_paste,
        }  # fmt: skip


def load_network(checkpoint: Path, work_folder: Path, head: Head = "one_to_one") -> nn.Module:
    """Return the network of a checkpoint, ready for export: evaluation mode, batch norms folded, one head only.

    Its forward pass maps (1, 3, H, W) float32 in 0..1 to the raw output and prototypes (1, 32, H/4, W/4). The output of
    the one-to-one head is (1, anchors, 4+nc+32) with corners, that of the other (1, 4+nc+32, anchors) with centres.

    Source:
        ultralytics 8.4.190, `Detect.postprocess`: the top-k inside the graph is left out, because OpenVINO 2026.4 does
        not compile it (GatherElements) and `models.outputs` does the same in NumPy (measured difference 1.6e-4).
    """
    network: Any = _stored_network(checkpoint, work_folder)
    return prepare_for_export(network.float(), head)


def prepare_for_export(network: nn.Module, head: Head) -> nn.Module:
    """Return the same network in evaluation mode, batch norms folded, with one head and raw outputs."""
    found: Any = network.eval()
    found.model[-1].end2end = head == "one_to_one"
    found.fuse(verbose=False)
    last = found.model[-1]
    last.export, last.format, last.postprocess = True, "onnx", _unchanged
    return network


def stored_weights(checkpoint: Path, work_folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a checkpoint that this trainer wrote, by the names of the network's parameters."""
    weights: dict[str, torch.Tensor] = _stored_network(checkpoint, work_folder).state_dict()
    return weights


def rebuild_network(class_names: tuple[str, ...], weights: dict[str, torch.Tensor], work_folder: Path) -> nn.Module:
    """Return a network of this trainer with given weights.

    Raises:
        RuntimeError: The weights are of another network.
    """
    network = _fresh_network(class_names, work_folder)
    network.load_state_dict(weights)
    return network


def _stored_network(checkpoint: Path, work_folder: Path) -> Any:
    prepare_ultralytics(work_folder)
    # The checkpoint pickles the whole network; only files that this trainer wrote, or that the site names in
    # BASE_WEIGHTS, are ever given to it.
    stored = torch.load(checkpoint, map_location="cpu", weights_only=False)
    return stored.get("ema") or stored["model"]


def _fresh_network(class_names: tuple[str, ...], work_folder: Path) -> nn.Module:
    prepare_ultralytics(work_folder)
    build: Any = importlib.import_module("ultralytics.nn.tasks").SegmentationModel
    network = build(ARCHITECTURE, nc=len(class_names), verbose=False)
    network.names = dict(enumerate(class_names))
    return cast("nn.Module", network)


def _unchanged(predictions: torch.Tensor) -> torch.Tensor:
    return predictions


def restore_checkpoint(
    onnx_path: Path, class_names: tuple[str, ...], blobs: Sequence[npt.NDArray[np.float32]], path: Path
) -> Path:
    """Return the path of a checkpoint, restored from a bundle's ONNX file, to start a training from.

    Args:
        onnx_path: The `model.onnx` of a bundle that this trainer made.
        class_names: The bundle's classes.
        blobs: What the network sees of some pictures, (1, 3, H, W) float32.
        path: The file to write; ultralytics' own configuration is kept beside it.

    Raises:
        RestoreError: The file does not hold this network's weights.
    """
    network = _fresh_network(class_names, path.parent)
    restore_weights(network, onnx_path, blobs)
    torch.save({"model": network, "ema": None, "train_args": {}}, path)
    return path


def fetch_weights(path: Path, class_names: tuple[str, ...], work_folder: Path) -> Path:
    """Return the file of published weights to start from; ultralytics downloads it if it is one of its own and missing.

    Args:
        path: A checkpoint of ultralytics', which is unpickled: whoever names it trusts it.
        class_names: The classes to learn; those of the weights may be others.
        work_folder: For ultralytics' configuration.

    Raises:
        RestoreError: It is not there and cannot be downloaded, or it is of another network.
    """
    prepare_ultralytics(work_folder)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            importlib.import_module("ultralytics.utils.downloads").attempt_download_asset(str(path))
        except OSError as error:
            raise RestoreError(f"the weights {path.name} are not there and cannot be downloaded: {error}") from error
        if not path.is_file():
            raise RestoreError(f"there are no published weights named {path.name}")
    try:
        given = _stored_network(path, work_folder).state_dict()
    except (OSError, RuntimeError, pickle.UnpicklingError, AttributeError, KeyError) as error:
        raise RestoreError(f"{path.name} holds no weights: {error}") from error
    own = _fresh_network(class_names, work_folder).state_dict()
    fitting = sum(name in given and given[name].shape == value.shape for name, value in own.items())
    if fitting < _FITTING_SHARE * len(own):
        raise RestoreError(f"{path.name} is of another network: {fitting} of {len(own)} tensors fit {ARCHITECTURE}")
    return path


class _Reports:
    """Turns ultralytics' end of an epoch into one `EpochReport` (it fires again after the final evaluation)."""

    def __init__(self, options: TrainingOptions, started: float, on_epoch: Callable[[EpochReport], None]) -> None:
        self.done: list[EpochReport] = []
        self._running = 0
        self._options, self._started, self._on_epoch = options, started, on_epoch

    def begin(self, trainer: Any) -> None:
        """Note which epoch runs: after the last one ultralytics reports one more that never ran."""
        self._running = int(trainer.epoch) + 1

    def record(self, trainer: Any) -> None:
        """Keep and pass on the report of the epoch that just ended."""
        epoch = int(trainer.epoch) + 1
        if epoch != self._running:
            return
        self._running = 0
        losses = {str(name): float(value) for name, value in (trainer.tloss or {}).items()}
        validated = bool(trainer.args.val) or epoch == self._options.epochs
        metrics = {str(k): float(v) for k, v in trainer.metrics.items() if "mAP" in str(k)} if validated else {}
        report = EpochReport(epoch, self._options.epochs, time.monotonic() - self._started, losses, metrics)
        self.done.append(report)
        self._on_epoch(report)


def _plan_validation(trainer: Any, options: TrainingOptions) -> None:
    trainer.args.val = (int(trainer.epoch) + 1) % options.val_every == 0


def _start_one_to_one(trainer: Any, options: TrainingOptions) -> None:
    """Start the one-to-one head over as a copy of the one-to-many head, once, when its time has come.

    Measured on 2,400 simulated parts after 7 epochs: box AP50 0.97 by the one-to-many head, 0.62 by the one-to-one
    head, whose single positive per object is a much rarer signal. The copy only has to learn to drop duplicates.
    """
    if int(trainer.epoch) == round(options.epochs * options.one_to_one_after):
        for network in (trainer.model, trainer.ema.ema):
            copy_heads(network, from_one_to_many=True)


def _stop_if(trainer: Any, should_stop: Callable[[], bool]) -> None:
    if should_stop():
        trainer.stop = True


def _progressive_trainer(options: TrainingOptions) -> Any:
    """Return the class of a segmentation trainer whose batches grow: small, then whole, then padded to the square."""
    base: Any = importlib.import_module("ultralytics.models.yolo.segment").SegmentationTrainer
    small_epochs = round(options.epochs * options.small_share) if options.small_input_px else 0
    square_from = options.epochs - round(options.epochs * options.square_share)

    class ProgressiveTrainer(base):  # type: ignore[misc]
        def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
            batch = super().preprocess_batch(batch)
            if not self.model.training:
                return batch
            if self.epoch < small_epochs:
                return _shrink(batch, options.small_input_px / options.input_px)
            return _pad_to_square(batch) if self.epoch >= square_from else batch

    return ProgressiveTrainer


def _shrink(batch: dict[str, Any], ratio: float) -> dict[str, Any]:
    """Return the batch with pictures and masks shrunk to about `ratio`, down to the next multiple of the stride 32."""
    height, width = (int(side * ratio) // 32 * 32 for side in batch["img"].shape[2:])
    batch["img"] = nn.functional.interpolate(batch["img"], (height, width), mode="bilinear", antialias=True)
    for key in ("masks", "sem_masks"):
        masks = batch[key].float()[:, None]
        batch[key] = nn.functional.interpolate(masks, (height // 4, width // 4), mode="nearest")[:, 0]
    return batch


def _pad_to_square(batch: dict[str, Any]) -> dict[str, Any]:
    """Return the batch with pictures padded in grey on both sides of the shorter side, masks and boxes moved along."""
    height, width = batch["img"].shape[2:]
    side = max(height, width)
    x_px, y_px = (side - width) // 2, (side - height) // 2
    batch["img"] = nn.functional.pad(batch["img"], (x_px, x_px, y_px, y_px), value=114 / 255)
    for key in ("masks", "sem_masks"):
        batch[key] = nn.functional.pad(batch[key], (x_px // 4, x_px // 4, y_px // 4, y_px // 4))
    boxes = batch["bboxes"]  # normalised centre x, centre y, width, height
    scale = boxes.new_tensor([width / side, height / side, width / side, height / side])
    batch["bboxes"] = boxes * scale + boxes.new_tensor([x_px / side, y_px / side, 0.0, 0.0])
    return batch


@contextmanager
def _mixed_precision(*, bfloat16: bool) -> Iterator[None]:
    """Run the network in bfloat16 (if wanted) and the loss in float32 while this is open.

    ultralytics itself refuses bfloat16 on CPUs, where it doubles the speed of training (AVX512_BF16). The loss stays
    out of it: bfloat16 keeps 8 bits, so that the matching of boxes to anchors, made of small differences, would suffer.
    """
    model_class = importlib.import_module("ultralytics.nn.tasks").SegmentationModel
    original = model_class.loss

    def loss(self: Any, batch: Any, preds: Any = None) -> Any:
        device = batch["img"].device.type
        if preds is None:
            pixels = batch["img"].contiguous(memory_format=torch.channels_last)
            with torch.autocast(device, dtype=torch.bfloat16, enabled=bfloat16):
                preds = self.forward(pixels)
        with torch.autocast(device, enabled=False):
            return original(self, batch, _to_float32(preds))

    model_class.loss = loss
    try:
        yield
    finally:
        model_class.loss = original


def _to_float32(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: _to_float32(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_to_float32(item) for item in value)
    return value
