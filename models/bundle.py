"""A bundle: the folder with everything a verdict depends on, read only after its hashes are verified."""

import hashlib
import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from models.errors import BundleError
from models.manifest import Artefact, Manifest

MANIFEST_NAME: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle on disk.

    Attributes:
        root: The folder.
        manifest: What it says of itself.
        digest: SHA-256 of the manifest file: two bundles with one digest are the same to the byte.
    """

    root: Path
    manifest: Manifest
    digest: str

    def path_of(self, artefact: Artefact) -> Path:
        """The file of an artefact."""
        return self.root / artefact.path


def load_bundle(root: Path) -> Bundle:
    """The bundle in a folder, after every file in it was found to be the one the manifest names.

    Raises:
        BundleError: No manifest, an invalid one, or a file missing, changed, unlisted, linked or not regular.
    """
    root = Path(root)
    try:
        raw = (root / MANIFEST_NAME).read_bytes()
        manifest = Manifest.model_validate_json(raw)
    except OSError as error:
        raise BundleError(f"no readable manifest in {root.name}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise BundleError(f"invalid manifest: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    _verify_files(root, manifest)
    return Bundle(root, manifest, hashlib.sha256(raw).hexdigest())


def seal_bundle(root: Path, manifest: Manifest) -> Bundle:
    """The bundle of a folder whose files are complete: hashes them, writes the manifest, and loads it back.

    Args:
        root: The folder, with every file but the manifest.
        manifest: Its manifest; `files_sha256` is filled in here.

    Raises:
        BundleError: The folder is not a valid bundle.
    """
    hashes = {path: sha256_of(root / path) for path in sorted(_files_below(root))}
    sealed = manifest.model_copy(update={"files_sha256": hashes})
    text = json.dumps(sealed.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    (root / MANIFEST_NAME).write_text(text, encoding="utf-8")
    return load_bundle(root)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_below(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir()} - {MANIFEST_NAME}


def _verify_files(root: Path, manifest: Manifest) -> None:
    listed, present = set(manifest.files_sha256), _files_below(root)
    if listed != present:
        difference = sorted(listed ^ present)
        raise BundleError(f"files missing or not listed in the manifest: {', '.join(difference[:5])}")
    for path, expected in manifest.files_sha256.items():
        _require_plain_file(root / path)
        if sha256_of(root / path) != expected:
            raise BundleError(f"{path} is not the file that the manifest names (SHA-256 differs)")
    needed = {manifest.onnx.path, *(g.path for g in manifest.golden)}
    needed |= {a.path for a in (manifest.openvino_fp16, manifest.openvino_int8) if a}
    if missing := sorted(needed - listed):
        raise BundleError(f"the manifest names files without a hash: {', '.join(missing)}")


def _require_plain_file(path: Path) -> None:
    # A link, also a hard one, could lead ONNX Runtime out of the folder to foreign "external data".
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise BundleError(f"{path.name} is not a plain file of its own")
