"""The alert of an OPC UA server that should run and does not."""

from datetime import datetime
from typing import Final

from sqlmodel import Session

from serving.alerts.schemas import Said
from serving.alerts.service import raise_alert, resolve_alert

ALERT_KEY: Final = "opcua:down"


def report_opcua(session: Session, problem: str | None, now: datetime | None = None) -> None:
    """Raises the alert while there is a problem, and ends it when there is none.

    Args:
        session: That of a `Database.write` job.
        problem: Why the server does not answer, None where it does or is not wanted.
        now: The present, UTC.
    """
    if problem is None:
        resolve_alert(session, ALERT_KEY, now)
    else:
        said = Said("opcua_down", {"detail": problem})
        raise_alert(session, "error", "OPC UA server down", problem, ALERT_KEY, now=now, said=said)
