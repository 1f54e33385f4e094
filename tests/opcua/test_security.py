"""Who comes in, and what they may do."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyAes256Sha256RsaPss, SecurityPolicyBasic256Sha256

from tests.opcua.client import Pki, client_of, node
from tests.opcua.plant import PlantUnderTest
from tests.opcua.waiting import Notes, eventually
from tests.serving.conftest import PASSWORD

_SIGN, _ENCRYPT = ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt
_REFUSED = (ua.UaError, ConnectionError, TimeoutError, OSError)


@pytest.mark.parametrize("mode", [_SIGN, _ENCRYPT])
@pytest.mark.parametrize("policy", [SecurityPolicyBasic256Sha256, SecurityPolicyAes256Sha256RsaPss])
async def test_client_reads_when_it_is_trusted_and_its_password_right(
    shared: PlantUnderTest, pki: Pki, trusted: Path, mode: ua.MessageSecurityMode, policy: Any
) -> None:
    async with await client_of(shared.endpoint, pki, trusted, "viewer", mode=mode, policy=policy) as client:
        await eventually(node(client, "SystemStatus", None).read_value, "running")


@pytest.mark.parametrize(
    ("username", "password"),
    [("operator", "wrong password 1"), ("nobody", PASSWORD), ("Admin", "anything goes"), ("", ""), (None, "")],
)
async def test_client_is_refused_when_its_password_is_wrong(
    shared: PlantUnderTest, pki: Pki, trusted: Path, username: str | None, password: str
) -> None:
    client = await client_of(shared.endpoint, pki, trusted, username, password=password)
    with pytest.raises(_REFUSED):
        await client.connect()


async def test_platform_account_is_refused_when_it_comes_by_opcua(
    shared: PlantUnderTest, pki: Pki, trusted: Path
) -> None:
    password = json.loads(shared.settings.service_account_file.read_text())["password"]
    client = await client_of(shared.endpoint, pki, trusted, "service", password=password)
    with pytest.raises(_REFUSED):
        await client.connect()


async def test_unknown_certificate_is_kept_when_it_was_refused(shared: PlantUnderTest, pki: Pki) -> None:
    stranger = pki.make("stranger", trusted=False)
    with pytest.raises(_REFUSED):
        await (await client_of(shared.endpoint, pki, stranger)).connect()
    rejected = pki.server_dir / "rejected"
    (kept,) = [path for path in rejected.iterdir() if path.read_bytes() == stranger.read_bytes()]
    kept.rename(pki.server_dir / "trusted" / kept.name)  # what an administrator does
    async with await client_of(shared.endpoint, pki, stranger) as client:
        await eventually(node(client, "SystemStatus", None).read_value, "running")


@pytest.mark.parametrize(("days", "uri"), [(-1, "urn:integrator:plc"), (30, "urn:somebody:else")])
async def test_certificate_is_refused_when_it_is_trusted_but_not_right(
    shared: PlantUnderTest, pki: Pki, days: int, uri: str
) -> None:
    if days < 0:
        certificate = pki.make("old", trusted=False)
        _expire(certificate)
        (pki.server_dir / "trusted" / certificate.name).write_bytes(certificate.read_bytes())
    else:
        certificate = pki.make("other-uri", trusted=True, uri=uri)
    with pytest.raises(_REFUSED):
        await (await client_of(shared.endpoint, pki, certificate)).connect()


async def test_client_is_refused_when_it_leaves_its_certificate_out_of_the_session(
    shared: PlantUnderTest, pki: Pki, trusted: Path
) -> None:
    client = await client_of(shared.endpoint, pki, trusted)
    client.user_certificate = None
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    send = client.uaclient.create_session

    async def without(params: ua.CreateSessionParameters) -> Any:
        params.ClientCertificate = None
        return await send(params)

    client.uaclient.create_session = without
    with pytest.raises(_REFUSED):
        await client.create_session()
    client.disconnect_socket()


async def test_password_is_not_even_looked_at_when_the_channel_has_no_security(shared: PlantUnderTest) -> None:
    client = Client(shared.endpoint, timeout=5)
    endpoints = await client.connect_and_get_server_endpoints()
    assert {endpoint.SecurityMode for endpoint in endpoints} == {_SIGN, _ENCRYPT}
    # A client that does not care which endpoints there are.
    client = Client(shared.endpoint, timeout=5)
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    with pytest.raises(_REFUSED) as caught:
        await client.uaclient.create_session(ua.CreateSessionParameters())
    assert "BadSecurityPolicyRejected" in str(caught.value)
    client.disconnect_socket()


async def test_subscription_stays_when_somebody_else_deletes_it(operator: Client, viewer: Client) -> None:
    subscription = await operator.create_subscription(100, Notes())
    calls: tuple[Callable[[], Any], ...] = (
        lambda: viewer.uaclient.delete_subscriptions([subscription.subscription_id]),
        lambda: viewer.uaclient.transfer_subscriptions(_transfer(subscription.subscription_id)),
    )
    for call in calls:
        try:
            answers = await call()
        except ua.UaStatusCodeError:
            continue
        assert all(not getattr(answer, "StatusCode", answer).is_good() for answer in answers)
    assert (await operator.uaclient.delete_subscriptions([subscription.subscription_id]))[0].is_good()


async def test_subscription_gets_other_times_when_it_asks_for_impossible_ones(operator: Client) -> None:
    wanted = ua.CreateSubscriptionParameters()
    wanted.RequestedPublishingInterval, wanted.RequestedLifetimeCount = 0.0, 2**31
    wanted.RequestedMaxKeepAliveCount = 2**31
    subscription = await operator.create_subscription(wanted, Notes())
    revised = subscription.parameters
    answer = await operator.uaclient.modify_subscription(_unchanged(subscription.subscription_id))
    assert answer.RevisedPublishingInterval >= 25
    assert answer.RevisedPublishingInterval * answer.RevisedLifetimeCount <= 61_000
    assert revised is not None
    await subscription.delete()


async def test_session_stays_small_when_it_wants_many_subscriptions(operator: Client) -> None:
    made = [await operator.create_subscription(1000, Notes()) for _ in range(10)]
    with pytest.raises(ua.UaStatusCodeError):
        await operator.create_subscription(1000, Notes())
    for subscription in made:
        await subscription.delete()


@pytest.mark.parametrize("sent", [b"HELF\xff\xff\xff\x7f", b"GET / HTTP/1.1\r\n\r\n", b"MSGF\x00\x00\x10\x00"])
async def test_connection_ends_when_it_announces_too_much_or_speaks_something_else(
    shared: PlantUnderTest, sent: bytes
) -> None:
    def ends() -> bool:
        with socket.create_connection(("127.0.0.1", shared.opcua_port), timeout=10) as stranger:
            stranger.sendall(sent + b"\0" * 64)
            try:
                return stranger.recv(1) == b""
            except ConnectionResetError:
                return True

    assert await asyncio.to_thread(ends)


def _transfer(subscription_id: int) -> ua.TransferSubscriptionsParameters:
    wanted = ua.TransferSubscriptionsParameters()
    wanted.SubscriptionIds = [subscription_id]
    return wanted


def _unchanged(subscription_id: int) -> ua.ModifySubscriptionParameters:
    wanted = ua.ModifySubscriptionParameters()
    wanted.SubscriptionId = subscription_id
    return wanted


def _expire(path: Path) -> None:
    """Makes the certificate one of last year, with the same key."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415

    key = serialization.load_pem_private_key(path.with_suffix(".pem").read_bytes(), None)
    old, now = x509.load_der_x509_certificate(path.read_bytes()), datetime.now(UTC)
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
    builder = builder.not_valid_before(now - timedelta(days=400)).not_valid_after(now - timedelta(days=35))
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))  # type: ignore[arg-type]
