"""What belongs into a backup: every file below `DATA_DIR` but what only a running process needs."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from serving.backup.databases import SQLITE_HEAD
from serving.media.store import INCOMING, ORPHANS
from serving.settings import Settings

DATA: Final = "data"
DATABASE: Final = "database"
SETTINGS: Final = "settings.env"
RESTORING: Final = ".restoring"
SET_ASIDE: Final = ".before-restore-"
# Sockets and the supervisor's configuration; archives that are being imported.
_PASSING_FOLDERS: Final = frozenset({"run", "imports"})
_PASSING_NAMES: Final = frozenset({INCOMING, ORPHANS, RESTORING})
_PASSING_ENDS: Final = ("-wal", "-shm", "-journal", ".lock", ".new", ".part")
_PASSING_STARTS: Final = (".incoming-", ".probe-", SET_ASIDE)


def kept_files(root: Path, *, but: Iterable[Path] = ()) -> Iterator[tuple[str, Path]]:
    """Name in the archive and path of each file below `root`. Links are not followed, but for folders right in it.

    Args:
        root: `DATA_DIR`.
        but: Files and folders to leave out.
    """
    left_out = set(but)
    for entry in sorted(root.iterdir()):
        if entry.name in _PASSING_FOLDERS or entry in left_out or not _lasts(entry.name):
            continue
        if not entry.is_dir():  # a folder may be a link to a larger disk
            yield f"{DATA}/{entry.name}", entry
            continue
        for folder, folders, names in os.walk(entry):
            folders[:] = sorted(name for name in folders if _lasts(name))
            for name in sorted(filter(_lasts, names)):
                path = Path(folder) / name
                if path not in left_out:
                    yield f"{DATA}/{path.relative_to(root).as_posix()}", path


def is_sqlite(path: Path) -> bool:
    """Whether a file is a database of SQLite, which may be copied by SQLite alone."""
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE_HEAD)) == SQLITE_HEAD
    except OSError:
        return False


def settings_text(settings: Settings) -> str:
    """The settings that were given, as a file `.env`; secrets are among them."""
    lines = []
    for name in sorted(settings.model_fields_set):
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        elif isinstance(value, tuple):
            value = ",".join(map(str, value))
        elif isinstance(value, bool):
            value = str(value).lower()
        elif value is None:
            continue
        escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"{name.upper()}='{escaped}'\n")
    return "".join(lines)


def _lasts(name: str) -> bool:
    return not (name in _PASSING_NAMES or name.endswith(_PASSING_ENDS) or name.startswith(_PASSING_STARTS))
