"""Webhooks arrive signed, and reach no address that they must not."""

import hashlib
import hmac
import ssl
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.clock import utc_now
from serving.delivery.addresses import Address, AllowList, look_up, unwrapped
from serving.delivery.message import DeliveryFailed, Message, example_message
from serving.delivery.webhook import WebhookTarget, WebhookUrl, trusting_context
from serving.errors import ConfigurationError
from tests.ports import free_port
from tests.serving.delivery.receivers import Receiver, black_hole, certificate_for, receiving, trusting

_SECRET = b"0123456789abcdef0123456789abcdef"
_HERE = AllowList.of(["127.0.0.1"])
_TLS = trusting_context()
_SPECIAL = """
127.0.0.1 127.1 0x7f000001 2130706433 localhost 0.0.0.0 [::1] [::] [::ffff:127.0.0.1] 169.254.169.254 [fe80::1]
[::ffff:a9fe:a9fe] [64:ff9b::a9fe:a9fe] [2002:7f00:1::] 224.0.0.1 255.255.255.255 168.63.129.16 100.100.100.200
[fd00:ec2::254] [::127.0.0.1]
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with receiving() as receiver:
        yield receiver


def target(url: str, allowed: AllowList = _HERE, **options: object) -> WebhookTarget:
    """A target with a short deadline."""
    defaults: dict[str, object] = {"deadline_s": 10.0}
    return WebhookTarget(WebhookUrl.of(url), _SECRET, allowed, _TLS, **{**defaults, **options})  # type: ignore[arg-type]


def message() -> Message:
    """Something to tell."""
    return example_message("error", utc_now())


async def test_receiver_can_check_the_signature_when_a_webhook_arrives(receiver: Receiver) -> None:
    sent = message()
    hook = target(f"http://127.0.0.1:{receiver.port}/a/b?token=x", unix_time=lambda: 1_700_000_000.9)
    assert await hook.send(sent) is None
    (got,) = receiver.received
    assert got.path == "/a/b?token=x"
    assert got.headers["X-Ussop-Timestamp"] == "1700000000"
    expected = hmac.new(_SECRET, b"1700000000." + got.body, hashlib.sha256).hexdigest()
    assert got.headers["X-Ussop-Signature"] == f"sha256={expected}"
    assert (got.headers["Content-Type"], got.headers["X-Ussop-Event"]) == ("application/json", "alert.test")
    assert got.content == {"delivery": sent.number, "event": "alert.test", "alert": sent.alert}
    assert "token" not in hook.name


@pytest.mark.prove("paths-and-injection", "a webhook that is redirected elsewhere, or refused")
@pytest.mark.parametrize(("status", "said"), [(302, "redirects are not followed"), (500, "answered 500")])
async def test_webhook_fails_when_the_answer_is_no_success(receiver: Receiver, status: int, said: str) -> None:
    with receiving() as elsewhere:
        receiver.statuses, receiver.headers = [status], {"Location": f"http://127.0.0.1:{elsewhere.port}/"}
        with pytest.raises(DeliveryFailed, match=said) as caught:
            await target(f"http://127.0.0.1:{receiver.port}/").send(message())
        assert not caught.value.is_final
        assert (len(receiver.received), elsewhere.received) == (1, [])


async def test_webhook_ends_by_its_deadline_when_nobody_answers() -> None:
    with black_hole() as port, pytest.raises(DeliveryFailed, match=r"no answer within 0\.5 s"):
        await target(f"http://127.0.0.1:{port}/", deadline_s=0.5).send(message())
    with pytest.raises(DeliveryFailed, match="no connection"):
        await target(f"http://127.0.0.1:{free_port()}/").send(message())


@pytest.mark.prove("paths-and-injection", "a webhook whose name has another address at the second look (rebinding)")
async def test_webhook_goes_to_the_address_that_was_judged_when_the_name_changes_its_mind(receiver: Receiver) -> None:
    answers = [[IPv4Address("127.0.0.1")], [IPv4Address("169.254.169.254")]]

    def resolve(_host: str, _port: int) -> list[Address]:
        return list(answers.pop(0))

    hook = target(f"http://mes.plant.example:{receiver.port}/", resolve=resolve)
    await hook.send(message())  # a second look at the name would give the other address
    assert receiver.received[0].headers["Host"] == f"mes.plant.example:{receiver.port}"
    with pytest.raises(DeliveryFailed, match=r"refused: mes\.plant\.example is 169\.254\.169\.254") as caught:
        await hook.send(message())
    assert caught.value.is_final
    assert answers == []


async def test_certificate_must_be_that_of_the_name_when_it_is_https(tmp_path: Path) -> None:
    server_tls, certificate = certificate_for(tmp_path, "mes.plant.example")
    with receiving(server_tls) as receiver:

        def hook(host: str, tls: ssl.SSLContext) -> WebhookTarget:
            url = WebhookUrl.of(f"https://{host}:{receiver.port}/")
            return WebhookTarget(url, _SECRET, _HERE, tls, resolve=lambda *_: [IPv4Address("127.0.0.1")])

        await hook("mes.plant.example", trusting(certificate)).send(message())
        assert len(receiver.received) == 1
        for host, tls in (("other.plant.example", trusting(certificate)), ("mes.plant.example", _TLS)):
            with pytest.raises(DeliveryFailed, match=r"(?i)certificate"):
                await hook(host, tls).send(message())
        assert len(receiver.received) == 1


@pytest.mark.prove("paths-and-injection", "webhooks to addresses of this machine, of the link and of the cloud")
@pytest.mark.parametrize("host", _SPECIAL.split())
@pytest.mark.parametrize("allowed", [[], ["localhost", "0.0.0.0/0", "::/0"], ["10.0.0.0/8"]], ids=str)
async def test_special_address_is_refused_when_it_is_not_listed_itself(host: str, allowed: list[str]) -> None:
    with pytest.raises(DeliveryFailed, match=r"refused|has no address") as caught:
        await target(f"http://{host}/", AllowList.of(allowed)).send(message())
    assert caught.value.is_final or "has no address" in str(caught.value)


@pytest.mark.parametrize(
    ("allowed", "host", "addresses", "passes"),
    [
        ([], "a.example", ["10.1.2.3"], True),
        ([], "a.example", ["203.0.113.9", "fd12::1"], True),
        ([], "a.example", ["203.0.113.9", "127.0.0.1"], False),
        (["A.example."], "a.EXAMPLE", ["10.1.2.3"], True),
        (["a.example"], "b.a.example", ["10.1.2.3"], False),
        (["a.example"], "a.example", ["169.254.1.1"], False),
        (["10.0.0.0/8"], "a.example", ["10.1.2.3"], True),
        (["10.0.0.0/8"], "a.example", ["10.1.2.3", "11.0.0.1"], False),
        (["10.0.0.0/8"], "a.example", ["::ffff:10.1.2.3"], True),
        (["127.0.0.0/8"], "a.example", ["127.9.9.9"], True),
        (["[::1]"], "localhost", ["::1"], True),
        (["169.254.0.0/16"], "a.example", ["169.254.1.1"], True),
        (["169.254.0.0/16"], "a.example", ["169.254.169.254"], False),
        (["169.254.169.254"], "a.example", ["169.254.169.254"], True),
        (["168.0.0.0/8"], "a.example", ["168.63.129.16"], False),
        (["168.0.0.0/8"], "a.example", ["168.63.129.17"], True),
    ],
)
def test_list_decides_when_it_is_asked(allowed: list[str], host: str, addresses: list[str], passes: bool) -> None:
    found = [ip_address(text) for text in addresses]
    if passes:
        AllowList.of(allowed).require(host, found)
        return
    with pytest.raises(DeliveryFailed):
        AllowList.of(allowed).require(host, found)


@given(st.ip_addresses(v=4), st.ip_addresses(v=6))
def test_wrapped_address_is_judged_as_the_real_one_when_it_is_one(four: Address, six: Address) -> None:
    assert unwrapped(ip_address(f"::ffff:{four}")) == four
    assert unwrapped(ip_address(int(ip_address("64:ff9b::")) + int(four))) == four
    assert unwrapped(four) == four
    assert unwrapped(six).version in {4, 6}


@pytest.mark.parametrize(
    "listed",
    ["ftp://a/", "a.example/hook", "http://", "http://u:secret@a/", "http://a:99999/", "http://a/ loud", "file:///etc"],
)
def test_target_is_refused_and_not_repeated_when_it_is_no_url(listed: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^WEBHOOK_TARGETS: ") as caught:
        WebhookUrl.of(listed)
    assert "secret" not in str(caught.value)


def test_severity_is_filtered_by_target_when_it_is_named() -> None:
    critical, usual = target("https://a.example/ critical"), target("https://a.example/hook")
    assert [critical.accepts(severity) for severity in ("warning", "error", "critical")] == [False, False, True]
    assert [usual.accepts(severity) for severity in ("info", "warning", "error")] == [False, True, True]
    assert critical.name != usual.name


def test_name_without_address_fails_when_it_is_looked_up() -> None:
    with pytest.raises(DeliveryFailed, match="has no address"):
        look_up("nobody.invalid", 80)
    with pytest.raises(DeliveryFailed, match="has no address"):
        look_up("a" * 70 + ".example", 80)
