"""The server's own certificate: made at the first start, kept for years, never replaced behind a client's back."""

import ipaddress
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from asyncua.crypto.cert_gen import dump_private_key_as_pem, generate_private_key, generate_self_signed_app_certificate
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

LIFE_DAYS: Final = 5 * 365
WARN_BEFORE: Final = timedelta(days=60)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """Where the server's certificate lies.

    Attributes:
        certificate: File in DER form, to be given to clients.
        key: File of the private key in PEM form, readable by its owner alone.
        application_uri: What the certificate calls the application; the server must say the same.
        expires_at: From when on clients refuse it.
    """

    certificate: Path
    key: Path
    application_uri: str
    expires_at: datetime


def ensure_certificate(pki_dir: Path, host: str) -> OwnCertificate:
    """The server's certificate; made where there is none. An old one is kept, for clients trust that very one.

    Args:
        pki_dir: Folder of the certificates.
        host: Address on which the server listens.

    Raises:
        OSError: The folder cannot be used.
        ValueError: The file is no certificate.
    """
    folder = pki_dir / "own"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate, key = folder / "ussop.der", folder / "ussop-key.pem"
    if not (certificate.is_file() and key.is_file()):
        _make(certificate, key, host)
    content = x509.load_der_x509_certificate(certificate.read_bytes())
    names = content.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uri = names.get_values_for_type(x509.UniformResourceIdentifier)[0]
    expires_at = content.not_valid_after_utc
    if expires_at - datetime.now(UTC) < WARN_BEFORE:
        _log.warning("certificate_expires", file=str(certificate), expires_at=expires_at.isoformat())
    return OwnCertificate(certificate, key, uri, expires_at)


def _make(certificate: Path, key: Path, host: str) -> None:
    name = socket.gethostname()
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier(f"urn:{name}:ussop"),
        x509.DNSName(name),
        *([x509.DNSName("localhost")] if name != "localhost" else []),
    ]
    addresses = {"127.0.0.1"}
    try:
        ipaddress.ip_address(host)
        addresses.add(host)
    except ValueError:
        names += [x509.DNSName(host)] if host not in {name, "localhost"} else []
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in sorted(addresses)]
    private_key = generate_private_key()
    usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = generate_self_signed_app_certificate(
        private_key, f"Ussop@{name}"[:64], {"organizationName": "Ussop"}, names, usage, days=LIFE_DAYS
    )
    # The key first: a certificate without its key would never be replaced.
    key.unlink(missing_ok=True)
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(dump_private_key_as_pem(private_key))
    certificate.write_bytes(made.public_bytes(Encoding.DER))
    _log.info("certificate_made", file=str(certificate), application=f"urn:{name}:ussop")
