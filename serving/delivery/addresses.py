"""Which addresses webhooks may reach: a URL must not make the platform a door to what only it can see."""

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

from serving.delivery.message import DeliveryFailed
from serving.errors import ConfigurationError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host: RFC 1122 section 3.2.1.3
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "::1/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        # Metadata services of clouds, which hand out credentials to whoever asks from the machine.
        "169.254.169.254/32",  # most of them
        "169.254.170.2/32",  # AWS ECS
        "169.254.170.23/32",  # AWS EKS
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure
        "192.0.0.192/32",  # Oracle
        "fd00:ec2::254/128",  # AWS
        "fd00:ec2::23/128",  # AWS EKS
        "fd20:ce::254/128",  # Google
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052


@dataclass(frozen=True, slots=True)
class AllowList:
    """Hosts and networks that the administrator listed.

    Attributes:
        hosts: Names in small letters.
        networks: Networks and single addresses.
    """

    hosts: frozenset[str]
    networks: tuple[Network, ...]

    @classmethod
    def of(cls, listed: Iterable[str]) -> Self:
        """The list of the setting.

        Raises:
            ConfigurationError: An entry is neither an address, a network, nor a host name.
        """
        hosts, networks = set(), []
        for text in listed:
            try:
                networks.append(ip_network(text.strip("[]"), strict=False))
            except ValueError:
                name = text.lower().rstrip(".")
                if not name or set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789.-_"):
                    raise ConfigurationError(f"WEBHOOK_ALLOWED: {text!r} is no host and no network") from None
                hosts.add(name)
        return cls(frozenset(hosts), tuple(networks))

    def require(self, host: str, addresses: Sequence[Address]) -> None:
        """Refuses a host if one of its addresses is not one that webhooks may reach.

        Loopback, link-local, multicast, reserved and metadata addresses need an entry that lies within just that
        range: neither a name nor `0.0.0.0/0` lets them through. All others pass an empty list.

        Raises:
            DeliveryFailed: For good.
        """
        for address in addresses:
            real = unwrapped(address)
            special = [network for network in _SPECIAL if real in network]
            holding = [network for network in self.networks if real in network]
            if special:
                passes = all(any(_lies_within(listed, block) for listed in holding) for block in special)
            else:
                passes = not (self.hosts or self.networks) or host.lower().rstrip(".") in self.hosts or bool(holding)
            if not passes:
                kind = "a loopback, link-local, metadata or reserved address" if special else "not in WEBHOOK_ALLOWED"
                raise DeliveryFailed(f"refused: {host} is {real}, {kind}", is_final=True)


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):  # the latter: IPv4-compatible, RFC 4291
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return IPv6Address(int(address))  # without a zone


def look_up(host: str, port: int) -> list[Address]:
    """Every address of a host, the preferred one first. Blocks.

    Raises:
        DeliveryFailed: It has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"the name {host} has no address: {error}") from error
    addresses = dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)
    if not addresses:
        raise DeliveryFailed(f"the name {host} has no address")
    return list(addresses)


def _lies_within(listed: Network, block: Network) -> bool:
    if isinstance(listed, IPv4Network):
        return isinstance(block, IPv4Network) and listed.subnet_of(block)
    return isinstance(block, IPv6Network) and listed.subnet_of(block)
