"""Alerts as e-mail."""

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Final, Self

from serving.alerts.schemas import Severity
from serving.delivery.message import DeliveryFailed, Message
from serving.delivery.settings import DeliverySettings
from serving.delivery.severity import reaches
from serving.delivery.threads import in_own_thread
from serving.errors import ConfigurationError

DEADLINE_S: Final = 30.0
_ANSWER_S: Final = 10.0
_TLS_PORT: Final = 465  # RFC 8314 section 3.3


@dataclass(frozen=True, slots=True)
class MailServer:
    """How mails leave the house.

    Attributes:
        host: Name of the server.
        port: Its port; 465 speaks TLS from the first byte.
        starttls: Whether TLS is demanded on other ports.
        user: Name at login, empty for none.
        password: Password at login.
        sender: Address of the sender.
        recipients: Addresses of those who get the mails.
    """

    host: str
    port: int
    starttls: bool
    user: str
    password: str
    sender: str
    recipients: tuple[str, ...]

    @classmethod
    def of(cls, settings: DeliverySettings) -> Self:
        """The server of the settings.

        Raises:
            ConfigurationError: Something is missing or cannot be.
        """
        for name, addresses in (("SMTP_FROM", (settings.smtp_from,)), ("SMTP_TO", settings.smtp_to)):
            if not addresses or not all(_is_address(address) for address in addresses):
                raise ConfigurationError(f"{name}: SMTP_HOST is set, so this must be an address like a@plant.example")
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
        if bool(settings.smtp_user) != bool(password):
            raise ConfigurationError("SMTP_USER and SMTP_PASSWORD go together")
        if settings.smtp_user and not settings.smtp_starttls and settings.smtp_port != _TLS_PORT:
            raise ConfigurationError("SMTP_PASSWORD is not sent without TLS: set SMTP_STARTTLS=true or SMTP_PORT=465")
        return cls(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_starttls,
            settings.smtp_user,
            password,
            settings.smtp_from,
            settings.smtp_to,
        )


class MailTarget:
    """Mails alerts to all recipients."""

    name = "mail"

    def __init__(
        self,
        server: MailServer,
        least: Callable[[], Severity],
        tls: ssl.SSLContext,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """Takes the server, and whom to ask for the least severity that is mailed."""
        self._server, self._least, self._tls, self._deadline_s = server, least, tls, deadline_s

    def accepts(self, severity: str) -> bool:
        """Whether it is severe enough."""
        return reaches(severity, self._least())

    async def send(self, message: Message) -> str | None:
        """Who was refused by the server though others were not, None if nobody was.

        Raises:
            DeliveryFailed: Nobody got it.
        """
        try:
            return await in_own_thread(lambda: self._send(message), self._deadline_s)
        except TimeoutError as error:
            raise DeliveryFailed(f"the mail server does not answer within {self._deadline_s:g} s") from error
        except smtplib.SMTPResponseException as error:
            raise DeliveryFailed(f"the mail server refuses ({error.smtp_code}): {_text(error.smtp_error)}") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryFailed(f"the mail server refuses {', '.join(sorted(error.recipients))}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryFailed(f"the mail server cannot be used: {error}") from error

    def _send(self, message: Message) -> str | None:
        server = self._server
        # With a name of its own smtplib need not ask the name server for ours, which can take a minute.
        own_name = parseaddr(server.sender)[1].rpartition("@")[2]
        connection: smtplib.SMTP
        if server.port == _TLS_PORT:
            connection = smtplib.SMTP_SSL(server.host, server.port, own_name, timeout=_ANSWER_S, context=self._tls)
        else:
            connection = smtplib.SMTP(server.host, server.port, own_name, timeout=_ANSWER_S)
        with connection:
            if server.starttls and server.port != _TLS_PORT:
                connection.starttls(context=self._tls)
            if server.user:
                connection.login(server.user, server.password)
            refused = connection.send_message(to_mail(server, message), server.sender, list(server.recipients))
        return f"refused for {', '.join(sorted(refused))}" if refused else None


def to_mail(server: MailServer, message: Message) -> EmailMessage:
    """The alert as a mail."""
    alert, mail = message.alert, EmailMessage()
    mail["Subject"] = message.subject
    mail["From"] = server.sender
    mail["To"] = ", ".join(server.recipients)
    mail["Date"] = formatdate()
    # The same at every try: mail programs show it once.
    mail["Message-ID"] = f"<{message.number}.{alert['id']}@{parseaddr(server.sender)[1].rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers by machines
    lines = [alert["message"], "", f"Severity: {alert['severity']}", f"Raised: {alert['timestamp']}"]
    if alert.get("station_id"):
        lines.append(f"Station: {alert['station_id']}")
    if alert.get("resolved_at"):
        lines.append(f"Resolved: {alert['resolved_at']}")
    mail.set_content("\n".join(map(str, [*lines, f"Alert: {alert['id']}", ""])))
    return mail


def _is_address(text: str) -> bool:
    name, address = parseaddr(text)
    user, at, domain = address.rpartition("@")
    return bool(user and at and domain) and not any(character in text for character in "\r\n") and name is not None


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
