"""The same network and pictures in other people's pipelines, each in a process of its own.

ultralytics (AGPL-3.0) is never imported here: its command line runs, as anybody would start it, and says a line per
picture. What a picture costs is the time between two of them, so that start, imports and loading do not count.
"""

import itertools
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
from onnx import TensorProto, helper, numpy_helper

from models.bundle import Bundle
from tests.bench.report import table

_SETTLING = 20
_DEADLINE_S = 300
# The command `yolo`, after our trainer has made it offline, and mended a torchvision of another make. The trainer
# makes it quiet too; here it speaks as it does by itself.
_START = (
    "import logging, runpy, sys; from pathlib import Path;"
    "from flows.tasks.ultralytics_trainer import prepare_ultralytics;"
    "prepare_ultralytics(Path(sys.argv[1])); sys.argv = sys.argv[2:]; log = logging.getLogger('ultralytics');"
    "[one.setLevel(logging.INFO) for one in (log, *log.handlers)];"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
_PICTURE = re.compile(r"^image \d+/\d+ .*?: \d+x\d+ (.*), [\d.]+ms$")
_SPEED = re.compile(r"Speed: ([\d.]+)ms preprocess, ([\d.]+)ms inference, ([\d.]+)ms postprocess")


@dataclass(frozen=True)
class PeerResult:
    """What a picture costs elsewhere; milliseconds.

    Attributes:
        name: Who, and on what.
        picture_ms: From the file to the result, one picture after the other, median.
        finds: Pictures on which it found something, of `pictures`.
        pictures: Pictures that were looked at, those included during which it settled.
        own_ms: What it says of itself: pre-processing, inference, post-processing (decoding is not in it).
    """

    name: str
    picture_ms: float
    finds: int
    pictures: int
    own_ms: tuple[float, float, float] | None


def measure_peers(bundle: Bundle, pictures: Sequence[bytes], rounds: int) -> list[PeerResult]:
    """`yolo predict` with ONNX Runtime and with OpenVINO on the bundle's float network.

    Args:
        bundle: The bundle.
        pictures: Encoded pictures, used by turns.
        rounds: Pictures that count.
    """
    yolo = shutil.which("yolo", path=str(Path(sys.executable).parent))
    if yolo is None:
        return []
    found: list[PeerResult] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = _folder(folder / "pictures", pictures, _SETTLING + rounds)
        for name, model in _models(bundle, folder).items():
            found.append(_run(f"ultralytics `yolo predict`, {name}", yolo, model, source, folder))
    return found


def peers_table(peers: Sequence[PeerResult], ours_ms: dict[str, float]) -> str:
    """The peers beside ours.

    Args:
        peers: As measured.
        ours_ms: Our own way from the bytes to the verdict in the same run, by name.
    """
    rows = [[name, f"{ms:.1f}", "-", "-", "-"] for name, ms in ours_ms.items()]
    least_ms = min(ours_ms.values(), default=float("nan"))
    for one in peers:
        own = "-" if one.own_ms is None else " + ".join(f"{ms:.1f}" for ms in one.own_ms)
        against = f"**{one.picture_ms / least_ms:.2f}**"
        rows.append([one.name, f"{one.picture_ms:.1f}", own, f"{one.finds} of {one.pictures}", against])
    head = ["pipeline, f32", "ms per picture", "as it says: pre + network + post", "finds", "against our best"]
    return table(head, rows)


def _folder(folder: Path, pictures: Sequence[bytes], number: int) -> Path:
    folder.mkdir()
    for index in range(number):
        (folder / f"{index:05d}.jpg").write_bytes(pictures[index % len(pictures)])
    return folder


def _run(name: str, yolo: str, model: Path, source: Path, scratch: Path) -> PeerResult:
    task = ["predict", "task=segment", f"model={model}", f"source={source}", "save=False", "device=cpu", "verbose=True"]
    command = [sys.executable, "-u", "-c", _START, str(scratch), yolo, *task, f"project={scratch}"]
    said: list[str] = []
    looked: list[tuple[float, str]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        deadline = threading.Timer(_DEADLINE_S, process.kill)
        deadline.start()
        for line in process.stdout or ():
            said.append(line)
            if picture := _PICTURE.match(line.strip()):
                looked.append((time.perf_counter(), picture[1]))
        deadline.cancel()
    if process.returncode != 0 or len(looked) <= _SETTLING + 1:
        raise RuntimeError(f"yolo predict ended with {process.returncode}: {''.join(said)[-500:]}")
    times_s = [moment for moment, _ in looked[_SETTLING:]]
    each_ms = [(after - before) * 1e3 for before, after in itertools.pairwise(times_s)]
    speed = _SPEED.search("".join(said))
    own_ms = (float(speed[1]), float(speed[2]), float(speed[3])) if speed else None
    finds = sum(found != "(no detections)" for _, found in looked)
    return PeerResult(name, statistics.median(each_ms), finds, len(looked), own_ms)


def _models(bundle: Bundle, folder: Path) -> dict[str, Path]:
    """The network with its output as ultralytics exports it: centre and size of boxes, values before places."""
    network = onnx.load(str(bundle.path_of(bundle.manifest.onnx)))
    raw = network.graph.output[0]
    places, values = (dim.dim_value for dim in raw.type.tensor_type.shape.dim[1:])
    to_centre = np.eye(values, dtype=np.float32)
    to_centre[:4, :4] = [[0.5, 0, -1, 0], [0, 0.5, 0, -1], [0.5, 0, 1, 0], [0, 0.5, 0, 1]]
    network.graph.initializer.append(numpy_helper.from_array(to_centre, "to_centre"))
    network.graph.node.append(helper.make_node("MatMul", [raw.name, "to_centre"], ["centred"]))
    network.graph.node.append(helper.make_node("Transpose", ["centred"], ["predictions"], perm=[0, 2, 1]))
    protos = network.graph.output[1]
    del network.graph.output[:]
    network.graph.output.extend(
        [helper.make_tensor_value_info("predictions", TensorProto.FLOAT, [1, values, places]), protos]
    )
    height, width = bundle.manifest.input.shape_hw
    names = dict(enumerate(bundle.manifest.classes))
    about = {"task": "segment", "names": str(names), "imgsz": str([height, width]), "stride": "32", "batch": "1"}
    for key, value in about.items():
        network.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    path = folder / "network.onnx"
    onnx.save(network, str(path))
    (openvino := folder / "network_openvino_model").mkdir()
    ov.save_model(ov.convert_model(str(path)), str(openvino / "network.xml"), compress_to_fp16=False)
    (openvino / "metadata.yaml").write_text("".join(f"{key}: {value}\n" for key, value in about.items()))
    return {"ONNX Runtime": path, "OpenVINO": openvino}
