"""Brings a backup back: everything is unpacked and verified beside its place before anything takes it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlmodel import Session

from serving.audit.actor import command_line
from serving.audit.chain import AuditChain
from serving.audit.record import record
from serving.audit.verify import verify
from serving.backup import repository
from serving.backup.archive import Advance, ArchiveReader, Manifest, sync_folder
from serving.backup.contents import DATA, DATABASE, RESTORING, SET_ASIDE, SETTINGS
from serving.backup.databases import (
    kind_of,
    require_empty_postgres,
    require_postgres_program,
    require_sound_sqlite,
    restore_postgres,
    sqlite_file,
)
from serving.clock import utc_now
from serving.database import create_engine, open_database
from serving.errors import InvalidRequest, StorageUnavailable
from serving.schema import config_for, upgrade
from serving.settings import Settings

KEPT_SETTINGS: Final = "settings-of-backup.env"
_BESIDE_SQLITE: Final = ("", "-wal", "-shm", "-journal")
_MARGIN_BYTES: Final = 64 * 1024**2
Progress = Callable[[int], Advance]


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of a restore.

    Attributes:
        manifest: Of the backup.
        set_aside: Where what was there before lies, None where nothing was.
        audit_entries: Number of entries of the audit log.
        audit_problems: What does not hold in it.
    """

    manifest: Manifest
    set_aside: Path | None
    audit_entries: int
    audit_problems: tuple[str, ...]


def check_backup(path: Path, progress: Progress | None = None) -> Manifest:
    """The manifest of a backup of which every byte is as it was.

    Raises:
        InvalidRequest: It is none, or is damaged.
    """
    with ArchiveReader(path) as archive:
        archive.read(_advance(progress, archive.manifest.size_bytes), _throw_away)
        return archive.manifest


def restore_backup(settings: Settings, path: Path, *, replace: bool, progress: Progress | None = None) -> Restored:
    """What came of it; until everything is verified, nothing that was there is touched.

    Args:
        settings: Say where to: `DATA_DIR` and `DATABASE_URL`. No platform may be running there.
        path: The backup.
        replace: Whether to set aside what is there; else it must be empty.
        progress: Told how many bytes there are to unpack; what it gives is told of each of them.

    Raises:
        InvalidRequest: The backup is none, is damaged, or does not fit these settings; or the place is not empty.
        StorageUnavailable: There is no room, or the place cannot be written.
        NotInstalled: PostgreSQL's `pg_restore` is not here.
    """
    root = settings.data_dir
    with ArchiveReader(path) as archive:
        _require_fit(settings, archive.manifest)
        _require_place(settings, replace=replace)
        scratch = root / RESTORING
        try:
            shutil.rmtree(scratch, ignore_errors=True)  # of a restore that was killed
            scratch.mkdir(mode=0o700, parents=True)
            _require_room(root, archive.manifest)
            archive.read(
                _advance(progress, archive.manifest.size_bytes), lambda name, pieces: _put(scratch, name, pieces)
            )
            if archive.manifest.database == "sqlite":
                require_sound_sqlite(scratch / DATABASE)
            set_aside = _set_aside(settings) if replace else None
            _take_place(settings, scratch)
        except OSError as error:
            raise StorageUnavailable(f"{root} cannot be written: {error.strerror or error}") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        entries, problems = _resume(settings, archive.manifest)
        return Restored(archive.manifest, set_aside, entries, problems)


def _require_fit(settings: Settings, manifest: Manifest) -> None:
    own = {name.split("/")[1] for name in manifest.files if name.startswith(f"{DATA}/")}
    strange = any(name == RESTORING or name.startswith(SET_ASIDE) for name in own)
    if not own or strange or not {DATABASE, SETTINGS} <= set(manifest.files):
        raise InvalidRequest("the backup does not hold what a platform needs")
    kind = kind_of(settings.database_url)
    if manifest.database != kind:
        raise InvalidRequest(f"the backup is of {manifest.database}, and DATABASE_URL names {kind}")
    if f"{DATA}/{settings.audit_key_file.name}" not in manifest.files and settings.audit_key is None:
        raise InvalidRequest(
            f"the platform of this backup had its AUDIT_KEY in the settings: set it here too (tar -xOf … {SETTINGS})"
        )
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            ScriptDirectory.from_config(config_for(connection)).get_revision(manifest.revision)
    except CommandError as error:
        raise InvalidRequest(f"the backup was made by a newer version, {manifest.version}") from error
    finally:
        engine.dispose()


