"""No library reports to its maker: nothing is looked up, nobody is forked, nothing is left in the home folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.bundle import Bundle
from tests.mlflow_server import ROOT

_HOOK = """
import os, sys
def look(event, _):
    if event in {"os.fork", "socket.getaddrinfo"}:
        os.write(2, f"seen: {event}".encode())
        os._exit(3)  # an exception could be caught by whoever reports
sys.addaudithook(look)
"""
_RUNTIMES = """
from pathlib import Path
from models.bundle import load_bundle
from models.runtime import open_runtime
bundle = load_bundle(Path(sys.argv[1]))
open_runtime(bundle, backend="onnxruntime").warm_up()
open_runtime(bundle).warm_up()
"""
_CONVERSION = """
from pathlib import Path
import numpy as np
from flows.tasks import convert_openvino as c
from flows.tasks.coco import Picture
from models.bundle import load_bundle
bundle = load_bundle(Path(sys.argv[1]))
onnx, out = bundle.path_of(bundle.manifest.onnx), Path(sys.argv[2])
c.convert_fp16(onnx, out / "fp16")
pictures = [Picture(bundle.root / g.path, (64, 64)) for g in bundle.manifest.golden]
c.convert_int8(onnx, out / "int8", pictures, bundle.manifest.input, c.QUANTISATIONS[0])
"""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import serving.main", id="api"),
        pytest.param("import serving.openvino.service", id="openvino-endpoints"),
        pytest.param("import registry.rest, models.runtime", id="registry"),
        pytest.param(_RUNTIMES, id="runtimes"),
        pytest.param(_CONVERSION, id="conversion", marks=[pytest.mark.training, pytest.mark.slow]),
    ],
)
def test_nobody_outside_hears_of_it_when_it_runs(code: str, tiny_bundle: Bundle, tmp_path: Path) -> None:
    if "convert" in code:
        pytest.importorskip("nncf", reason="needs the train extra")
    home = tmp_path / "home"
    home.mkdir()
    # As on a person's machine: `CI` turns one of the two off by itself.
    environment = {k: v for k, v in os.environ.items() if k not in {"CI", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"}}
    done = subprocess.run(
        [sys.executable, "-c", _HOOK + code, str(tiny_bundle.root), str(tmp_path)],
        cwd=ROOT,
        env={**environment, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "seen:" not in done.stderr
    left = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert not {path for path in left if "onnxruntime" in path or "intel" in path}, left
