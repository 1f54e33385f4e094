"""The archive: one tar file. Its last two members name every other with its hash; without them it is no backup."""

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, Self

from serving.errors import InvalidRequest, StorageUnavailable

MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.sha256"
FORMAT: Final = 1
_MOST_MANIFEST_BYTES: Final = 2 * 1024**3  # of ten million pictures
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive.

    Attributes:
        sha256: Of its bytes, 64 hex digits.
        size_bytes: Number of bytes.
    """

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself.

    Attributes:
        made_at: When the copy of the database was made, ISO 8601 in UTC.
        version: Of the program that made it.
        database: `sqlite` or `postgresql`.
        revision: Of the database's tables.
        missing_pictures: Pictures that the platform had lost before.
        files: By name, every file that belongs to the backup.
        seal: SHA-256 of the manifest, in hex: what a person may note elsewhere.
    """

    made_at: str
    version: str
    database: str
    revision: str
    missing_pictures: tuple[str, ...]
    files: Mapping[str, Member]
    seal: str = ""

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(member.size_bytes for member in self.files.values())


class ArchiveWriter:
    """Writes an archive. Its name appears when it is complete, and whoever else has an account cannot read it."""

    def __init__(self, path: Path, advance: Advance) -> None:
        """Begins the file.

        Args:
            path: The archive; nothing may be there yet.
            advance: Told how many bytes more were copied.

        Raises:
            InvalidRequest: There is such a file already.
            StorageUnavailable: It cannot be written.
        """
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._advance = advance
        self.files: dict[str, Member] = {}
        if path.exists():
            raise InvalidRequest(f"{path} exists already")
        try:
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError as error:
            raise InvalidRequest(f"{self._part} is there: remove it if no other backup is being made") from error
        except OSError as error:
            raise StorageUnavailable(f"{self._part} cannot be written: {error.strerror}") from error
        self._file = os.fdopen(descriptor, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - see `close`

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)  # nothing is left of a backup that was not finished

    def add(self, name: str, source: Path) -> bool:
        """Whether the file was copied: one that is gone by now is not, nor one that is no plain file.

        Raises:
            StorageUnavailable: It cannot be read, or the archive cannot be written.
        """
        try:
            descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageUnavailable(f"{source} cannot be read: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return False
            self._add(name, file, found.st_size, found.st_mtime)
        return True

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a small file.

        Raises:
            StorageUnavailable: The archive cannot be written.
        """
        self._add(name, io.BytesIO(content), len(content), 0.0)

    def leave_out(self, names: Iterable[str]) -> None:
        """Take these out of the manifest: a restore passes over them."""
        for name in names:
            self.files.pop(name, None)

    def finish(self, **facts: Any) -> str:
        """The seal, once the archive is on disk under its name. The facts are those of `Manifest`.

        Raises:
            StorageUnavailable: It cannot be written.
        """
        listed = {name: [member.sha256, member.size_bytes] for name, member in sorted(self.files.items())}
        manifest = json.dumps({"format": FORMAT, **facts, "files": listed}, indent=0).encode()
        seal = hashlib.sha256(manifest).hexdigest()
        self.add_bytes(MANIFEST, manifest)
        self.add_bytes(SEAL, seal.encode())
        try:
            self._tar.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._part.rename(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise StorageUnavailable(f"{self._path} cannot be written: {error.strerror}") from error
        return seal

    def _add(self, name: str, file: IO[bytes], size_bytes: int, mtime: float) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size_bytes, mtime, 0o600
        reader = _Hashing(file, self._advance)
        try:
            self._tar.addfile(info, reader)
        except (OSError, tarfile.TarError) as error:
            raise StorageUnavailable(f"{name} cannot be copied into {self._part}: {error}") from error
        self.files[name] = Member(reader.hash.hexdigest(), size_bytes)


class ArchiveReader:
    """Reads an archive. Nothing that it says is believed: whoever had it in hand may have written it."""

    def __init__(self, path: Path) -> None:
        """Opens the file and reads the manifest.

        Raises:
            InvalidRequest: It is no backup, is not complete, or was changed.
        """
        self.path = path
        with self._refusing():
            self._file = path.open("rb")
        try:
            with self._refusing():
                self._tar = tarfile.open(fileobj=self._file, mode="r:")  # noqa: SIM115 - see `__exit__`
                self._members = self._tar.getmembers()
                self.manifest = self._read_manifest()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, advance: Advance, write: Callable[[str, Iterator[bytes]], None]) -> None:
        """Hand each file of the manifest to `write`, in the order of the archive.

        Raises:
            InvalidRequest: One is missing, twice there, or not as it was. What was handed over before is sound.
        """
        left = dict(self.manifest.files)
        for info in self._members:
            expected = left.pop(info.name, None)
            if expected is not None:
                self._hand_over(info, expected, advance, write)
        if left:
            raise InvalidRequest(f"{self.path} is damaged: {len(left)} files are missing, among them {min(left)}")

    def _hand_over(
        self,
        info: tarfile.TarInfo,
        expected: Member,
        advance: Advance,
        write: Callable[[str, Iterator[bytes]], None],
    ) -> None:
        with self._refusing():
            content = self._tar.extractfile(info) if info.isreg() else None
        if content is None or info.size != expected.size_bytes:
            raise InvalidRequest(f"{self.path} is damaged: {info.name} is not what the manifest says")
        reader = _Hashing(content, advance)
        write(info.name, self._pieces(reader))  # what cannot be written there is no fault of the archive
        if reader.hash.hexdigest() != expected.sha256:
            raise InvalidRequest(f"{self.path} is damaged: {info.name} was changed")

    def _pieces(self, reader: "_Hashing") -> Iterator[bytes]:
        while True:
            with self._refusing():
                piece = reader.read(1 << 20)
            if not piece:
                return
            yield piece

    def _read_manifest(self) -> Manifest:
        if [info.name for info in self._members[-2:]] != [MANIFEST, SEAL]:
            raise InvalidRequest(f"{self.path} is no complete backup")
        names = [info.name for info in self._members]
        if len(set(names)) != len(names):
            raise InvalidRequest(f"{self.path} is damaged: a file is in it twice")
        manifest, seal = (self._bytes(info) for info in self._members[-2:])
        if hashlib.sha256(manifest).hexdigest().encode() != seal:
            raise InvalidRequest(f"{self.path} is damaged: its manifest was changed")
        return _checked(json.loads(manifest), seal.decode())

    def _bytes(self, info: tarfile.TarInfo) -> bytes:
        content = self._tar.extractfile(info) if info.isreg() else None
        if content is None or info.size > _MOST_MANIFEST_BYTES:
            raise InvalidRequest(f"{self.path} is damaged: {info.name} is no manifest of ours")
        return content.read()

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise InvalidRequest(f"there is no {self.path}") from error
        except (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidRequest(f"{self.path} cannot be read as a backup: {error}") from error


def sync_folder(folder: Path) -> None:
    """Let the names in a folder reach the disk.

    Raises:
        OSError: They cannot.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Hashing:
    """A file whose bytes are counted and hashed as they are read."""

    def __init__(self, file: IO[bytes], advance: Advance) -> None:
        self._file, self._advance = file, advance
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self.hash.update(content)
        self._advance(len(content))
        return content


def _checked(content: Any, seal: str) -> Manifest:
    """The manifest, if every name in it stays inside a folder."""
    if content["format"] != FORMAT:
        raise InvalidRequest(f"the backup is of format {content['format']}; this program reads {FORMAT}")
    files = {str(name): Member(str(sha256), int(size)) for name, (sha256, size) in content["files"].items()}
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or str(path) != name or "\0" in name or not path.parts:
            raise InvalidRequest(f"the backup names a file that none of ours can have: {name[:100]!r}")
    return Manifest(
        made_at=str(content["made_at"]),
        version=str(content["version"]),
        database=str(content["database"]),
        revision=str(content["revision"]),
        missing_pictures=tuple(map(str, content["missing_pictures"])),
        files=files,
        seal=seal,
    )
