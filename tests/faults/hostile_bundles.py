"""Bundles that nobody should load: corrupt ones, and whole ones with a network made to harm whoever opens it."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.bundle import Bundle, seal_bundle
from models.errors import BundleError
from tests.tiny_bundle import Fault, tiny_network

Change = Callable[[Path], None]
_INT, _FLOAT = TensorProto.INT64, TensorProto.FLOAT


def _network(change: Callable[[onnx.ModelProto], None]) -> Change:
    """The tiny network after a change, saved without a look at whether it still makes sense."""

    def write(root: Path) -> None:
        network = tiny_network()
        change(network)
        (root / "model.onnx").write_bytes(network.SerializeToString())

    return write


def _before_output(*nodes: onnx.NodeProto, **constants: Any) -> Change:
    """The nodes run and what they give as `extra` (a float) is added to the scores."""

    def change(network: onnx.ModelProto) -> None:
        graph = network.graph
        graph.initializer.extend(numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items())
        kept = list(graph.node)
        for node in kept:
            node.output[:] = ["clipped_before" if name == "clipped" else name for name in node.output]
        add = helper.make_node("Add", ["clipped_before", "extra"], ["clipped"])
        del graph.node[:]
        place = next(i for i, node in enumerate(kept) if "clipped_before" in node.output) + 1
        graph.node.extend([*kept[:place], *nodes, add, *kept[place:]])

    return _network(change)


def _sum_of_filled(*shape: int) -> Change:
    return _before_output(
        helper.make_node("ConstantOfShape", ["big"], ["filled"]),
        helper.make_node("ReduceSum", ["filled"], ["extra"], keepdims=0),
        big=np.array(shape, np.int64),
    )


def _endless_loop() -> Change:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["condition"], ["condition_out"]),
            helper.make_node("Add", ["carried", "tiny_step"], ["carried_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", _INT, []),
            helper.make_tensor_value_info("condition", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", _FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("condition_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried_out", _FLOAT, []),
        ],
    )
    loop = helper.make_node("Loop", ["rounds", "go_on", "start"], ["extra"], body=body)
    constants = {
        "rounds": np.int64(2**62),
        "go_on": np.ones((), np.bool_),
        "start": np.float32(0),
        "tiny_step": np.float32(0),
    }
    return _before_output(loop, **constants)


def _nonsense(fault: Fault) -> Change:
    return lambda root: onnx.save(tiny_network(fault=fault), root / "model.onnx")


def _chain_of_functions(depth: int) -> Change:
    def change(network: onnx.ModelProto) -> None:
        opset = [helper.make_opsetid("", 17), helper.make_opsetid("deep", 1)]
        for level in range(depth):
            name = "Identity" if level == 0 else f"f{level - 1}"
            node = helper.make_node(name, ["x"], ["y"], domain="" if level == 0 else "deep")
            network.functions.append(helper.make_function("deep", f"f{level}", ["x"], ["y"], [node], opset))
        network.opset_import.append(helper.make_opsetid("deep", 1))
        first = network.graph.node[0]
        first.input[0] = "images_deep"
        network.graph.node.insert(0, helper.make_node(f"f{depth - 1}", ["images"], ["images_deep"], domain="deep"))

    return _network(change)


def _external(location: str) -> Change:
    def change(network: onnx.ModelProto) -> None:
        tensor = next(each for each in network.graph.initializer if each.name == "boxes")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "1024")):
            tensor.external_data.add(key=key, value=value)

    return _network(change)


def _input_sized(*shape: int) -> Change:
    def change(network: onnx.ModelProto) -> None:
        for dim, size in zip(network.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
            dim.dim_value = size

    return _network(change)


def _custom_operator(network: onnx.ModelProto) -> None:
    network.graph.node[0].domain = "evil.example"
    network.opset_import.append(helper.make_opsetid("evil.example", 1))


def _cycle(network: onnx.ModelProto) -> None:
    network.graph.node[0].input[0] = network.graph.node[-1].output[0]


def _no_outputs(network: onnx.ModelProto) -> None:
    del network.graph.output[:]


def _other_type(network: onnx.ModelProto) -> None:
    network.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def _giant_claim(network: onnx.ModelProto) -> None:
    tensor = next(each for each in network.graph.initializer if each.name == "boxes")
    tensor.dims[:] = [2**31, 2**31, 4]


def _cut(share: float) -> Change:
    def write(root: Path) -> None:
        data = (root / "model.onnx").read_bytes()
        (root / "model.onnx").write_bytes(data[: int(len(data) * share)])

    return write


def _flipped(seed: int) -> Change:
    def write(root: Path) -> None:
        data, chance = bytearray((root / "model.onnx").read_bytes()), random.Random(seed)  # noqa: S311
        for _ in range(20):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (root / "model.onnx").write_bytes(data)

    return write


def _bytes(content: bytes) -> Change:
    return lambda root: void((root / "model.onnx").write_bytes(content))


def void(_: object) -> None:
    """Nothing: lets an expression be a change."""


# Sealed after the change: every hash holds, and only running the network shows what it is.
NETWORKS: dict[str, Change] = {
    "empty file": _bytes(b""),
    "text": _bytes(b"#!/bin/sh\nrm -rf /\n" * 40),
    "noise": _bytes(random.Random(1).randbytes(20_000)),  # noqa: S311
    "cut in half": _cut(0.5),
    "last bytes missing": _cut(0.98),
    **{f"twenty bits flipped ({seed})": _flipped(seed) for seed in range(6)},
    "weights in /etc/passwd": _external("/etc/passwd"),
    "weights above the folder": _external("../../../../etc/passwd"),
    "weights in a file that is not there": _external("weights.bin"),
    "endless loop": _endless_loop(),
    "4 TiB of constants": _sum_of_filled(2**20, 2**20),
    "64 GiB of constants": _sum_of_filled(2**34),
    "dimensions that overflow": _sum_of_filled(2**62, 2**62),
    "input of 2^31 pixels": _input_sized(1, 3, 2**31 - 1, 2**31 - 1),
    "input of another size": _input_sized(1, 3, 32, 32),
    "initialiser that claims 2^64 values": _network(_giant_claim),
    "numbers that are none": _nonsense("nan"),
    "negative scores": _nonsense("negative_scores"),
    "an output missing": _nonsense("missing_prototypes"),
    "chain of 3,000 functions": _chain_of_functions(3000),
    "operator that nobody has": _network(_custom_operator),
    "cycle": _network(_cycle),
    "no outputs": _network(_no_outputs),
    "text as input": _network(_other_type),
}


def _unlisted(root: Path) -> None:
    (root / "more.bin").write_bytes(b"x")


def _missing(root: Path) -> None:
    (root / "golden" / "good.png").unlink()


def _symbolic(root: Path) -> None:
    shutil.move(root / "model.onnx", root.parent / f"{root.name}.onnx")
    (root / "model.onnx").symlink_to(root.parent / f"{root.name}.onnx")


def _hard(root: Path) -> None:
    os.link(root / "model.onnx", root.parent / f"{root.name}.hard")


def _pipe(root: Path) -> None:
    (root / "model.onnx").unlink()
    os.mkfifo(root / "model.onnx")


def _deep_manifest(root: Path) -> None:
    (root / "manifest.json").write_text("[" * 200_000, encoding="ascii")


def _other_manifest(root: Path) -> None:
    (root / "manifest.json").write_bytes(b"\xff\xfe\x00")


# Not sealed again: the manifest no longer fits the files.
FOLDERS: dict[str, Change] = {
    "file that the manifest does not list": _unlisted,
    "file missing": _missing,
    "symbolic link": _symbolic,
    "hard link": _hard,
    "pipe in place of the network": _pipe,
    "manifest of 200,000 brackets": _deep_manifest,
    "manifest that is no text": _other_manifest,
    "network changed": _flipped(99),
}


def make_hostile(name: str, source: Bundle, root: Path) -> Path:
    """The folder of a hostile bundle."""
    shutil.copytree(source.root, root)
    if name in FOLDERS:
        seal_bundle(root, source.manifest.model_copy(update={"version": f"broken-{list(FOLDERS).index(name)}"}))
        FOLDERS[name](root)
        return root
    # Only the ONNX file: what the IR says would be harmless.
    shutil.rmtree(root / "openvino")
    NETWORKS[name](root)
    manifest = source.manifest.model_copy(update={"openvino_fp16": None, "openvino_int8": None})
    try:
        seal_bundle(root, manifest)
    except BundleError as error:  # the tests want a sealed one
        raise AssertionError(name) from error
    return root
