"""Verified bundles on this disk and the pointers to them: what serving starts from, with or without a network.

Layout: `<root>/<digest>/` holds a bundle (named by the SHA-256 of its manifest, which names the hashes of all the
rest), `<root>/<alias>.json` says which one an alias means, and its version in the registry where it has one; that of
`deployed` says it of `previous` too. All of them appear by rename, so a crash leaves old or new.
"""

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.bundle import Bundle, load_bundle
from models.errors import BundleError
from registry.errors import NothingDeployedError, RegistryError
from registry.version import DEPLOYED, PREVIOUS

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_INCOMING: Final = ".incoming-"
_LONGEST_INSTALL_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Pointer:
    """What an alias means on this machine.

    Attributes:
        digest: Of the bundle.
        version: Its version in the registry; None where it has none yet (the starter before MLflow answered).
        announced: Whether the registry's alias says the same. False after a deploy that the registry did not hear of.
    """

    digest: str
    version: str | None = None
    announced: bool = True


class LocalStore:
    """The folder of verified bundles of one machine."""

    def __init__(self, root: Path) -> None:
        """Takes a folder; nothing is touched before the first call."""
        self._root = root

    def ensure_starter(self, starter_dir: Path) -> Path:
        """The folder of the deployed bundle; the starter is installed and deployed where there is none.

        Args:
            starter_dir: The starter bundle as shipped.

        Raises:
            BundleError: The starter is damaged.
        """
        try:
            return self.deployed()
        except NothingDeployedError:
            bundle = self.install(starter_dir)
            self.point(DEPLOYED, bundle.digest)
            return bundle.root

    def remove_leftovers(self, older_than_s: float = _LONGEST_INSTALL_S) -> int:
        """How many half-installed bundles and half-written pointers of processes that were killed are gone now.

        Args:
            older_than_s: Younger ones are left: other processes (flows, a trial) may be installing.
        """
        oldest_s, count = time.time() - older_than_s, 0
        for path in self._root.glob(f"{_INCOMING}*"):
            with contextlib.suppress(OSError):  # its owner lives, or another one was quicker
                if path.lstat().st_mtime < oldest_s:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                    count += 1
        return count

    def install(self, source_dir: Path) -> Bundle:
        """The bundle of a folder, copied into the store and verified there.

        Raises:
            BundleError: The folder is not a valid bundle.
        """
        digest = load_bundle(source_dir).digest
        target = self._root / digest
        if (known := self.find(digest)) is not None:
            return known
        self._root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=self._root, prefix=_INCOMING))
        try:
            # Copied, never linked: a bundle must not change when its source does.
            shutil.copytree(source_dir, scratch / "bundle", copy_function=shutil.copyfile)
            load_bundle(scratch / "bundle")
            _sync_tree(scratch / "bundle")
            if target.exists():  # damaged since it was installed; what is sound takes its place
                target.rename(scratch / "damaged")
            (scratch / "bundle").replace(target)
        finally:
            shutil.rmtree(scratch)
        _sync_folder(self._root)
        return load_bundle(target)

    def find(self, digest: str) -> Bundle | None:
        """The installed bundle of a digest, verified again; None if it is not here or no longer whole."""
        if not _DIGEST.fullmatch(digest) or not (self._root / digest).is_dir():
            return None
        try:
            return load_bundle(self._root / digest)
        except BundleError:
            return None

    def point(self, alias: str, digest: str, version: str | None = None, *, announced: bool = True) -> None:
        """Makes an alias mean an installed bundle; see `Pointer` for the rest. What another alias means stays.

        Raises:
            RegistryError: There is no such bundle in the store.
        """
        pointer = Pointer(digest, version, announced)
        self._require_installed(pointer)
        if alias == DEPLOYED:
            self.switch(pointer, self._pointer_if_sound(PREVIOUS))
        elif alias == PREVIOUS and (deployed := self._pointer_if_sound(DEPLOYED)) is not None:
            self.switch(deployed, pointer)
        else:
            self._write(alias, _content_of(pointer))

    def switch(self, deployed: Pointer, previous: Pointer | None) -> None:
        """Makes `deployed` and `previous` mean installed bundles, both at once: a crash leaves both old or both new.

        A `previous` that is no longer installed is left out: there is nothing to go back to.

        With one file for each, the version that is left or the one that is gone to would be forgotten by a crash
        between them, and without the registry nobody could go back.

        Raises:
            RegistryError: The one to deploy is not installed.
        """
        self._require_installed(deployed)
        content = _content_of(deployed)
        # Named also where there is none: a file that an older release left must not speak for it.
        content["previous"] = None
        if previous is not None and self.folder_of(previous).is_dir():
            content["previous"] = _content_of(previous)
        self._write(DEPLOYED, content)

    def pointer(self, alias: str) -> Pointer | None:
        """What an alias means, None where it means nothing yet.

        Raises:
            RegistryError: The pointer is damaged.
        """
        beside = (self._read(DEPLOYED) or {}) if alias == PREVIOUS else {}
        # An older release wrote `previous` into a file of its own.
        content = beside["previous"] if "previous" in beside else self._read(alias)
        return None if content is None else _checked_pointer(content, self._file(alias).name)

    def folder_of(self, pointer: Pointer) -> Path:
        """The folder of the bundle that a pointer means."""
        return self._root / pointer.digest

    def deployed(self) -> Path:
        """The folder of the bundle that `deployed` means.

        Raises:
            NothingDeployedError: Nothing was deployed yet.
            RegistryError: The pointer is damaged.
        """
        pointer = self.pointer(DEPLOYED)
        if pointer is None:
            raise NothingDeployedError("no model is deployed on this machine")
        return self.folder_of(pointer)

    def _pointer_if_sound(self, alias: str) -> Pointer | None:
        """What an alias means; None also where its pointer is damaged, or its bundle gone."""
        try:
            pointer = self.pointer(alias)
        except RegistryError:
            return None
        return pointer if pointer is not None and self.folder_of(pointer).is_dir() else None

    def _require_installed(self, pointer: Pointer) -> None:
        if not _DIGEST.fullmatch(pointer.digest) or not self.folder_of(pointer).is_dir():
            raise RegistryError(f"no bundle {pointer.digest!r} in the local store")

    def _read(self, alias: str) -> dict[str, Any] | None:
        file = self._file(alias)
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise RegistryError(f"the pointer {file.name} is damaged") from error
        if not isinstance(content, dict):
            raise RegistryError(f"the pointer {file.name} is damaged")
        return content

    def _write(self, alias: str, content: dict[str, Any]) -> None:
        descriptor, scratch = tempfile.mkstemp(dir=self._root, prefix=_INCOMING)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(self._file(alias))
        _sync_folder(self._root)

    def _file(self, alias: str) -> Path:
        return self._root / f"{alias}.json"


def _content_of(pointer: Pointer) -> dict[str, Any]:
    return {"digest": pointer.digest, "version": pointer.version, "announced": pointer.announced}


def _checked_pointer(content: Any, name: str) -> Pointer:
    fields = content if isinstance(content, dict) else {}
    digest, version = fields.get("digest"), fields.get("version")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or not isinstance(version, str | None):
        raise RegistryError(f"the pointer {name} is damaged")
    return Pointer(digest, version, fields.get("announced") is not False)


def _sync_tree(root: Path) -> None:
    for path in root.rglob("*"):
        _sync_folder(path)
    _sync_folder(root)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
