"""An authority that signs clients' certificates and takes them back, as a plant's IT department has one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from asyncua.crypto.cert_gen import dump_private_key_as_pem, generate_private_key
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.opcua.client import CLIENT_URI

_DAY = timedelta(days=1)


@cache
def key_of(owner: str) -> RSAPrivateKey:
    """A key for each owner, made once: that is slow."""
    del owner
    return generate_private_key()


def name_of(common_name: str) -> x509.Name:
    """A subject or an issuer."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Authority:
    """Signs certificates and lists of those that are worth nothing any more."""

    def __init__(self, name: str, key: RSAPrivateKey | None = None) -> None:
        """Takes its name, and its key where another one has the same name."""
        self.name = name_of(name)
        self.key = key or key_of(name)

    def certificate(self, *, may_sign: bool = True, key_cert_sign: bool | None = True) -> x509.Certificate:
        """Its own certificate; `key_cert_sign` None leaves the use of the key untold."""
        builder = _builder(self.name, self.name, self.key, 1)
        builder = builder.add_extension(x509.BasicConstraints(ca=may_sign, path_length=None), critical=True)
        if key_cert_sign is not None:
            usage = x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=key_cert_sign,
                crl_sign=key_cert_sign,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def sign(self, client: str, serial: int, *, subject: str | None = None) -> x509.Certificate:
        """A client's certificate."""
        builder = _builder(name_of(subject or client), self.name, key_of(client), serial)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        uri = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(CLIENT_URI)])
        return builder.add_extension(uri, critical=False).sign(self.key, hashes.SHA256())

    def revoke(self, serials: Sequence[int], *, until: timedelta = _DAY) -> bytes:
        """The list of those numbers, good for so long."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(min(now, now + until) - _DAY).next_update(now + until)
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - _DAY).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)


def store(folder: Path, name: str, certificate: x509.Certificate, key: RSAPrivateKey | None = None) -> Path:
    """The file of a certificate, with its key beside it."""
    path = folder / f"{name}.der"
    path.write_bytes(certificate.public_bytes(Encoding.DER))
    if key is not None:
        path.with_suffix(".pem").write_bytes(dump_private_key_as_pem(key))
    return path


def _builder(subject: x509.Name, issuer: x509.Name, key: RSAPrivateKey, serial: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), serial)
    return builder.not_valid_before(now - _DAY).not_valid_after(now + 30 * _DAY)
