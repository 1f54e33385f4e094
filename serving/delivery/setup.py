"""Whom the settings name as targets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from serving.alerts.schemas import Severity
from serving.delivery.addresses import AllowList
from serving.delivery.mail import MailServer, MailTarget
from serving.delivery.message import Target
from serving.delivery.settings import DeliverySettings
from serving.delivery.webhook import WebhookTarget, WebhookUrl, trusting_context
from serving.errors import ConfigurationError

MOST_TARGETS: Final = 20
_LEAST_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class DeliverySetup:
    """Where alerts go.

    Attributes:
        mail: The mail server, None for no mails.
        urls: Where webhooks go.
        secret: What signs them.
        allowed: What they may reach.
    """

    mail: MailServer | None
    urls: tuple[WebhookUrl, ...]
    secret: bytes
    allowed: AllowList

    @classmethod
    def of(cls, settings: DeliverySettings) -> Self:
        """What the settings name; nothing is looked up yet.

        Raises:
            ConfigurationError: Something is missing or cannot be.
        """
        secret = settings.webhook_secret.get_secret_value().encode() if settings.webhook_secret else b""
        urls = tuple(dict.fromkeys(WebhookUrl.of(listed) for listed in settings.webhook_targets))
        if urls and len(secret) < _LEAST_KEY_BYTES:
            raise ConfigurationError(f"WEBHOOK_SECRET: webhooks are signed with at least {_LEAST_KEY_BYTES} bytes")
        if len(urls) > MOST_TARGETS or len({url.url for url in urls}) < len(urls):
            raise ConfigurationError(f"WEBHOOK_TARGETS: at most {MOST_TARGETS}, each URL once")
        mail = MailServer.of(settings) if settings.smtp_host else None
        return cls(mail, urls, secret, AllowList.of(settings.webhook_allowed))

    def targets(self, mail_least: Callable[[], Severity]) -> list[Target]:
        """Every target.

        Args:
            mail_least: Gives the least severity that is mailed.
        """
        if self.mail is None and not self.urls:
            return []
        tls = trusting_context()
        webhooks: list[Target] = [WebhookTarget(url, self.secret, self.allowed, tls) for url in self.urls]
        return [MailTarget(self.mail, mail_least, tls), *webhooks] if self.mail is not None else webhooks
