"""Which clients' certificates are trusted: those in one folder, and those that an authority of another has signed.

Asyncua looks at a certificate when a session is made, and only at the one that the client names there; who names none
is not looked at. So the one that really secures the channel is judged here, before the channel is opened.
"""

from collections.abc import Hashable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import structlog
from asyncua import ua
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from opcua.errors import CertificateError

_MOST_REJECTED: Final = 50
_MOST_BYTES: Final = 64 * 1024
_LEAST_KEY_BITS: Final = 2048
_log = structlog.get_logger(__name__)


class TrustList:
    """The folders `trusted`, `issuers`, `revoked` (their lists) and `rejected`. They are read at each new channel.

    Only what lies in `issuers` may vouch for others: many a client's self-signed certificate says that it could.

    A rejected certificate is kept, so that somebody can move it to `trusted`; no restart is needed.
    """

    def __init__(self, pki_dir: Path) -> None:
        """Takes the folder of the certificates and makes those below it."""
        self.trusted, self.issuers = pki_dir / "trusted", pki_dir / "issuers"
        self.revoked, self.rejected = pki_dir / "revoked", pki_dir / "rejected"
        for folder in (self.trusted, self.issuers, self.revoked, self.rejected):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def check(self, der: bytes, now: datetime | None = None) -> x509.Certificate:
        """The certificate, provided that it is trusted and valid now.

        Raises:
            CertificateError: It is not.
        """
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError as error:
            raise CertificateError("it is no certificate", ua.StatusCodes.BadCertificateInvalid) from error
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _LEAST_KEY_BITS:
            raise CertificateError("its key is too short", ua.StatusCodes.BadCertificatePolicyCheckFailed)
        if not self._is_trusted(certificate):
            self._keep(certificate)
            raise CertificateError("it is not trusted", ua.StatusCodes.BadCertificateUntrusted)
        at = now or datetime.now(UTC)
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise CertificateError("it is not valid now", ua.StatusCodes.BadCertificateTimeInvalid)
        if self._is_revoked(certificate):
            raise CertificateError("it was revoked", ua.StatusCodes.BadCertificateRevoked)
        return certificate

    def state(self) -> Hashable:
        """Another value when anything in the folders that decide has changed."""
        found = []
        for folder in (self.trusted, self.issuers, self.revoked):
            for path in _files(folder):
                with suppress(OSError):  # gone meanwhile
                    told = path.stat()
                    found.append((path, told.st_mtime_ns, told.st_size))
        return tuple(found)

    def _is_trusted(self, certificate: x509.Certificate) -> bool:
        content = certificate.public_bytes(Encoding.DER)
        if any(known.public_bytes(Encoding.DER) == content for known in _certificates(self.trusted)):
            return True
        authorities = (known for known in _certificates(self.issuers) if _may_sign(known))
        return any(_was_signed_by(certificate, authority) for authority in authorities)

    def _is_revoked(self, certificate: x509.Certificate) -> bool:
        has_list = False
        for path in _files(self.revoked):
            try:
                content = path.read_bytes()
                pem = content.lstrip().startswith(b"-----")
                revoked = x509.load_pem_x509_crl(content) if pem else x509.load_der_x509_crl(content)
            except (OSError, ValueError) as error:
                # A list that cannot be read may name this very certificate.
                raise CertificateError(
                    f"the list {path.name} cannot be read", ua.StatusCodes.BadCertificateRevocationUnknown
                ) from error
            if revoked.issuer != certificate.issuer:
                continue
            if revoked.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                return True
            has_list = has_list or self._is_of_authority(revoked)
            if revoked.next_update_utc is not None and revoked.next_update_utc < datetime.now(UTC):
                # An old list still counts. To stop a line at midnight because nobody brought a new one would be worse.
                _log.warning("revocation_list_is_old", file=path.name, next_update=revoked.next_update_utc.isoformat())
        if not has_list and certificate.issuer != certificate.subject:
            _log.warning("authority_without_revocation_list", authority=certificate.issuer.rfc4514_string()[:200])
        return False

    def _is_of_authority(self, revoked: x509.CertificateRevocationList) -> bool:
        """Whether an authority that we know has really signed the list."""
        signers = (known for known in _certificates(self.issuers) if known.subject == revoked.issuer)
        keys = (known.public_key() for known in signers)
        # Other kinds of keys sign no certificate that we take.
        return any(isinstance(key, rsa.RSAPublicKey) and revoked.is_signature_valid(key) for key in keys)

    def _keep(self, certificate: x509.Certificate) -> None:
        """Stores a refused certificate under its fingerprint, and lets go of the oldest ones beyond a number."""
        content = certificate.public_bytes(Encoding.DER)
        path = self.rejected / f"{sha256(content).hexdigest()[:40]}.der"
        try:
            if len(content) <= _MOST_BYTES:
                path.write_bytes(content)
            present = sorted(self.rejected.glob("*.der"), key=lambda file: file.stat().st_mtime)
            for old in present[:-_MOST_REJECTED]:
                old.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("certificate_not_kept", error=str(error))
        _log.warning("certificate_rejected", file=path.name, subject=certificate.subject.rfc4514_string()[:200])


def application_uris(certificate: x509.Certificate) -> tuple[str, ...]:
    """What a certificate calls the application that it is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(names.get_values_for_type(x509.UniformResourceIdentifier))


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in {".der", ".pem", ".crt", ".cer", ".crl"})


def _certificates(folder: Path) -> Iterable[x509.Certificate]:
    for path in _files(folder):
        try:
            content = path.read_bytes()
            pem = content.lstrip().startswith(b"-----")
            yield x509.load_pem_x509_certificate(content) if pem else x509.load_der_x509_certificate(content)
        except (OSError, ValueError):
            _log.warning("certificate_unreadable", file=path.name)


def _may_sign(known: x509.Certificate) -> bool:
    try:
        if not known.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return known.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.KeyUsage.oid  # it may be left out: everything is allowed then
    except ValueError:
        return False


def _was_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return issuer.not_valid_before_utc <= datetime.now(UTC) <= issuer.not_valid_after_utc
