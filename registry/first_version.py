"""Registers what this machine has deployed as version 1: `python -m registry.first_version --help`.

`ussop up` runs it beside MLflow at each start. It waits for the server, does nothing where there is a version already,
and so leaves one version whatever dies in between: the alias is set in any case.
"""

import argparse
import logging
import sys
import time
from pathlib import Path
from typing import Final

from mlflow import MlflowClient

from models.bundle import Bundle, load_bundle
from models.errors import BundleError
from registry.errors import RegistryError, RegistryUnavailableError
from registry.local_store import LocalStore
from registry.publish import publish_bundle
from registry.rest import MlflowRest
from registry.runs import experiment_named
from registry.version import (
    DEPLOYED,
    MODEL_NAME,
    TAG_BUNDLE_DIGEST,
    TAG_METRIC_PREFIX,
    ModelVersion,
)

_PAUSE_S: Final = 1.0
_log = logging.getLogger(__name__)


def register_first_version(url: str, store: LocalStore) -> str | None:
    """The number of the version that was registered, None where the registry had one.

    Raises:
        RegistryError: Nothing is deployed here, or the server does not answer.
        BundleError: What is deployed here is damaged.
        MlflowException: The server refuses.
    """
    with MlflowRest(url) as rest:
        known = rest.versions(MODEL_NAME)
        bundle = load_bundle(store.deployed())
        if not known:
            version = _publish(url, bundle)
            rest.set_alias(MODEL_NAME, DEPLOYED, version)
            return version
        if not any(v.aliases for v in known) and (left := _of_bundle(known, bundle)) is not None:
            rest.set_alias(MODEL_NAME, DEPLOYED, left.version)  # an earlier run died between the two calls
    return None


def _publish(url: str, bundle: Bundle) -> str:
    client = MlflowClient(url, url)
    run = client.create_run(experiment_named(client, MODEL_NAME), run_name="as shipped")
    metrics = _headline(bundle)
    for key, value in metrics.items():
        client.log_metric(run.info.run_id, key, value)
    tags = {f"{TAG_METRIC_PREFIX}{key}": f"{value:.4f}" for key, value in metrics.items()}
    publication = publish_bundle(client, bundle, run_id=run.info.run_id, tags=tags)
    client.set_terminated(run.info.run_id)
    return publication.version


def _headline(bundle: Bundle) -> dict[str, float]:
    """The figures of the manifest that a person compares versions by, as far as it has them."""
    test = bundle.manifest.metrics.get("test", {})
    wanted = {
        "box_ap50": ("box", "ap50"),
        "mask_ap50": ("mask", "ap50"),
        "escape_rate": ("verdicts", "escape", "share"),
        "overkill_rate": ("verdicts", "overkill", "share"),
    }
    found = {}
    for name, path in wanted.items():
        value = test
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, int | float):
            found[name] = float(value)
    return found


def _of_bundle(known: list[ModelVersion], bundle: Bundle) -> ModelVersion | None:
    return next((v for v in known if v.tags.get(TAG_BUNDLE_DIGEST) == bundle.digest), None)


def _main() -> int:
    parser = argparse.ArgumentParser(description="Registers what this machine has deployed as version 1.")
    parser.add_argument("--url", required=True, help="of the MLflow server")
    parser.add_argument("--bundles-dir", type=Path, required=True)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    while True:
        try:
            version = register_first_version(chosen.url, LocalStore(chosen.bundles_dir.resolve()))
        except RegistryUnavailableError:
            time.sleep(_PAUSE_S)
        except (RegistryError, BundleError) as error:
            _log.error("the deployed model cannot be registered: %s", error)
            return 1
        else:
            if version is not None:
                _log.info("the deployed model is version %s of %s", version, MODEL_NAME)
            return 0


if __name__ == "__main__":
    sys.exit(_main())
