"""Verified bundles on this disk and the pointers to them: what serving starts from, with or without a network.

Layout: `<root>/<digest>/` holds a bundle (named by the SHA-256 of its manifest, which names the hashes of all the
rest), `<root>/<alias>.json` says which one an alias means. Both appear by rename, so a crash leaves old or new.
"""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

from models.bundle import Bundle, load_bundle
from models.errors import BundleError
from registry.errors import NothingDeployedError, RegistryError

DEPLOYED: Final = "deployed"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


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
        scratch = Path(tempfile.mkdtemp(dir=self._root, prefix=".incoming-"))
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

    def point(self, alias: str, digest: str) -> None:
        """Makes an alias mean an installed bundle.

        Raises:
            RegistryError: There is no such bundle in the store.
        """
        if not _DIGEST.fullmatch(digest) or not (self._root / digest).is_dir():
            raise RegistryError(f"no bundle {digest!r} in the local store")
        descriptor, scratch = tempfile.mkstemp(dir=self._root, prefix=".incoming-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"digest": digest}, file)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(self._pointer(alias))
        _sync_folder(self._root)

    def deployed(self) -> Path:
        """The folder of the bundle that `deployed` means.

        Raises:
            NothingDeployedError: Nothing was deployed yet.
            RegistryError: The pointer is damaged.
        """
        try:
            digest = json.loads(self._pointer(DEPLOYED).read_text(encoding="utf-8"))["digest"]
        except FileNotFoundError as error:
            raise NothingDeployedError("no model is deployed on this machine") from error
        except (ValueError, KeyError, TypeError) as error:
            raise RegistryError(f"the pointer {self._pointer(DEPLOYED).name} is damaged") from error
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise RegistryError(f"the pointer {self._pointer(DEPLOYED).name} is damaged")
        return self._root / digest

    def _pointer(self, alias: str) -> Path:
        return self._root / f"{alias}.json"


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
