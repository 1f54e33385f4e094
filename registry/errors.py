"""The errors of this room."""

from typing import ClassVar


class RegistryError(Exception):
    """Base of every error raised in `registry`."""

    code: ClassVar[str] = "registry_error"


class NothingDeployedError(RegistryError):
    """No bundle is deployed on this machine."""

    code = "nothing_deployed"
