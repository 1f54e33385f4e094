"""What must be true before anything is started; each failure is one clear line."""

import os
import shutil
import socket
from pathlib import Path

from sqlalchemy import make_url

import models
from models.errors import BundleError
from registry.errors import RegistryError
from registry.local_store import LocalStore
from serving.audit.anchor import BEGINNING, Anchor
from serving.backup.contents import RESTORING
from serving.database import create_engine
from serving.errors import ConfigurationError
from serving.schema import upgrade
from serving.settings import Settings

MIN_FREE_BYTES = 1024**3
CONTROL_SOCKET = "supervisor.sock"


def prepare_data_dir(settings: Settings, min_free_bytes: int = MIN_FREE_BYTES) -> None:
    """Make the data folder and see that it can be written and has room.

    Raises:
        ConfigurationError: It cannot, or has not.
    """
    folder = settings.data_dir
    if (folder / RESTORING).exists():
        raise ConfigurationError(f"a restore into {folder} was not finished: run it again, or remove what it left")
    try:
        inbox = settings.data_dir / "inbox"
        own = (settings.run_dir, settings.media_dir, settings.bundles_dir, settings.models_dir, inbox)
        for path in (folder, *own):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        raise ConfigurationError(f"the data folder {folder} cannot be used: {error.strerror}") from error
    if free_bytes < min_free_bytes:
        mib = 1024**2
        raise ConfigurationError(
            f"the data folder {folder} has {free_bytes // mib} MiB free, at least {min_free_bytes // mib} are needed"
        )


def check_not_running(settings: Settings) -> None:
    """See that no other platform uses this data folder.

    Raises:
        ConfigurationError: One does.
    """
    path = control_socket(settings)
    if path is None or not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return  # left over by a supervisor that was killed; the next one replaces it
    raise ConfigurationError(f"a platform is already running on {settings.data_dir}")


def check_port_free(host: str, port: int, name: str) -> None:
    """See that nobody listens on a port.

    Raises:
        ConfigurationError: Somebody does, or the address is not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot listen on {host}:{port}: {error.strerror}") from error


def prepare_database(settings: Settings) -> None:
    """Bring the database to the present tables.

    Raises:
        ConfigurationError: It cannot be reached, belongs to a newer version, or is gone.
    """
    _require_not_gone(settings)
    engine = create_engine(settings.database_url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


def _require_not_gone(settings: Settings) -> None:
    """Refuse to make an empty database where there was one: the line would go on, and its history would be missing."""
    url, anchor = make_url(settings.database_url), Anchor(settings.audit_anchor_file)
    if url.get_backend_name() != "sqlite" or not url.database or Path(url.database).exists():
        return
    noted = anchor.read()
    if noted is not None and noted != BEGINNING:
        raise ConfigurationError(
            f"the database {url.database} is gone, and the audit log's anchor says that there was one: put it back, "
            f"restore a backup (`ussop restore`), or remove {anchor.path} to begin anew"
        )


def prepare_bundle(settings: Settings) -> Path:
    """The folder of the deployed model; the starter is deployed where there is none.

    Raises:
        ConfigurationError: There is none, or it is damaged.
    """
    starter = Path(next(iter(models.__path__))) / "starter"
    try:
        return LocalStore(settings.bundles_dir).ensure_starter(starter)
    except (BundleError, RegistryError, OSError) as error:
        raise ConfigurationError(f"no model can be deployed: {error}") from error


def control_socket(settings: Settings) -> Path | None:
    """The supervisor's socket, None where the path is too long for one (unix(7): 107 bytes)."""
    path = settings.run_dir / CONTROL_SOCKET
    return path if len(os.fsencode(path)) <= 107 else None
