"""Faults of the inspect path as alerts: one while the fault lasts, ended by the first inspection that works again."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import structlog
from sqlmodel import Session

from models.errors import InferenceError
from serving.alerts.schemas import Said, Severity
from serving.alerts.service import raise_alert, resolve_alert
from serving.cameras.camera import FrameFault
from serving.database import Database
from serving.errors import ServingError, StorageUnavailable, TooLate

_CAMERA_KINDS: Final = ("fault", "unplugged", "late", "frozen", "black", "garbled")

_log = structlog.get_logger(__name__)


class Alarm:
    """A set of alerts that are raised and ended together. Writes beside the request, which does not wait.

    Where the database itself is what fails (it may lie on the same full disk), the log must do.
    """

    def __init__(self, database: Database, dedupe_keys: tuple[str, ...], *, station_id: str | None = None) -> None:
        self._database = database
        self._dedupe_keys = dedupe_keys
        self._station_id = station_id
        # Not known at the start: an alert may be left open from before, and the first success ends it.
        self._maybe_open = True

    def sound(self, dedupe_key: str, severity: Severity, title: str, message: str, said: Said | None = None) -> None:
        """Raises the alert, or counts it up while it is open."""
        self._maybe_open = True
        _log.error("alarm", key=dedupe_key, title=title, message=message)
        self._submit(
            lambda session: raise_alert(
                session,
                severity=severity,
                title=title,
                message=message,
                dedupe_key=dedupe_key,
                station_id=self._station_id,
                said=said,
            )
        )

    def clear(self) -> None:
        """Ends the alerts; costs nothing while there are none."""
        if not self._maybe_open:
            return
        self._maybe_open = False

        def write(session: Session) -> None:
            for key in self._dedupe_keys:
                resolve_alert(session, dedupe_key=key)

        self._submit(write)

    def _submit(self, write: Callable[[Session], object]) -> None:
        try:
            self._database.write(write).add_done_callback(self._check)
        except ServingError as error:
            self._not_stored(error)

    def _check(self, done: "Future[object]") -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            self._not_stored(error)

    def _not_stored(self, error: BaseException) -> None:
        self._maybe_open = True
        _log.error("alert_not_stored", keys=self._dedupe_keys, error=str(error))


class CameraAlarm:
    """Hears of the camera's faults."""

    def __init__(self, database: Database) -> None:
        self._alarm = Alarm(database, tuple(f"camera:{kind}" for kind in _CAMERA_KINDS))

    def camera_failed(self, fault: FrameFault) -> None:
        """Raises the alert of this kind of fault."""
        said = Said(f"camera_{fault.kind}", {"detail": str(fault)})
        self._alarm.sound(f"camera:{fault.kind}", "error", f"Camera {fault.kind}", str(fault), said)

    def camera_recovered(self) -> None:
        """Ends every camera alert."""
        self._alarm.clear()


class StorageAlarm:
    """Hears of pictures that could not be stored."""

    _KEY: Final = "storage:media"

    def __init__(self, database: Database) -> None:
        self._alarm = Alarm(database, (self._KEY,))

    def storage_failed(self, error: StorageUnavailable) -> None:
        """Raises the alert."""
        said = Said("storage_failing", {"detail": str(error)})
        self._alarm.sound(self._KEY, "critical", "Storage failing", str(error), said)

    def storage_recovered(self) -> None:
        """Ends the alert."""
        self._alarm.clear()


class VerdictAlarm:
    """Hears of parts that got no verdict: the network failed or hung, or a station's deadline passed."""

    _KEY: Final = "inspection:inference"

    def __init__(self, database: Database) -> None:
        self._database = database
        self._inference = Alarm(database, (self._KEY,))
        self._late: dict[str, Alarm] = {}  # by station; only those with a deadline get here

    def inference_failed(self, error: InferenceError) -> None:
        """Raises the alert of the network."""
        said = Said("inference_failing", {"detail": str(error)})
        self._inference.sound(self._KEY, "critical", "Inference failing", str(error), said)

    def too_late(self, station_id: str, error: TooLate) -> None:
        """Raises the alert of the station."""
        said = Said("verdict_late", {"station": station_id, "detail": str(error)})
        self._of(station_id).sound(_late_key(station_id), "error", "Verdict too late", f"{error} at {station_id}", said)

    def judged(self, station_id: str, *, has_deadline: bool) -> None:
        """Ends the alerts: a part got its verdict, and in time."""
        self._inference.clear()
        if has_deadline or station_id in self._late:
            self._of(station_id).clear()

    def _of(self, station_id: str) -> Alarm:
        if station_id not in self._late:
            self._late[station_id] = Alarm(self._database, (_late_key(station_id),), station_id=station_id)
        return self._late[station_id]


def _late_key(station_id: str) -> str:
    return f"inspection:late:{station_id}"
