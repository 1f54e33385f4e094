"""The same server through a client of another make; skipped where `make opcua-client` could not fetch it."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from opcua.nodes import REFERENCE_NODES, ordered_nodes
from tests.opcua.client import CLIENT_URI, Pki
from tests.opcua.plant import DEADLINE_S, PlantUnderTest, wait_until
from tests.opcua.test_nodes import RED
from tests.serving.conftest import PASSWORD

_FOLDER = Path(__file__).with_name("node_client")
_IS_THERE = (_FOLDER / "node_modules" / ".fetched").is_file() and shutil.which("node") is not None
_STATION = "node-1"


@pytest.mark.skipif(not _IS_THERE, reason="needs node-opcua-client (make opcua-client)")
async def test_another_client_sees_what_is_documented_when_it_comes(
    shared: PlantUnderTest, pki: Pki, trusted: Path, tmp_path: Path
) -> None:
    await asyncio.to_thread(shared.call, "PUT", f"/stations/{_STATION}", json={})
    names = f"station/{_STATION}"
    await asyncio.to_thread(wait_until, lambda: names in shared.call("GET", "/opcua/status")["nodes"], names)
    stranger = pki.make("node-stranger", trusted=False)
    wanted = {
        "endpoint": shared.endpoint,
        "certificate": str(_pem(trusted, tmp_path)),
        "key": str(trusted.with_suffix(".pem")),
        "stranger": str(_pem(stranger, tmp_path)),
        "strangerKey": str(stranger.with_suffix(".pem")),
        "uri": CLIENT_URI,
        "user": "operator",
        "password": PASSWORD,
        "station": _STATION,
    }
    told = await _run(shared, wanted)
    stored = await asyncio.to_thread(shared.call, "GET", f"/inspect/{told['inspectionId']}")
    assert set(REFERENCE_NODES) <= set(told["types"])
    assert told["types"] == {spec.name: spec.type.name for spec in ordered_nodes()}
    assert (told["status"], told["called"], stored["part_id"]) == ("Good", stored["decision"], "SN-node")
    assert (told["decision"], told["quality"], told["counters"]) == ("fail", "Good", [0, 1, 2])
    assert [found[1:] for found in told["bad"]] == [["SN-bad", 500]]
    assert told["past"] == ["SN-node", "SN-bad"]
    assert "BadUserAccessDenied" in told["written"]
    for who in ("wrongPassword", "anonymous", "unknownCertificate"):
        assert told[who] != "came in"


async def _run(shared: PlantUnderTest, wanted: dict[str, str]) -> Any:
    """What the client tells at its end; a bad part is inspected as soon as it is ready."""
    process = await asyncio.create_subprocess_exec(
        "node",
        _FOLDER / "client.mjs",
        json.dumps(wanted),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(3 * DEADLINE_S):
            while (line := (await process.stdout.readline()).decode()) and not line.startswith("{"):
                if line.strip() == "READY":
                    await asyncio.to_thread(shared.inspect, RED, _STATION, "SN-bad")
            assert line, (await process.stderr.read()).decode()
            return json.loads(line)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _pem(path: Path, folder: Path) -> Path:
    made = folder / f"{path.stem}.pem"
    content = x509.load_der_x509_certificate(path.read_bytes())
    made.write_bytes(content.public_bytes(Encoding.PEM))
    return made
