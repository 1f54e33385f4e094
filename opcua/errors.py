"""What can go wrong in this room."""

from typing import ClassVar


class OpcUaError(Exception):
    """Base of this room's errors."""

    code: ClassVar[str] = "opcua_error"


class CertificateError(OpcUaError):
    """A client's certificate is not one to talk to.

    Attributes:
        status: Number of the OPC UA status code that says why.
    """

    code = "certificate_refused"

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class LoginError(OpcUaError):
    """Name and password do not let the client in.

    Attributes:
        status: Number of the OPC UA status code that says why.
    """

    code = "login_refused"

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class NodeSetError(OpcUaError):
    """The tables of OPC 40100-1 are not on this machine, or not the right ones."""

    code = "nodeset_missing"
