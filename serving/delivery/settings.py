"""The settings of alert delivery."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.alerts.schemas import Severity
from serving.setting_types import CommaSeparated, Port


class DeliverySettings(BaseSettings):
    """Where alerts are told beside the dashboard; part of `Settings`."""

    model_config = SettingsConfigDict(frozen=True, use_attribute_docstrings=True)

    smtp_host: str = Field(default="", max_length=253)
    """Mail server that takes alerts; empty: no e-mail."""

    smtp_port: Port = 587
    """Port of the mail server; on 465 TLS is spoken from the first byte."""

    smtp_user: str = Field(default="", max_length=320)
    """Name at the mail server; empty: no login. It is never sent without TLS."""

    smtp_password: SecretStr | None = None
    """Password at the mail server."""

    smtp_from: str = Field(default="", max_length=320)
    """Sender of the mails, like `ussop@plant.example`."""

    smtp_to: CommaSeparated = ()
    """Those who get the mails, separated by commas."""

    smtp_starttls: bool = True
    """Whether to demand STARTTLS of the mail server before anything is told."""

    smtp_least_severity: Severity = "warning"
    """Least severity that is mailed: `info`, `warning`, `error` or `critical`."""

    webhook_targets: CommaSeparated = Field(default=(), repr=False)  # a URL may hold a secret of its receiver
    """URLs that get alerts, separated by commas; `URL critical` sends only those, without a word from `warning` on."""

    webhook_secret: SecretStr | None = None
    """Key that signs the webhooks, at least 32 bytes; needed where there are targets."""

    webhook_allowed: CommaSeparated = ()
    """Hosts and networks that webhooks may reach, separated by commas; empty: all but this machine and its metadata."""
