"""From a registry version to a verified bundle on this disk."""

import hashlib
import tempfile
from pathlib import Path

from pydantic import ValidationError

from models.bundle import MANIFEST_NAME, Bundle, load_bundle
from models.manifest import Manifest
from registry.errors import RegistryError
from registry.local_store import LocalStore
from registry.rest import MlflowRest
from registry.version import BUNDLE_FOLDER, TAG_BUNDLE_DIGEST, ModelVersion


def fetch_bundle(rest: MlflowRest, store: LocalStore, version: ModelVersion) -> Bundle:
    """The bundle of a version, from the store if it is there, else downloaded, verified and installed.

    Args:
        rest: The registry.
        store: The bundles of this machine.
        version: The version to fetch.

    Raises:
        RegistryError: The version carries no digest, or what was downloaded is not what the digest says.
        RegistryUnavailableError: The server does not answer and the store does not have it.
        BundleError: What was downloaded is no valid bundle.
    """
    digest = version.tags.get(TAG_BUNDLE_DIGEST, "")
    known = store.find(digest)
    if known is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="ussop-bundle-") as scratch:
        rest.download(version, BUNDLE_FOLDER, Path(scratch))
        bundle = load_bundle(Path(scratch))
        # The manifest's own hash stands in the registry's database: changed artifacts are found out here.
        if bundle.digest != digest:
            raise RegistryError(f"version {version.version} is not the bundle that was registered (digest differs)")
        return store.install(Path(scratch))


def read_manifest(rest: MlflowRest, version: ModelVersion) -> Manifest:
    """What the bundle of a version says of itself, verified, without fetching the rest of the bundle.

    Raises:
        RegistryError: It is not the manifest that was registered, or none.
        RegistryUnavailableError: The server does not answer.
    """
    raw = rest.read_version_file(version, f"{BUNDLE_FOLDER}/{MANIFEST_NAME}")
    if hashlib.sha256(raw).hexdigest() != version.tags.get(TAG_BUNDLE_DIGEST):
        raise RegistryError(f"version {version.version} is not the bundle that was registered (digest differs)")
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        raise RegistryError(f"version {version.version} has an invalid manifest") from error
