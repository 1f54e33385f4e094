"""Alerts as signed HTTP requests."""

import asyncio
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

import certifi
import httpx

from serving.alerts.schemas import Severity
from serving.delivery.addresses import Address, AllowList, look_up
from serving.delivery.message import DeliveryFailed, Message
from serving.delivery.severity import SEVERITIES, reaches
from serving.delivery.threads import in_own_thread
from serving.errors import ConfigurationError
from serving.version import VERSION

DEADLINE_S: Final = 10.0
_DEFAULT_LEAST: Final[Severity] = "warning"
_LONGEST_URL: Final = 2000


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """Where a webhook goes.

    Attributes:
        url: The URL.
        host: Its host.
        port: Its port.
        least: Least severity that is sent there.
    """

    url: str
    host: str
    port: int
    least: Severity

    @classmethod
    def of(cls, listed: str) -> Self:
        """The entry of the setting: a URL and, if not *warning*, the least severity.

        Raises:
            ConfigurationError: It cannot be used; the message does not repeat it, as it may hold a secret.
        """
        url, _, least = listed.partition(" ")
        severity = next((known for known in SEVERITIES if known == (least.strip() or _DEFAULT_LEAST)), None)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise ConfigurationError("WEBHOOK_TARGETS: an entry is no URL") from None
        if parts.scheme not in {"http", "https"} or not host or len(url) > _LONGEST_URL:
            raise ConfigurationError("WEBHOOK_TARGETS: an entry is no http or https URL")
        if parts.username is not None or parts.password is not None:
            raise ConfigurationError("WEBHOOK_TARGETS: a URL must not hold a user name or password")
        if severity is None:
            raise ConfigurationError(f"WEBHOOK_TARGETS: the severity is none of {', '.join(SEVERITIES)}")
        return cls(url, host, port, severity)


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """The signature of a body that is sent at that time.

    Source: HMAC, RFC 2104. The time is signed too, so that a receiver can refuse what is old.
    """
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def trusting_context() -> ssl.SSLContext:
    """Verifies servers by the authorities of the system (or `SSL_CERT_FILE`) and by those that browsers trust."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class WebhookTarget:
    """Sends alerts to one URL.

    The name is looked up once for each try, every address of it is judged, and the connection goes to one of these
    very addresses: a name server that answers differently the next time changes nothing. Redirects are not followed,
    proxies of the environment not used, and nothing of an answer is read but its status.
    """

    def __init__(
        self,
        target: WebhookUrl,
        secret: bytes,
        allowed: AllowList,
        tls: ssl.SSLContext,
        *,
        deadline_s: float = DEADLINE_S,
        resolve: Callable[[str, int], list[Address]] = look_up,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        """Takes the target and the key that signs."""
        self._target, self._secret, self._allowed, self._tls = target, secret, allowed, tls
        self._deadline_s = deadline_s
        self._resolve = resolve
        self._unix_time = unix_time
        # Two URLs of one host are told apart by a digest; the URL itself may hold a secret.
        digest = hashlib.sha256(target.url.encode()).hexdigest()[:8]
        self.name = f"webhook:{target.host}:{digest}"

    def accepts(self, severity: str) -> bool:
        """Whether it is severe enough."""
        return reaches(severity, self._target.least)

    async def send(self, message: Message) -> str | None:
        """Nothing to note, once the receiver has answered 2xx.

        Raises:
            DeliveryFailed: It has not.
        """
        began_s = time.monotonic()
        host, port = self._target.host, self._target.port
        try:
            addresses = await in_own_thread(lambda: self._resolve(host, port), self._deadline_s)
            self._allowed.require(host, addresses)
            left_s = max(0.1, self._deadline_s - (time.monotonic() - began_s))
            status = await self._post(addresses, message, left_s)
        except TimeoutError as error:
            raise DeliveryFailed(f"no answer within {self._deadline_s:g} s") from error
        if 300 <= status < 400:
            raise DeliveryFailed(f"answered {status}: redirects are not followed")
        if not 200 <= status < 300:
            raise DeliveryFailed(f"answered {status}")
        return None

    async def _post(self, addresses: list[Address], message: Message, left_s: float) -> int:
        """The status of the answer of the first address that takes the connection."""
        failure: httpx.HTTPError | None = None
        async with (
            asyncio.timeout(left_s),
            httpx.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=left_s) as client,
        ):
            for address in addresses:
                try:
                    async with client.stream("POST", **self._request(address, message)) as answer:
                        return answer.status_code
                except httpx.ConnectError as error:
                    failure = error
                except httpx.TimeoutException as error:
                    raise TimeoutError from error
                except httpx.HTTPError as error:
                    raise DeliveryFailed(f"the connection broke: {type(error).__name__}") from error
        reason = str(failure) or type(failure).__name__
        raise DeliveryFailed(f"no connection: {reason}") from failure

    def _request(self, address: Address, message: Message) -> dict[str, Any]:
        body = json.dumps(
            {"delivery": message.number, "event": f"alert.{message.event}", "alert": dict(message.alert)},
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()
        timestamp = str(int(self._unix_time()))
        parts = urlsplit(self._target.url)
        host = f"[{self._target.host}]" if ":" in self._target.host else self._target.host
        literal = f"[{address}]" if address.version == 6 else str(address)
        query = f"?{parts.query}" if parts.query else ""
        headers = {
            "Host": f"{host}:{parts.port}" if parts.port else host,
            "Content-Type": "application/json",
            "User-Agent": f"Ussop/{VERSION}",
            "X-Ussop-Event": f"alert.{message.event}",
            "X-Ussop-Delivery": message.number,
            "X-Ussop-Timestamp": timestamp,
            "X-Ussop-Signature": f"sha256={sign(self._secret, timestamp, body)}",
        }
        return {
            "url": f"{parts.scheme}://{literal}:{self._target.port}{parts.path or '/'}{query}",
            "content": body,
            "headers": headers,
            # The certificate must be that of the name, though the connection goes to the address.
            "extensions": {"sni_hostname": self._target.host},
        }
