"""An OPC UA client as a line integrator has one: a certificate, a name and a password."""

from pathlib import Path
from typing import Any, Final

from asyncua import Client, Node, ua
from asyncua.crypto.cert_gen import dump_private_key_as_pem, generate_private_key, generate_self_signed_app_certificate
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from opcua.nodes import NAMESPACE
from tests.serving.conftest import PASSWORD

CLIENT_URI: Final = "urn:integrator:plc"


class Pki:
    """A client's certificates, and the folder where the server looks for them."""

    def __init__(self, folder: Path, server_dir: Path) -> None:
        """Takes a folder for the client, and the server's."""
        self.folder = folder
        self.server_dir = server_dir
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def server_certificate(self) -> Path:
        """The server's certificate, as an integrator exports it."""
        return self.server_dir / "own" / "ussop.der"

    def make(self, name: str, *, trusted: bool, uri: str = CLIENT_URI, days: int = 30) -> Path:
        """A self-signed certificate; its key lies beside it."""
        path, key = self.folder / f"{name}.der", generate_private_key()
        made = generate_self_signed_app_certificate(
            key, name, {}, [x509.UniformResourceIdentifier(uri)], [ExtendedKeyUsageOID.CLIENT_AUTH], days=days
        )
        path.with_suffix(".pem").write_bytes(dump_private_key_as_pem(key))
        content = made.public_bytes(Encoding.DER)
        path.write_bytes(content)
        if trusted:
            folder = self.server_dir / "trusted"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / path.name).write_bytes(content)
        return path


async def client_of(
    endpoint: str,
    pki: Pki,
    certificate: Path,
    username: str | None = "operator",
    *,
    password: str = PASSWORD,
    mode: ua.MessageSecurityMode = ua.MessageSecurityMode.SignAndEncrypt,
    policy: Any = SecurityPolicyBasic256Sha256,
    uri: str = CLIENT_URI,
    timeout_s: float = 10,
) -> Client:
    """A client that is not connected yet."""
    client = Client(endpoint, timeout=timeout_s)
    client.application_uri = uri
    if username is not None:
        client.set_user(username)
        client.set_password(password)
    await client.set_security(
        policy,
        certificate=str(certificate),
        private_key=str(certificate.with_suffix(".pem")),
        server_certificate=str(pki.server_certificate),
        mode=mode,
    )
    return client


def node(client: Client, name: str, station_id: str | None = "line-1") -> Node:
    """A variable of a station, by its documented node id."""
    namespace = client_namespace()
    path = name if station_id is None else f"station/{station_id}/{name}"
    return client.get_node(ua.NodeId(path, namespace))


def client_namespace() -> int:
    """Index of our namespace; tests look it up once to see that it holds."""
    return 2


async def namespace_of(client: Client) -> int:
    """Index of our namespace, as the server tells it."""
    return await client.get_namespace_index(NAMESPACE)
