"""A throw-away PostgreSQL cluster, where the server is installed."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def is_installed() -> bool:
    """Whether a cluster can be made here."""
    return shutil.which("initdb") is not None and shutil.which("pg_ctl") is not None


@dataclass(frozen=True)
class Cluster:
    """A server of its own, which may be stopped and started.

    Attributes:
        url: SQLAlchemy URL of its empty database.
    """

    url: str
    _root: Path
    _options: str
    _user: str | None

    def start(self) -> None:
        """Starts it and waits until it accepts connections."""
        command = ["pg_ctl", "-D", str(self._root / "data"), "-w", "-t", "30", "-l", str(self._root / "log")]
        _run([*command, "-o", self._options, "start"], self._root, self._user)

    def stop(self) -> None:
        """Ends it at once, as a crash does; what was committed is in its log."""
        _run(["pg_ctl", "-D", str(self._root / "data"), "-m", "immediate", "-w", "stop"], self._root, self._user)


@contextmanager
def postgres() -> Iterator[str]:
    """The SQLAlchemy URL of an empty database."""
    with postgres_cluster() as cluster:
        yield cluster.url


@contextmanager
def postgres_cluster() -> Iterator[Cluster]:
    """A running server with an empty database."""
    # The server refuses to run as root; a user without rights of its own will do.
    user = "nobody" if os.geteuid() == 0 else None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = Path(tempfile.mkdtemp(prefix="ussop-pg-"))
    if user is not None:
        shutil.chown(root, user)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={root} -c fsync=off"
    cluster = Cluster(f"postgresql://ussop@127.0.0.1:{port}/postgres", root, options, user)
    try:
        _run(["initdb", "-D", str(root / "data"), "-U", "ussop", "-A", "trust", "-E", "UTF8", "-N"], root, user)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(root)


def _run(command: list[str], folder: Path, user: str | None) -> None:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    subprocess.run(command, check=True, cwd=folder, user=user, env=environment, stdout=subprocess.DEVNULL, timeout=60)
