"""Certificates that an authority has signed, and its lists of those that are worth nothing any more."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from asyncua import ua
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from opcua.errors import CertificateError
from opcua.trust import TrustList
from tests.opcua.authority import Authority, key_of, store
from tests.opcua.client import Pki, client_of, node
from tests.opcua.plant import PlantUnderTest
from tests.opcua.waiting import eventually

_SERIAL = 4711
_REFUSED = (ua.UaError, OSError, TimeoutError)


@pytest.fixture
def trust(tmp_path: Path) -> TrustList:
    """Empty folders."""
    return TrustList(tmp_path)


@pytest.fixture(scope="module")
def plant_it() -> Authority:
    """The authority of a plant."""
    return Authority("Plant IT")


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _status(trust: TrustList, certificate: x509.Certificate) -> int:
    with pytest.raises(CertificateError) as caught:
        trust.check(_der(certificate))
    return caught.value.status


def test_certificate_is_trusted_when_a_known_authority_has_signed_it(trust: TrustList, plant_it: Authority) -> None:
    signed = plant_it.sign("plc", _SERIAL)
    assert _status(trust, signed) == ua.StatusCodes.BadCertificateUntrusted
    store(trust.issuers, "plant-it", plant_it.certificate())
    assert trust.check(_der(signed)).serial_number == _SERIAL


def test_certificate_is_refused_when_the_authority_only_has_the_right_name(
    trust: TrustList, plant_it: Authority
) -> None:
    store(trust.issuers, "plant-it", plant_it.certificate())
    forger = Authority("Plant IT", key_of("forger"))
    assert _status(trust, forger.sign("plc", _SERIAL)) == ua.StatusCodes.BadCertificateUntrusted


@pytest.mark.parametrize(("may_sign", "key_cert_sign"), [(False, True), (True, False), (False, None)])
def test_certificate_is_refused_when_its_issuer_may_not_sign(
    trust: TrustList, plant_it: Authority, may_sign: bool, key_cert_sign: bool | None
) -> None:
    store(trust.issuers, "plant-it", plant_it.certificate(may_sign=may_sign, key_cert_sign=key_cert_sign))
    assert _status(trust, plant_it.sign("plc", _SERIAL)) == ua.StatusCodes.BadCertificateUntrusted


def test_certificate_is_trusted_when_its_issuer_does_not_tell_the_use_of_its_key(
    trust: TrustList, plant_it: Authority
) -> None:
    store(trust.issuers, "plant-it", plant_it.certificate(key_cert_sign=None))
    trust.check(_der(plant_it.sign("plc", _SERIAL)))


def test_trusted_client_vouches_for_nobody_when_it_is_not_among_the_issuers(
    trust: TrustList, plant_it: Authority
) -> None:
    store(trust.trusted, "plant-it", plant_it.certificate())
    assert _status(trust, plant_it.sign("plc", _SERIAL)) == ua.StatusCodes.BadCertificateUntrusted


def test_nobody_is_let_in_when_authorities_have_signed_each_other(trust: TrustList) -> None:
    one, other = Authority("One"), Authority("Other")
    for signer, signed in ((one, other), (other, one)):
        crossed = x509.CertificateBuilder(signer.name, signed.name, signed.key.public_key(), 2)
        made = signed.certificate()
        crossed = crossed.not_valid_before(made.not_valid_before_utc).not_valid_after(made.not_valid_after_utc)
        crossed = crossed.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        algorithm = made.signature_hash_algorithm
        assert algorithm is not None
        store(trust.issuers, str(signed.name.rfc4514_string()), crossed.sign(signer.key, algorithm))  # type: ignore[arg-type]
    stranger = Authority("Stranger", key_of("forger"))
    assert _status(trust, stranger.sign("plc", _SERIAL)) == ua.StatusCodes.BadCertificateUntrusted


def test_certificate_is_refused_when_its_number_is_on_the_list(trust: TrustList, plant_it: Authority) -> None:
    store(trust.issuers, "plant-it", plant_it.certificate())
    good, gone = plant_it.sign("plc", _SERIAL), plant_it.sign("stolen", _SERIAL + 1, subject="stolen")
    (trust.revoked / "plant-it.crl").write_bytes(plant_it.revoke([_SERIAL + 1]))
    trust.check(_der(good))
    assert _status(trust, gone) == ua.StatusCodes.BadCertificateRevoked
    store(trust.trusted, "stolen", gone)  # also where somebody trusts that very one
    assert _status(trust, gone) == ua.StatusCodes.BadCertificateRevoked


def test_list_still_counts_when_it_is_old(trust: TrustList, plant_it: Authority) -> None:
    store(trust.issuers, "plant-it", plant_it.certificate())
    (trust.revoked / "plant-it.crl").write_bytes(plant_it.revoke([_SERIAL], until=-timedelta(days=9)))
    assert _status(trust, plant_it.sign("plc", _SERIAL)) == ua.StatusCodes.BadCertificateRevoked
    trust.check(_der(plant_it.sign("plc", _SERIAL + 1)))


def test_nobody_is_let_in_when_a_list_cannot_be_read(trust: TrustList, plant_it: Authority) -> None:
    store(trust.issuers, "plant-it", plant_it.certificate())
    (trust.revoked / "plant-it.crl").write_bytes(b"half a list")
    assert _status(trust, plant_it.sign("plc", _SERIAL)) == ua.StatusCodes.BadCertificateRevocationUnknown


async def test_client_of_an_authority_comes_in_until_it_is_revoked(
    shared: PlantUnderTest, pki: Pki, plant_it: Authority
) -> None:
    certificate = store(pki.folder, "signed", plant_it.sign("plc", _SERIAL), key_of("plc"))
    authority = store(pki.server_dir / "issuers", "plant-it", plant_it.certificate())
    revoked = pki.server_dir / "revoked" / "plant-it.crl"
    try:
        async with await client_of(shared.endpoint, pki, certificate, "viewer") as client:
            status = node(client, "SystemStatus", None)
            await eventually(status.read_value, "running")
            revoked.write_bytes(plant_it.revoke([_SERIAL]))
            with pytest.raises(_REFUSED):  # also who is connected already
                await eventually(status.read_value, "something else")
        with pytest.raises(_REFUSED):
            await (await client_of(shared.endpoint, pki, certificate, "viewer")).connect()
    finally:
        await asyncio.to_thread(authority.unlink)
        await asyncio.to_thread(revoked.unlink, missing_ok=True)
