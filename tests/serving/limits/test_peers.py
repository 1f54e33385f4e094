"""Which address counts, for each mix of proxies and headers."""

import pytest
from starlette.types import Scope

from serving.errors import ConfigurationError
from serving.limits.peers import Peers


def _scope(peer: str | None, **headers: str) -> Scope:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (peer, 1) if peer else None, "headers": raw}


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "expected"),
    [
        ([], "10.0.0.9", "1.1.1.1", "10.0.0.9"),  # nobody is trusted
        (["10.0.0.9"], "10.0.0.9", "1.1.1.1", "1.1.1.1"),
        (["10.0.0.9"], "10.0.0.8", "1.1.1.1", "10.0.0.8"),  # a stranger claims to be a proxy
        (["10.0.0.9"], "10.0.0.9", "9.9.9.9, 1.1.1.1", "1.1.1.1"),  # the caller wrote the left one
        (["10.0.0.0/24"], "10.0.0.9", "9.9.9.9, 1.1.1.1, 10.0.0.7", "1.1.1.1"),  # two proxies in a row
        (["10.0.0.9"], "10.0.0.9", "1.1.1.1, not-an-address", "10.0.0.9"),
        (["10.0.0.9"], "10.0.0.9", "", "10.0.0.9"),
        (["::1"], "::1", "2001:db8::7", "2001:db8::7"),
        ([], None, "1.1.1.1", "unknown"),  # a socket without an address
    ],
)
def test_address_is_the_last_untrusted_one_when_forwarded(
    trusted: list[str], peer: str | None, forwarded: str, expected: str
) -> None:
    assert Peers(trusted).address(_scope(peer, x_forwarded_for=forwarded)) == expected


def test_network_is_one_bucket_when_it_is_version_six() -> None:
    peers = Peers([])
    assert peers.bucket(_scope("2001:db8:1:2::a")) == peers.bucket(_scope("2001:db8:1:2:ffff::b"))
    assert peers.bucket(_scope("2001:db8:1:2::a")) != peers.bucket(_scope("2001:db8:1:3::a"))
    assert peers.bucket(_scope("10.0.0.1")) != peers.bucket(_scope("10.0.0.2"))


@pytest.mark.parametrize(
    ("scope", "trusted", "expected"),
    [
        (_scope("127.0.0.1"), [], True),
        (_scope("::1"), [], True),
        (_scope("10.0.0.1"), [], False),
        (_scope("127.0.0.1", x_forwarded_for="127.0.0.1"), [], False),  # came through a proxy that nobody declared
        (_scope("127.0.0.1", forwarded="for=1.1.1.1"), [], False),
        (_scope("127.0.0.1", x_forwarded_for="1.1.1.1"), ["127.0.0.1"], False),
        (_scope(None), [], False),
    ],
)
def test_machine_is_this_one_when_nothing_was_forwarded(scope: Scope, trusted: list[str], *, expected: bool) -> None:
    assert Peers(trusted).is_this_machine(scope) is expected


def test_proxy_is_refused_when_it_is_no_address() -> None:
    with pytest.raises(ConfigurationError, match="TRUSTED_PROXIES"):
        Peers(["proxy.example"])
