"""Packed weights are nearly those that were packed, and the ones at hand know a defect when they see one."""

import io
import lzma
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from flows.tasks.packed_weights import pack_weights, unpack_weights
from flows.tasks.restore_weights import RestoreError
from flows.tasks.simulated_dataset import write_surface_dataset
from flows.tasks.surface_figures import part_auroc
from flows.tasks.surface_network import NOT_LEARNED, SurfaceNetwork
from flows.tasks.surface_restore import read_weights, restore_state
from flows.tasks.trainers import weights_at_hand

pytestmark = pytest.mark.training


def test_each_filter_is_off_by_half_a_step_at_most_when_packed(tmp_path: Path) -> None:
    torch.manual_seed(3)
    weights = SurfaceNetwork(2).state_dict()
    left_out = (*NOT_LEARNED, "adapted.")
    learned = {name: value for name, value in weights.items() if not name.startswith(left_out)}
    torch.save({"classes": ["crack", "dent"], "weights": weights}, tmp_path / "trained.pt")
    size = pack_weights(tmp_path / "trained.pt", tmp_path / "packed.xz")
    content = unpack_weights(tmp_path / "packed.xz")
    assert content["classes"] == ["crack", "dent"]
    assert size < 0.2 * sum(value.nbytes for value in learned.values())
    assert not [name for name in content["weights"] if name not in learned]
    for name, value in learned.items():
        if value.ndim == 4:
            largest = value.abs().amax(dim=(1, 2, 3), keepdim=True)
            assert ((content["weights"][name] - value).abs() <= 0.51 * largest / 31 + 1e-6).all(), name
        elif value.is_floating_point():
            assert torch.allclose(content["weights"][name], value, rtol=1e-3, atol=1e-6), name


def test_weights_at_hand_tell_defective_surfaces_from_good_ones_when_they_never_saw_them(tmp_path: Path) -> None:
    path = weights_at_hand("surface_map", None, (), tmp_path)
    assert path is not None
    content = read_weights(path)
    network = SurfaceNetwork(len(content["classes"]))
    restore_state(network, content, content["classes"])
    pictures = write_surface_dataset(tmp_path, seed=20_261_126, count=60).pictures
    found = part_auroc(network.eval(), pictures, (256, 256))
    assert found is not None
    assert found > 0.8
    assert weights_at_hand("one_to_many", None, (), tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"not compressed", lzma.compress(b"no archive")])
def test_said_which_file_when_packed_weights_are_damaged(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.xz"
    path.write_bytes(content)
    with pytest.raises(RestoreError, match=r"damaged\.xz"):
        read_weights(path)


def test_nothing_is_executed_when_packed_weights_hold_an_object(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.array([print], dtype=object))
    (tmp_path / "evil.xz").write_bytes(lzma.compress(buffer.getvalue()))
    with pytest.raises(RestoreError, match="evil"):
        read_weights(tmp_path / "evil.xz")
