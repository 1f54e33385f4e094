"""A disk that is really full: inspections are refused, nothing is lost, and room is all it takes to go on."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.database import open_database
from serving.media.store import MediaStore
from serving.settings import Settings
from tests.faults.killable import environment_of
from tests.faults.line import until
from tests.pictures import png_bytes, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in
from tests.serving.storage.stock import Stock

DISK_MB = 48
RESERVE_MB = 8
OLD_PICTURES = 6
_MB = 2**20
_MOUNT = "mount -t tmpfs -o size={size}m tmpfs {folder} && cp -a {source}/. {folder}/ && exec {python} -m serving.main"
_TRY = "mount -t tmpfs -o size=1m tmpfs {folder}"


def _can_mount(folder: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--mount", "sh", "-c", _TRY.format(folder=folder)]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


@dataclass
class FullDisk:
    """The API with its data on a small disk of its own, and somebody else's files beside them."""

    client: httpx.Client
    folder: Path  # as seen from outside
    acknowledged: dict[str, str] = field(default_factory=dict)
    _sent: int = 0

    def fill(self, leave_mb: int) -> None:
        """Takes all but so much of the disk."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            while (missing := self.free_bytes - leave_mb * _MB) > 0:
                filler.write(b"x" * min(_MB, missing))

    def empty(self) -> None:
        """Gives it back."""
        (self.folder / "filler").unlink()

    @property
    def free_bytes(self) -> int:
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

    def inspect(self) -> httpx.Response:
        """The answer to a picture that nobody has sent before."""
        self._sent += 1
        data = png_bytes(square_picture("red", at_xy=(self._sent % 40, self._sent // 40)))
        answer = self.client.post("/api/v1/inspect", files={"file": ("x.png", data)})
        if answer.status_code == 200:
            self.acknowledged[answer.json()["id"]] = hashlib.sha256(data).hexdigest()
        return answer

    def open_alerts(self) -> set[str]:
        alerts = self.client.get("/api/v1/alerts").json()["alerts"]
        return {alert["title"] for alert in alerts if alert["resolved_at"] is None}

    def clean_up(self) -> dict[str, Any]:
        """Drives a pass of retention to its end."""
        path = "/api/v1/storage/retention/passes"
        done: dict[str, Any] = self.client.post(path, json={"allow_more": True}).raise_for_status().json()
        while done["state"] == "running":
            done = self.client.post(f"{path}/{done['id']}/chunks").raise_for_status().json()
        return done


@pytest.fixture
def disk(settings: Settings, tmp_path: Path) -> Iterator[FullDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if not _can_mount(folder):
        pytest.skip("this user may not mount a disk of its own")
    database, media = open_database(settings), MediaStore(settings.media_dir)
    media.prepare()
    Stock(database, media, content=b"\xff\xd8\xff" + b"x" * _MB).add("pass", 100, count=OLD_PICTURES)
    database.close()
    environment = environment_of(
        settings,
        DATA_DIR=str(folder),
        INFERENCE_WORKERS="1",
        STORAGE_RESERVE_MB=str(RESERVE_MB),
        STORAGE_ALARM_FREE_PERCENT="20",
    )
    script = _MOUNT.format(size=DISK_MB, folder=folder, source=settings.data_dir, python=sys.executable)
    with (tmp_path / "api.log").open("ab") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script], env=os.environ | environment, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{environment['API_PORT']}"
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            until(lambda: _is_healthy(client), "the API is healthy")
            client.headers.update(bearer(log_in(client, "admin")))
            yield FullDisk(client, Path(f"/proc/{process.pid}/root{folder}"))
    finally:
        process.terminate()
        process.wait(30)


def _is_healthy(client: httpx.Client) -> bool:
    try:
        return client.get("/api/v1/health").status_code == 200
    except httpx.TransportError:
        return False


def assert_every_acknowledged_picture_is_there(disk: FullDisk) -> None:
    for inspection_id, digest in disk.acknowledged.items():
        record = disk.client.get(f"/api/v1/inspect/{inspection_id}").json()
        assert hashlib.sha256(disk.client.get(record["image_url"]).content).hexdigest() == digest
    total = disk.client.get("/api/v1/inspections").json()["total"]
    assert total == len(disk.acknowledged) + OLD_PICTURES


@pytest.mark.slow
@pytest.mark.prove("durability", "a small disk of its own, full to the last byte, and empty again")
def test_line_goes_on_by_itself_when_a_full_disk_has_room_again(disk: FullDisk, proof: Proof) -> None:
    assert disk.inspect().status_code == 200
    assert disk.open_alerts() == set()

    disk.fill(leave_mb=RESERVE_MB - 1)
    answer = disk.inspect()
    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    assert "Retry-After" in answer.headers
    until(lambda: disk.open_alerts() == {"Storage failing", "Little free disk"}, "both alerts are raised")
    assert disk.client.get("/api/v1/storage/usage").json()["is_low"]

    done = disk.clean_up()  # which needs room itself: that is what the reserve is for
    assert (done["deleted"], done["failed"]) == (OLD_PICTURES, 0)
    assert done["deleted_bytes"] > OLD_PICTURES * _MB
    assert disk.inspect().status_code == 200
    until(lambda: "Storage failing" not in disk.open_alerts(), "the alert of the pictures ends")

    disk.fill(leave_mb=0)  # now somebody takes the reserve too
    refused = [disk.inspect() for _ in range(20)]
    assert {answer.status_code for answer in refused} == {503}
    assert disk.client.get("/api/v1/inspections").status_code == 200
    disk.empty()
    assert [disk.inspect().status_code for _ in range(20)] == [200] * 20
    until(lambda: disk.open_alerts() == set(), "every alert ends")
    proof.note(disk_mib=DISK_MB, acknowledged=len(disk.acknowledged), refused=len(refused) + 1)
    assert_every_acknowledged_picture_is_there(disk)
