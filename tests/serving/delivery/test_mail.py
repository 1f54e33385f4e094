"""Mails arrive at a real mail server, over TLS where it is demanded."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from serving.alerts.schemas import Severity
from serving.clock import utc_now
from serving.delivery.mail import MailServer, MailTarget
from serving.delivery.message import DeliveryFailed, Message, example_message
from serving.delivery.settings import DeliverySettings
from serving.delivery.webhook import trusting_context
from serving.errors import ConfigurationError
from tests.ports import free_port
from tests.serving.delivery.receivers import black_hole, certificate_for, mail_server, trusting

_TLS = trusting_context()


def server(port: int, **changes: object) -> MailServer:
    """The mail server on a port of this machine."""
    given = {"host": "127.0.0.1", "port": port, "starttls": False, "user": "", "password": ""}
    people = {"sender": "Ussop <ussop@plant.example>", "recipients": ("shift@plant.example", "jo@plant.example")}
    return MailServer(**{**given, **people, **changes})  # type: ignore[arg-type]


def message(**changes: object) -> Message:
    """Something to tell."""
    example = example_message("error", utc_now())
    return Message("17", "raised", {**example.alert, **changes})


async def test_mail_tells_the_alert_when_it_arrives() -> None:
    with mail_server() as box:
        target = MailTarget(server(box.port), lambda: "warning", _TLS)
        sent = message(title="Pass rate below\r\nthreshold", message="Pass rate 87% - Bänder", station_id="line-1")
        assert await target.send(sent) is None
        ((recipients, mail),) = box.mails
    assert recipients == ["shift@plant.example", "jo@plant.example"]
    assert mail["Subject"] == "[Ussop] error: Pass rate below threshold (line-1)"
    assert (mail["From"], mail["Auto-Submitted"]) == ("Ussop <ussop@plant.example>", "auto-generated")
    assert mail["Message-ID"] == f"<17.{sent.alert['id']}@plant.example>"
    text = mail.get_content()
    assert "Pass rate 87% - Bänder" in text
    assert "Station: line-1" in text


async def test_login_and_mail_go_over_tls_when_it_is_demanded(tmp_path: Path) -> None:
    server_tls, certificate = certificate_for(tmp_path, "localhost")
    login = {"host": "localhost", "starttls": True, "user": "ussop"}
    with mail_server(server_tls, password="right") as box:
        good = MailTarget(server(box.port, **login, password="right"), lambda: "info", trusting(certificate))
        await good.send(message())
        assert (len(box.mails), box.logins) == (1, ["ussop"])
        wrong = MailTarget(server(box.port, **login, password="wrong"), lambda: "info", trusting(certificate))
        with pytest.raises(DeliveryFailed, match=r"refuses \(535\)") as caught:
            await wrong.send(message())
        assert "wrong" not in str(caught.value)
        stranger = MailTarget(server(box.port, **login, password="right"), lambda: "info", _TLS)
        with pytest.raises(DeliveryFailed, match=r"(?i)certificate"):
            await stranger.send(message())
        assert (len(box.mails), len(box.logins)) == (1, 2)


async def test_mail_is_not_sent_when_the_server_has_no_tls() -> None:
    with mail_server() as box:
        with pytest.raises(DeliveryFailed, match="STARTTLS"):
            await MailTarget(server(box.port, starttls=True), lambda: "info", _TLS).send(message())
        assert box.mails == []


async def test_reason_is_told_when_the_server_refuses_or_hangs() -> None:
    with mail_server() as box:
        target = MailTarget(server(box.port), lambda: "info", _TLS)
        box.refused = {"jo@plant.example"}
        assert await target.send(message()) == "refused for jo@plant.example"
        box.refused = {"jo@plant.example", "shift@plant.example"}
        with pytest.raises(DeliveryFailed, match=r"refuses jo@plant\.example, shift@plant\.example"):
            await target.send(message())
        box.refused, box.answer = set(), "451 try later"
        with pytest.raises(DeliveryFailed, match=r"refuses \(451\): try later"):
            await target.send(message())
    with pytest.raises(DeliveryFailed, match="cannot be used"):
        await MailTarget(server(free_port()), lambda: "info", _TLS).send(message())
    with black_hole() as port, pytest.raises(DeliveryFailed, match=r"does not answer within 0\.5 s"):
        await MailTarget(server(port), lambda: "info", _TLS, deadline_s=0.5).send(message())


def test_severity_is_asked_for_each_time_when_it_is_filtered() -> None:
    least: list[Severity] = ["error"]
    target = MailTarget(server(25), lambda: least[0], _TLS)
    assert (target.accepts("warning"), target.accepts("error")) == (False, True)
    least[0] = "info"
    assert target.accepts("info")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"smtp_from": ""}, "SMTP_FROM"),
        ({"smtp_to": ()}, "SMTP_TO"),
        ({"smtp_to": ("a@b.example", "nobody")}, "SMTP_TO"),
        ({"smtp_from": "a@b.example\r\nBcc: c@d.example"}, "SMTP_FROM"),
        ({"smtp_user": "u"}, "SMTP_USER"),
        ({"smtp_user": "u", "smtp_password": SecretStr("p"), "smtp_starttls": False}, "without TLS"),
    ],
)
def test_settings_are_refused_when_they_make_no_mail(changes: dict[str, object], named: str) -> None:
    good = {"smtp_host": "mail", "smtp_from": "a@b.example", "smtp_to": ("c@d.example",)}
    assert MailServer.of(DeliverySettings.model_validate(good)).recipients == ("c@d.example",)
    with pytest.raises(ConfigurationError, match=named):
        MailServer.of(DeliverySettings.model_validate({**good, **changes}))