def _require_place(settings: Settings, *, replace: bool) -> None:
    root = settings.data_dir
    if root.exists() and not replace and _holds_something(root):
        raise InvalidRequest(f"{root} is not empty: name another DATA_DIR, or set its content aside with --replace")
    if kind_of(settings.database_url) == "postgresql":
        require_postgres_program("pg_restore")
        require_empty_postgres(settings.database_url)
        return
    file = sqlite_file(settings.database_url)
    if not replace and any(file.with_name(file.name + end).exists() for end in _BESIDE_SQLITE):
        raise InvalidRequest(f"{file} is there: name another DATABASE_URL, or set it aside with --replace")


def _holds_something(root: Path) -> bool:
    return any(names for folder, _, names in os.walk(root) if RESTORING not in Path(folder).parts)


def _require_room(root: Path, manifest: Manifest) -> None:
    free, needed = shutil.disk_usage(root).free, manifest.size_bytes + _MARGIN_BYTES
    if free < needed:
        mib = 1024**2
        raise StorageUnavailable(f"{root} has {free // mib} MiB free, the backup needs {needed // mib}")


def _put(scratch: Path, name: str, pieces: Iterator[bytes]) -> None:
    """Write one file below `scratch`, on disk when this returns; its name was checked with the manifest."""
    target = scratch / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(descriptor)


def _throw_away(_name: str, pieces: Iterator[bytes]) -> None:
    for _ in pieces:
        pass


def _set_aside(settings: Settings) -> Path | None:
    """Move what is there out of the way; it stays on the same disk."""
    root, now = settings.data_dir, f"{utc_now():%Y%m%dT%H%M%S}"
    aside = root / f"{SET_ASIDE}{now}"
    present = [entry for entry in root.iterdir() if entry.name != RESTORING and not entry.name.startswith(SET_ASIDE)]
    if present:
        aside.mkdir(mode=0o700)
        for entry in present:
            entry.rename(aside / entry.name)
    if kind_of(settings.database_url) == "sqlite":
        file = sqlite_file(settings.database_url)
        for path in (file.with_name(file.name + end) for end in _BESIDE_SQLITE):
            if path.exists():  # one that lies elsewhere than in DATA_DIR
                path.rename(path.with_name(f"{path.name}{SET_ASIDE}{now}"))
    return aside if present else None


def _take_place(settings: Settings, scratch: Path) -> None:
    """Let everything take its place, the database last: a platform without one does not start."""
    root = settings.data_dir
    for folder, _, _ in os.walk(scratch):
        sync_folder(Path(folder))
    for entry in sorted((scratch / DATA).iterdir()):
        with suppress(OSError):  # an empty folder that was made for a platform that never ran
            (root / entry.name).rmdir()
        if (root / entry.name).is_dir():
            shutil.rmtree(root / entry.name)  # of empty folders: whatever held a file was refused or set aside
        entry.rename(root / entry.name)
    (scratch / SETTINGS).rename(root / KEPT_SETTINGS)
    sync_folder(root)
    if kind_of(settings.database_url) == "postgresql":
        restore_postgres(settings.database_url, scratch / DATABASE)
        return
    file = sqlite_file(settings.database_url)
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(scratch / DATABASE, file)  # which may lie on another disk
    sync_folder(file.parent)


def _resume(settings: Settings, manifest: Manifest) -> tuple[int, tuple[str, ...]]:
    """Bring the tables to the present, end all sessions, and say so in the audit log, which is verified then."""
    engine = create_engine(settings.database_url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()
    chain = AuditChain.existing(settings)
    told = {"made_at": manifest.made_at, "version": manifest.version, "seal": manifest.seal}

    def note(session: Session) -> None:
        repository.end_all_sessions(session.connection())
        record(session, command_line(), "backup.restored", "platform", after=told)

    database = open_database(settings, queue_size=1)
    try:
        database.write(note).result()
        with database.read() as session:
            found = verify(session, chain)
    finally:
        database.close()
    return found.entries, tuple(finding.problem for finding in found.findings)


def _advance(progress: Progress | None, total: int) -> Advance:
    return progress(total) if progress is not None else lambda _count: None
