"""Which address a request really came from."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from serving.errors import ConfigurationError

_FORWARDING_HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip")
_UNKNOWN = "unknown"


class Peers:
    """Believes `X-Forwarded-For` from the configured proxies and from nobody else."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        try:
            self._trusted: list[IPv4Network | IPv6Network] = [
                ip_network(text, strict=False) for text in trusted_proxies
            ]
        except ValueError as error:
            raise ConfigurationError(f"TRUSTED_PROXIES: {error}") from error

    def address(self, scope: Scope) -> str:
        """The client's address, or `unknown`. Read from the right: only what a trusted proxy wrote counts."""
        peer = str(scope["client"][0]) if scope.get("client") else _UNKNOWN
        forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
        for hop in reversed([text.strip() for text in forwarded.split(",") if text.strip()]):
            if not self._is_trusted(peer) or not _is_address(hop):
                break
            peer = hop
        return peer

    def bucket(self, scope: Scope) -> str:
        """The address as a key for limits: a whole /64 for IPv6, since one machine may use all of it."""
        address = self.address(scope)
        if not _is_address(address):
            return address
        parsed = ip_address(address)
        return str(parsed) if parsed.version == 4 else str(ip_network(f"{parsed}/64", strict=False))

    def is_this_machine(self, scope: Scope) -> bool:
        """Whether the request came from this machine itself, not through a proxy that runs on it."""
        headers = Headers(scope=scope)
        peer = str(scope["client"][0]) if scope.get("client") else _UNKNOWN
        if self._is_trusted(peer) or any(name in headers for name in _FORWARDING_HEADERS):
            peer = self.address(scope) if self._is_trusted(peer) else _UNKNOWN
        return _is_address(peer) and ip_address(peer).is_loopback

    def came_encrypted(self, scope: Scope) -> bool:
        """Whether the client spoke TLS, with us or with a trusted proxy that says so."""
        if scope.get("scheme") in {"https", "wss"}:
            return True
        told = Headers(scope=scope).getlist("x-forwarded-proto")
        if not told:  # every answer asks: no address is parsed for nothing
            return False
        peer = str(scope["client"][0]) if scope.get("client") else _UNKNOWN
        return self._is_trusted(peer) and told[-1].rpartition(",")[2].strip().lower() in {"https", "wss"}

    def _is_trusted(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
