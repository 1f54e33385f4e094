"""`ussop backup` and `ussop restore`: everything into one file, and back."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from serving.backup.archive import Advance, Manifest
from serving.backup.making import make_backup
from serving.backup.restoring import KEPT_SETTINGS, check_backup, restore_backup
from serving.command.preparation import check_not_running
from serving.errors import Conflict
from serving.settings import load_settings

_NICENESS: Final = 10  # the line keeps its takt while a copy is made
_MIB: Final = 1024**2

Archive = Annotated[Path, typer.Argument(help="The file of the backup.", dir_okay=False)]


def backup(path: Archive) -> None:
    """Copy database, pictures, models, keys and settings into one file, also while the platform runs."""
    os.nice(_NICENESS)
    settings = load_settings()
    with _bar("Backing up") as progress:
        made = make_backup(settings, path, progress)
    typer.echo(f"{made.path}: {made.files} files, {made.size_bytes // _MIB} MiB, seal {made.seal}")
    typer.echo("It holds every key and password of the platform: keep it like these.")
    _tell_missing(made.missing_pictures)


def restore(
    path: Archive,
    replace: Annotated[bool, typer.Option("--replace", help="Set aside what is there, instead of refusing.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Read and verify the backup; change nothing.")] = False,
) -> None:
    """Bring a backup back into an empty DATA_DIR; the platform must not be running."""
    settings = load_settings()
    if check:
        with _bar("Verifying") as progress:
            manifest = check_backup(path, progress)
        _tell(path, manifest)
        return
    check_not_running(settings)
    with _bar("Restoring") as progress:
        restored = restore_backup(settings, path, replace=replace, progress=progress)
    _tell(path, restored.manifest)
    if restored.set_aside is not None:
        typer.echo(f"What was there before is in {restored.set_aside}.")
    typer.echo(f"Restored into {settings.data_dir}. Every session has ended: people sign in again.")
    typer.echo(f"The settings of that time are in {settings.data_dir / KEPT_SETTINGS}: compare them with yours.")
    for problem in restored.audit_problems:
        typer.echo(problem, err=True)
    if restored.audit_problems:
        raise Conflict("the audit log does not hold; `ussop audit verify` says more")
    typer.echo(f"The audit log holds: {restored.audit_entries} entries.")


def _tell(path: Path, manifest: Manifest) -> None:
    size = manifest.size_bytes // _MIB
    typer.echo(
        f"{path}: made {manifest.made_at} by version {manifest.version}, {len(manifest.files)} files, {size} MiB"
    )
    typer.echo(f"Every byte is as it was: seal {manifest.seal}")
    _tell_missing(manifest.missing_pictures)


def _tell_missing(pictures: tuple[str, ...]) -> None:
    if pictures:
        typer.echo(f"{len(pictures)} pictures were lost before, among them {pictures[0]}", err=True)


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int], Advance]]:
    """A bar on a terminal; nothing where the output is a file."""
    bars = []

    def begin(total: int) -> Advance:
        bar = typer.progressbar(length=max(total, 1), label=label)
        bar.__enter__()
        bars.append(bar)
        return bar.update

    try:
        yield begin
    finally:
        for bar in bars:
            bar.__exit__(None, None, None)
