"""From a registry version to a verified bundle on this disk."""

import tempfile
from pathlib import Path

from models.bundle import Bundle, load_bundle
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
