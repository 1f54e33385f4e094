"""Asking the registry from an endpoint: in threads of its own, with errors that an endpoint can answer."""

from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread

from registry.errors import RegistryError, UnknownVersionError
from registry.rest import MlflowRest
from registry.version import MODEL_NAME, ModelVersion
from serving.errors import NotFound, RegistryUnavailable
from serving.platform import Platform

T = TypeVar("T")


async def in_registry_thread(platform: Platform, work: Callable[[], T]) -> T:
    """The result of `work`. A registry that hangs must not hold the threads that the other requests need."""
    return await to_thread.run_sync(work, limiter=platform.registry_slots)


def registered_version(rest: MlflowRest, version: str) -> ModelVersion:
    """A version as the registry describes it. Waits for the network: call it in a thread.

    Raises:
        NotFound: There is no such version.
        RegistryUnavailable: MLflow does not answer.
    """
    try:
        return rest.version(MODEL_NAME, version)
    except UnknownVersionError as error:
        raise NotFound(f"there is no model version {version}") from error
    except RegistryError as error:
        raise RegistryUnavailable(str(error)) from error
