"""What stops the platform from starting, each as one clear line."""

import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from serving.audit.anchor import BEGINNING, Anchor, Link
from serving.command.preparation import (
    check_not_running,
    check_port_free,
    prepare_bundle,
    prepare_data_dir,
    prepare_database,
)
from serving.errors import ConfigurationError
from serving.settings import Settings


def test_start_is_refused_when_the_disk_has_no_room(settings: Settings) -> None:
    prepare_data_dir(settings)
    with pytest.raises(ConfigurationError, match="MiB free, at least"):
        prepare_data_dir(settings, min_free_bytes=2**60)


@pytest.mark.parametrize("folder", ["a-file", "a-file/below", "/proc/ussop"])
def test_start_is_refused_when_the_folder_cannot_be_used(settings: Settings, tmp_path: Path, folder: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        prepare_data_dir(settings.model_copy(update={"data_dir": tmp_path / folder}))


def test_start_is_refused_when_the_port_is_taken() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"API_PORT: cannot listen on 127.0.0.1:{port}"):
            check_port_free("127.0.0.1", port, "API_PORT")
    check_port_free("127.0.0.1", port, "API_PORT")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_start_is_refused_when_the_address_is_not_ours(host: str) -> None:
    with pytest.raises(ConfigurationError, match="API_PORT"):
        check_port_free(host, 8080, "API_PORT")


def test_start_is_refused_when_the_deployed_model_is_gone(settings: Settings) -> None:
    deployed = prepare_bundle(settings)
    assert (deployed / "manifest.json").is_file()
    (settings.bundles_dir / "deployed.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no model can be deployed"):
        prepare_bundle(settings)
    shutil.rmtree(settings.bundles_dir)


def test_start_is_refused_when_a_supervisor_answers(settings: Settings) -> None:
    check_not_running(settings)
    # A socket needs a short path, and that of `tmp_path` is long.
    short = Path(tempfile.gettempdir()) / f"ussop-test-{settings.data_dir.stat().st_ino}"
    short.symlink_to(settings.data_dir)
    try:
        near = settings.model_copy(update={"data_dir": short})
        near.run_dir.mkdir(exist_ok=True)
        path = near.run_dir / "supervisor.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            with pytest.raises(ConfigurationError, match="already running"):
                check_not_running(near)
        check_not_running(near)  # what a killed supervisor leaves behind stops nobody
    finally:
        short.unlink()


def test_start_is_refused_when_the_database_is_gone_and_there_was_one(settings: Settings) -> None:
    file = settings.data_dir / "ussop.db"
    Anchor(settings.audit_anchor_file).replace(Link(7, "0" * 64))
    prepare_database(settings)
    file.unlink()
    with pytest.raises(ConfigurationError, match="is gone"):
        prepare_database(settings)
    assert not file.exists()
    settings.audit_anchor_file.unlink()  # as the message says
    prepare_database(settings)
    assert file.exists()


def test_database_is_made_when_nothing_was_ever_written(settings: Settings) -> None:
    file = settings.data_dir / "ussop.db"
    file.unlink()
    Anchor(settings.audit_anchor_file).replace(BEGINNING)
    prepare_database(settings)
    assert file.exists()
