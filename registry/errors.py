"""The errors of this room."""

from typing import ClassVar


class RegistryError(Exception):
    """Base of every error raised in `registry`."""

    code: ClassVar[str] = "registry_error"


class NothingDeployedError(RegistryError):
    """No bundle is deployed on this machine."""

    code = "nothing_deployed"


class RegistryUnavailableError(RegistryError):
    """The registry server does not answer, or not in time."""

    code = "registry_unavailable"


class UnknownVersionError(RegistryError):
    """The registry has no such model, version or alias."""

    code = "unknown_model_version"


class ProtectedVersionError(RegistryError):
    """An alias points at what was to be deleted."""

    code = "model_version_in_use"
