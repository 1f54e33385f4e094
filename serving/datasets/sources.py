"""Where an import reads from: a zip file or a folder. Nothing is ever unpacked to disk under a name of the sender's."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Protocol

from serving.beneath import open_beneath
from serving.errors import InvalidRequest

MOST_ENTRIES: Final = 100_000
MOST_LABEL_BYTES: Final = 64 * 1024 * 1024  # one file of labels; JSON is read as a whole
# Pictures hardly shrink in a zip, label texts by 20; what shrinks more was made to fill a disk.
_MOST_RATIO: Final = 200
_RATIO_COUNTS_FROM_BYTES: Final = 1024 * 1024
_MOST_DIRECTORY_BYTES: Final = 64 * 1024 * 1024
_ARCHIVES: Final = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".xz", ".bz2")
_ENCRYPTED: Final = 0x1  # bit of the general purpose flags
# What computers add on their own; nobody means it as data.
_LITTER: Final = ("__MACOSX", ".DS_Store", "Thumbs.db")


class Source(Protocol):
    """The files of an import, by relative path with `/`."""

    @property
    def names(self) -> Sequence[str]:
        """The paths of all files."""
        ...

    def read(self, name: str, limit_bytes: int) -> bytes:
        """The content of a file.

        Raises:
            InvalidRequest: It is larger than the limit or cannot be read.
        """
        ...


class ZipSource:
    """The files of a zip archive that was checked as a whole."""

    def __init__(self, archive: zipfile.ZipFile, names: Sequence[str]) -> None:
        self._archive = archive
        self.names = names

    def read(self, name: str, limit_bytes: int) -> bytes:
        """See `Source.read`."""
        try:
            with self._archive.open(name) as member:
                data = member.read(limit_bytes + 1)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise InvalidRequest(f"cannot be read from the archive: {error}") from error
        except zlib.error as error:
            raise InvalidRequest("is damaged in the archive") from error
        return _within(data, limit_bytes)


class FolderSource:
    """The files of a folder on this machine; links are left out."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.names = sorted(self._walk())

    def _walk(self) -> Iterator[str]:
        for count, path in enumerate(self._root.rglob("*")):
            if count >= MOST_ENTRIES:
                raise InvalidRequest(f"the folder has more than {MOST_ENTRIES} entries")
            try:
                is_file = stat.S_ISREG(path.lstat().st_mode)
            except FileNotFoundError:  # it was there when the folder was read
                continue
            if is_file and path.resolve().is_relative_to(self._root):
                yield path.relative_to(self._root).as_posix()

    def read(self, name: str, limit_bytes: int) -> bytes:
        """See `Source.read`."""
        try:
            with open_beneath(self._root, name) as file:
                return _within(file.read(limit_bytes + 1), limit_bytes)
        except OSError as error:
            raise InvalidRequest(f"cannot be read: {error.strerror}") from error


@contextmanager
def open_zip(path: Path, *, most_bytes: int) -> Iterator[ZipSource]:
    """The files of an archive, after a look at all of its directory.

    Args:
        path: The archive.
        most_bytes: All of its files together, unpacked.

    Raises:
        InvalidRequest: It is no zip file, or one that no honest tool makes.
    """
    try:
        with path.open("rb") as file:
            _require_small_directory(file)
        with zipfile.ZipFile(path) as archive:
            yield ZipSource(archive, _checked_names(archive.infolist(), most_bytes))
    except (zipfile.BadZipFile, OSError, EOFError, UnicodeDecodeError, struct.error, NotImplementedError) as error:
        raise InvalidRequest(f"the zip file cannot be read: {error}") from error


def open_folder(folder: str, roots: Sequence[str]) -> Path:
    """The folder, if it lies under one of the roots; links are followed before that is decided.

    Raises:
        InvalidRequest: No roots are set, or it lies elsewhere, or is no folder.
    """
    if not roots:
        raise InvalidRequest("folders cannot be imported: set DATASET_ROOTS to where they may lie")
    try:
        path = Path(folder).resolve(strict=True)
        allowed = any(path.is_relative_to(Path(root).resolve()) for root in roots)
    except (OSError, ValueError, RuntimeError):
        allowed = False
    if not allowed or not path.is_dir():
        raise InvalidRequest("the folder is none of those under DATASET_ROOTS")
    return path


def _checked_names(entries: Sequence[zipfile.ZipInfo], most_bytes: int) -> list[str]:
    if len(entries) > MOST_ENTRIES:
        raise InvalidRequest(f"the archive has more than {MOST_ENTRIES} entries")
    if sum(entry.file_size for entry in entries) > most_bytes:
        raise InvalidRequest(f"the archive would unpack to more than {most_bytes // 2**20} MiB")
    names: list[str] = []
    seen: set[str] = set()
    for entry in entries:
        _require_honest(entry)
        folded = entry.filename.rstrip("/").casefold()
        if folded in seen:
            raise InvalidRequest(f"the archive has {entry.filename!r} twice")
        seen.add(folded)
        if not entry.is_dir() and not any(part in _LITTER for part in PurePosixPath(entry.filename).parts):
            names.append(entry.filename)
    return sorted(names)


def _require_honest(entry: zipfile.ZipInfo) -> None:
    name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
    parts = PurePosixPath(name).parts
    problem = ""
    if not name or name.startswith("/") or "\\" in name or ".." in parts or ":" in parts[0] or not name.isprintable():
        problem = "has a name that leads out of the archive"
    elif kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        problem = "is a link or a device"
    elif name.lower().endswith(_ARCHIVES):
        problem = "is an archive in the archive"
    elif entry.flag_bits & _ENCRYPTED:
        problem = "is encrypted"
    elif entry.file_size > max(_RATIO_COUNTS_FROM_BYTES, _MOST_RATIO * entry.compress_size):
        problem = f"unpacks to more than {_MOST_RATIO} times its size"
    if problem:
        raise InvalidRequest(f"{name[:120]!r} {problem}")


def _require_small_directory(file: BinaryIO) -> None:
    """Refuses an archive whose list of files alone would fill the memory; `zipfile` reads it before it can be asked.

    Source: PKWARE APPNOTE 6.3.10, sections 4.3.14 to 4.3.16 (end of central directory, also of Zip64).
    """
    size = file.seek(0, 2)
    tail_at = max(0, size - 65_557 - 76)  # the record, the longest comment, and both Zip64 records before it
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(tail):
        raise InvalidRequest("the file is no zip archive")
    directory_bytes = struct.unpack_from("<L", tail, at + 12)[0]
    if at >= 76 and tail[at - 20 : at - 16] == b"PK\x06\x07" and tail[at - 76 : at - 72] == b"PK\x06\x06":
        directory_bytes = struct.unpack_from("<Q", tail, at - 76 + 40)[0]
    if directory_bytes > _MOST_DIRECTORY_BYTES:
        raise InvalidRequest(f"the archive has more than {MOST_ENTRIES} entries")


def _within(data: bytes, limit_bytes: int) -> bytes:
    if len(data) > limit_bytes:
        raise InvalidRequest(f"is larger than {limit_bytes // 2**20} MiB")
    return data
