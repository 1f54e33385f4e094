"""`ussop dataset` against a running API."""

import zipfile
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from serving.command.dataset import app as dataset
from serving.errors import InvalidRequest, NotAuthenticated, StorageUnavailable
from tests.serving.conftest import PASSWORD
from tests.serving.datasets.archives import coco_files


def _call(client: httpx.Client, *arguments: str, password: str = PASSWORD) -> str:
    options = ["--username", "engineer", "--url", str(client.base_url)]
    result = CliRunner().invoke(
        dataset, [*arguments, *options], env={"USSOP_PASSWORD": password}, catch_exceptions=False
    )
    return result.output


@pytest.fixture(autouse=True)
def _no_settings_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_folder_goes_in_and_comes_out_when_called(client: httpx.Client, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    for name, content in coco_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    output = _call(client, "import", str(folder))
    assert "finished: 3 new, 0 there already, 1 good parts, 3 annotations" in output
    dataset_id = output.split()[-1]
    assert f"{dataset_id}        3 pictures" in _call(client, "list")
    archive = tmp_path / "out.zip"
    assert "written" in _call(client, "export", dataset_id, str(archive), "--format", "yolo")
    with zipfile.ZipFile(archive) as written:
        assert "labels/part 1.txt" in written.namelist()
    assert "3 there already" in _call(client, "import", str(archive))
    with pytest.raises(InvalidRequest, match="exists already"):
        _call(client, "export", dataset_id, str(archive))


def test_reason_is_given_when_something_is_wrong(client: httpx.Client, tmp_path: Path) -> None:
    broken = tmp_path / "a.zip"
    broken.write_bytes(b"nothing")
    with pytest.raises(InvalidRequest, match="no zip archive"):
        _call(client, "import", str(broken))
    with pytest.raises(NotAuthenticated):
        _call(client, "list", password="wrong wrong wrong")
    with httpx.Client(base_url="http://127.0.0.1:9") as nobody, pytest.raises(StorageUnavailable, match="reached"):
        _call(nobody, "list")
    assert sorted(path.name for path in tmp_path.glob("*.zip*")) == ["a.zip"]
