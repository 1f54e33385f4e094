"""The same server through a client of another make; skipped where `node-opcua-client` is not installed.

`USSOP_NODE_OPCUA` names a folder in which `npm install node-opcua-client` was run.
"""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from opcua.nodes import REFERENCE_NODES
from tests.opcua.client import CLIENT_URI, Pki
from tests.opcua.plant import PlantUnderTest, wait_until
from tests.serving.conftest import PASSWORD

_SCRIPT = Path(__file__).with_name("node_client.mjs")
_FOLDER = Path(os.environ.get("USSOP_NODE_OPCUA", "/nowhere"))


@pytest.mark.skipif(not (_FOLDER / "node_modules").is_dir(), reason="needs node-opcua-client (set USSOP_NODE_OPCUA)")
async def test_another_client_reads_triggers_and_looks_back_when_trusted(
    shared: PlantUnderTest, pki: Pki, trusted: Path, tmp_path: Path
) -> None:
    await asyncio.to_thread(shared.call, "PUT", "/stations/node-1", json={})
    names = "station/node-1"
    await asyncio.to_thread(wait_until, lambda: names in shared.call("GET", "/opcua/status")["nodes"], names)
    certificate = tmp_path / "plc.pem"
    content = await asyncio.to_thread(_certificate, trusted)
    certificate.write_bytes(content.public_bytes(Encoding.PEM))
    script = tmp_path / "node_client.mjs"
    shutil.copy(_SCRIPT, script)
    (tmp_path / "node_modules").symlink_to(_FOLDER / "node_modules")
    key = trusted.with_suffix(".pem")
    command: list[str | Path] = [
        "node",
        script,
        shared.endpoint,
        certificate,
        key,
        CLIENT_URI,
        "operator",
        PASSWORD,
        "node-1",
    ]
    done = await asyncio.to_thread(_run, command)
    assert done.returncode == 0, done.stderr
    told = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    stored = await asyncio.to_thread(shared.call, "GET", f"/inspect/{told['inspectionId']}")
    assert set(REFERENCE_NODES) <= set(told["names"])
    assert (told["status"], told["quality"], told["counter"], told["past"]) == ("Good", "Good", 1, 1)
    assert (told["decision"], stored["part_id"]) == (stored["decision"], "SN-node")


def _run(command: "list[str | Path]") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_der_x509_certificate(path.read_bytes())
