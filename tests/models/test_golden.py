"""Opening a bundle for the line: tested, and in f32 where a faster precision does not hold on this processor."""

import shutil
from pathlib import Path

import pytest

from models.bundle import Bundle, seal_bundle
from models.errors import BundleError
from models.golden import open_tested_runtime
from models.manifest import Artefact
from tests.tiny_bundle import build_tiny_bundle


@pytest.fixture
def broken_int8(tmp_path: Path) -> Bundle:
    """A bundle whose 8-bit network finds nothing any more."""
    bundle = build_tiny_bundle(tmp_path / "good")
    blind = build_tiny_bundle(tmp_path / "blind", score_shift=-0.9, with_golden=False)
    shutil.copytree(blind.root / "openvino" / "fp16", bundle.root / "openvino" / "int8")
    int8 = Artefact(path="openvino/int8/model.xml", precision="int8", score_tolerance=0.05)
    return seal_bundle(bundle.root, bundle.manifest.model_copy(update={"openvino_int8": int8}))


def test_f32_runs_and_says_why_when_int8_fails_its_self_test(broken_int8: Bundle) -> None:
    runtime = open_tested_runtime(broken_int8, backend="openvino", precision="int8", device="AUTO")
    assert str(runtime.description) == "openvino:CPU:f32"
    assert "int8 is not usable on this processor: self-test" in str(runtime.description.fallback_reason)


def test_nothing_is_said_when_the_precision_asked_for_holds(broken_int8: Bundle) -> None:
    runtime = open_tested_runtime(broken_int8, backend="openvino", precision="f32", device="AUTO")
    assert (runtime.description.precision, runtime.description.fallback_reason) == ("f32", None)


def test_refused_when_f32_fails_too(broken_int8: Bundle) -> None:
    shutil.copytree(broken_int8.root / "openvino" / "int8", broken_int8.root / "openvino" / "fp16", dirs_exist_ok=True)
    blind = seal_bundle(broken_int8.root, broken_int8.manifest)
    with pytest.raises(BundleError, match="came out pass, expected fail"):
        open_tested_runtime(blind, backend="openvino", precision="int8", device="AUTO")
