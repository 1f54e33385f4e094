"""A throw-away PostgreSQL cluster, where the server is installed."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def is_installed() -> bool:
    """Whether a cluster can be made here."""
    return shutil.which("initdb") is not None and shutil.which("pg_ctl") is not None


@contextmanager
def postgres() -> Iterator[str]:
    """The SQLAlchemy URL of an empty database."""
    # The server refuses to run as root; a user without rights of its own will do.
    user = "nobody" if os.geteuid() == 0 else None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = Path(tempfile.mkdtemp(prefix="ussop-pg-"))
    if user is not None:
        shutil.chown(root, user)
    cluster = str(root / "data")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={root} -c fsync=off"
    try:
        _run(["initdb", "-D", cluster, "-U", "ussop", "-A", "trust", "-E", "UTF8", "-N"], root, user)
        _run(["pg_ctl", "-D", cluster, "-w", "-t", "30", "-l", str(root / "log"), "-o", options, "start"], root, user)
        try:
            yield f"postgresql://ussop@127.0.0.1:{port}/postgres"
        finally:
            _run(["pg_ctl", "-D", cluster, "-m", "immediate", "-w", "stop"], root, user)
    finally:
        shutil.rmtree(root)


def _run(command: list[str], folder: Path, user: str | None) -> None:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    subprocess.run(command, check=True, cwd=folder, user=user, env=environment, stdout=subprocess.DEVNULL, timeout=60)
