"""The same network and pictures in other people's pipelines, each in a process of its own.

ultralytics (AGPL-3.0) is never imported here: its command line runs, as anybody would start it. What a picture costs
is the difference of two runs, so that start, imports and loading do not count.
"""

import re
import shutil
import subprocess
import sys
import tempfile
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

_FEW = 20
_DEADLINE_S = 300
# The command `yolo`, after our trainer has made it quiet and offline, and mended a torchvision of another make.
_START = (
    "import runpy, sys; from pathlib import Path; from flows.tasks.ultralytics_trainer import prepare_ultralytics;"
    "prepare_ultralytics(Path(sys.argv[1])); sys.argv = sys.argv[2:];"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
_SPEED = re.compile(r"Speed: ([\d.]+)ms preprocess, ([\d.]+)ms inference, ([\d.]+)ms postprocess")


@dataclass(frozen=True)
class PeerResult:
    """What a picture costs elsewhere; milliseconds.

    Attributes:
        name: Who, and on what.
        picture_ms: From the file to the result, one picture after the other.
        own_ms: What it says of itself: pre-processing, inference, post-processing (decoding is not in it).
    """

    name: str
    picture_ms: float
    own_ms: tuple[float, float, float] | None


def measure_peers(bundle: Bundle, pictures: Sequence[bytes], rounds: int) -> list[PeerResult]:
    """`yolo predict` with ONNX Runtime and with OpenVINO on the bundle's float network.

    Args:
        bundle: The bundle.
        pictures: Encoded pictures, used by turns.
        rounds: Pictures by which the longer run exceeds the shorter one.
    """
    yolo = shutil.which("yolo", path=str(Path(sys.executable).parent))
    if yolo is None:
        return []
    found: list[PeerResult] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        few, many = (_folder(folder / str(n), pictures, n) for n in (_FEW, _FEW + rounds))
        for name, model in _models(bundle, folder).items():
            short_s, _ = _run(yolo, model, few, folder)
            long_s, said = _run(yolo, model, many, folder)
            speed = _SPEED.search(said)
            own_ms = (float(speed[1]), float(speed[2]), float(speed[3])) if speed else None
            found.append(PeerResult(f"ultralytics `yolo predict`, {name}", (long_s - short_s) * 1e3 / rounds, own_ms))
    return found


def peers_table(peers: Sequence[PeerResult], ours_ms: dict[str, float]) -> str:
    """The peers beside ours.

    Args:
        peers: As measured.
        ours_ms: Our own way from the bytes to the verdict in the same run, by name.
    """
    rows = [[name, f"{ms:.1f}", "-", "-"] for name, ms in ours_ms.items()]
    least_ms = min(ours_ms.values(), default=float("nan"))
    for one in peers:
        own = "-" if one.own_ms is None else " + ".join(f"{ms:.1f}" for ms in one.own_ms)
        rows.append([one.name, f"{one.picture_ms:.1f}", own, f"**{one.picture_ms / least_ms:.2f}**"])
    return table(["pipeline, f32", "ms per picture", "as it says: pre + network + post", "against our best"], rows)


def _folder(folder: Path, pictures: Sequence[bytes], number: int) -> Path:
    folder.mkdir()
    for index in range(number):
        (folder / f"{index:05d}.jpg").write_bytes(pictures[index % len(pictures)])
    return folder


def _run(yolo: str, model: Path, source: Path, scratch: Path) -> tuple[float, str]:
    task = ["predict", "task=segment", f"model={model}", f"source={source}", "save=False", "device=cpu", "verbose=True"]
    command = [sys.executable, "-c", _START, str(scratch), yolo, *task, f"project={scratch}"]
    started_s = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"yolo predict ended with {done.returncode}: {done.stderr[-500:]}")
    return time.monotonic() - started_s, done.stdout + done.stderr


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
