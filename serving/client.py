"""A small client of the API, for the platform's own processes: typed, synchronous, safe to use from several threads."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from serving.auth.schemas import TokenResponse, UserProfile
from serving.batch.schemas import BatchReport
from serving.curation.schemas import CandidateList, CandidateOut, DrawIn, DrawOut
from serving.datasets.schemas import TrainedOut
from serving.events.schemas import EventList
from serving.inspections.schemas import InspectionOut
from serving.opcua_status.schemas import Heartbeat, PlatformState, ResultList, Snapshot
from serving.review.schemas import ItemsIn, ItemsOut, StatsOut
from serving.stations.schemas import StationList, StationOut
from serving.storage.schemas import PassOut, RetentionIn

AnswerT = TypeVar("AnswerT", bound=BaseModel)
_TIMEOUT_S: Final = 30.0
_LONGEST_DETAIL: Final = 300
_CANDIDATES_AT_ONCE: Final = 500


class ClientError(Exception):
    """The API did not do what was asked.

    Attributes:
        status: HTTP status, None where there was no answer.
        code: The API's stable word for the error.
        retry_after_s: Seconds after which it wants to be asked again, None if it did not say.
    """

    code: ClassVar[str] = "client_error"

    def __init__(self, detail: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def is_passing(self) -> bool:
        """Whether the same request may well succeed later."""
        return self.status in {None, 408, 429, 502, 503, 504}


class ServiceAccount(BaseModel):
    """Name and password of an account."""

    username: str
    password: SecretStr

    @classmethod
    def read(cls, path: Path) -> Self:
        """The account of a file that `ussop up` wrote.

        Raises:
            ClientError: There is no such file, or it is damaged.
        """
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError) as error:
            raise ClientError(f"the service account cannot be read ({type(error).__name__}): {path.name}") from error


class UssopClient:
    """A connection to the API under one account; logs in when it must, and again when the token has expired."""

    def __init__(self, base_url: str, account: ServiceAccount, *, timeout_s: float = _TIMEOUT_S) -> None:
        """Takes the API's address; nothing is sent before the first call."""
        self._client = httpx.Client(base_url=f"{base_url.rstrip('/')}/api/v1", timeout=timeout_s, trust_env=False)
        self._account = account
        self._token = ""
        self._logging_in = threading.Lock()

    def __enter__(self) -> Self:
        """The connection itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connection."""
        self._client.close()

    def inspect(
        self,
        picture: bytes,
        *,
        station_id: str = "default",
        part_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> InspectionOut:
        """The stored verdict on a picture.

        Args:
            picture: The file's bytes, as they are.
            station_id: Whose recipe decides.
            part_id: What the part is called.
            idempotency_key: The same key gives the same inspection again.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        form = {"station_id": station_id, **({"part_id": part_id} if part_id else {})}
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        files = {"file": ("picture", picture, "application/octet-stream")}
        answer = self._send("POST", "/inspect", data=form, files=files, headers=headers)
        try:
            return InspectionOut.model_validate_json(answer.content)
        except ValidationError as error:
            raise ClientError("the answer is no inspection", status=answer.status_code) from error

    def report_batch(self, job_id: str, report: BatchReport) -> None:
        """Tells how far a batch job is.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        self._send("PUT", f"/batch/jobs/{job_id}/report", json=report.model_dump(mode="json"))

    def begin_retention(self, *, allow_more: bool, dry_run: bool) -> PassOut:
        """A new pass of retention with its plan; nothing is deleted yet.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        wanted = RetentionIn(allow_more=allow_more, dry_run=dry_run)
        return self._ask(PassOut, "POST", "/storage/retention/passes", json=wanted.model_dump())

    def delete_pictures(self, pass_id: str, limit: int) -> PassOut:
        """A pass of retention, after it has deleted so many pictures more; `finished` if none was left.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(PassOut, "POST", f"/storage/retention/passes/{pass_id}/chunks", json={"limit": limit})

    def mark_trained(self, dataset_id: str, model_version: str) -> int:
        """How many pictures of a data set count as learned from now.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        body = {"model_version": model_version}
        answer = self._send("POST", f"/datasets/{dataset_id}/trained", json=body)
        try:
            return TrainedOut.model_validate_json(answer.content).trained
        except ValidationError as error:
            raise ClientError("the answer is no count", status=answer.status_code) from error

    def candidates(self, since: datetime, *, station_id: str | None = None) -> Iterator[CandidateOut]:
        """The inspections since a moment whose picture is still there, oldest first, page by page.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        wanted: dict[str, Any] = {"since": since.isoformat(), "limit": _CANDIDATES_AT_ONCE}
        if station_id is not None:
            wanted["station_id"] = station_id
        while True:
            page = self._ask(CandidateList, "GET", "/active-learning/candidates", params=wanted)
            yield from page.candidates
            if page.next_cursor is None:
                return
            wanted["cursor"] = page.next_cursor

    def draw_audit(self, wanted: DrawIn) -> DrawOut:
        """The passes that were drawn by lot.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(DrawOut, "POST", "/active-learning/audit/draws", json=wanted.model_dump(mode="json"))

    def put_review_items(self, items: ItemsIn) -> ItemsOut:
        """What became of inspections that were put into the review queue.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(ItemsOut, "POST", "/active-learning/items", json=items.model_dump(mode="json"))

    def review_stats(self) -> StatsOut:
        """How far the review queue is.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(StatsOut, "GET", "/active-learning/stats")

    def stations(self) -> list[StationOut]:
        """Every station with its rules.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(StationList, "GET", "/stations").stations

    def inspect_camera(
        self, station_id: str, part_id: str | None, *, token: str, idempotency_key: str, timeout_s: float
    ) -> InspectionOut:
        """The stored verdict on the camera's next picture, asked for by the user of an access token.

        Raises:
            ClientError: It was refused, or there was no answer in time.
        """
        wanted = {"station_id": station_id, **({"part_id": part_id} if part_id else {})}
        headers = {"Idempotency-Key": idempotency_key, **_bearer(token)}
        answer = self._request("POST", "/inspect/camera", params=wanted, headers=headers, timeout=timeout_s)
        return _parsed(InspectionOut, _checked(answer), "/inspect/camera")

    def events(self, after: int, *, types: str, limit: int, wait_s: float) -> EventList:
        """The events after a number; where there is none yet, the answer waits for one.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        wanted: dict[str, Any] = {"after": after, "types": types, "limit": limit, "wait_s": wait_s}
        return self._ask(EventList, "GET", "/events", params=wanted)

    def opcua_snapshot(self) -> Snapshot:
        """Every station as the database has it, and where to follow the events from.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(Snapshot, "GET", "/opcua/snapshot")

    def opcua_heartbeat(self, heartbeat: Heartbeat) -> PlatformState:
        """How the platform is, told for a sign of life of the OPC UA server.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(PlatformState, "PUT", "/opcua/heartbeat", json=heartbeat.model_dump(mode="json"))

    def results(
        self, station_id: str, since: datetime, until: datetime, *, newest_first: bool, limit: int
    ) -> ResultList:
        """Stored inspections of a station between two times, both included.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        wanted: dict[str, Any] = {"station_id": station_id, "newest_first": newest_first, "limit": limit}
        span = {"since": since.isoformat(), "until": until.isoformat()}
        return self._ask(ResultList, "GET", "/opcua/results", params=wanted | span)

    def inspection(self, inspection_id: str) -> InspectionOut:
        """A stored inspection.

        Raises:
            ClientError: There is none, or there was no answer.
        """
        return self._ask(InspectionOut, "GET", f"/inspect/{inspection_id}")

    def log_in_user(self, username: str, password: str) -> TokenResponse:
        """A session of somebody else, who logs in through the platform's own account.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        # Not by `_send`: a wrong password is no reason to log in anew oneself, and must not be tried twice.
        headers = _bearer(self._token or self._log_in(""))
        body = {"username": username, "password": password}
        answer = self._request("POST", "/auth/login", json=body, headers=headers)
        return _parsed(TokenResponse, _checked(answer), "/auth/login")

    def refresh_user(self, refresh_token: str) -> TokenResponse:
        """The next tokens of such a session.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        answer = self._request("POST", "/auth/refresh", json={"refresh_token": refresh_token})
        return _parsed(TokenResponse, _checked(answer), "/auth/refresh")

    def user_of(self, token: str) -> UserProfile:
        """Whose access token it is.

        Raises:
            ClientError: It is worth nothing any more, or there was no answer.
        """
        return _parsed(UserProfile, _checked(self._request("GET", "/auth/me", headers=_bearer(token))), "/auth/me")

    def picture(self, image_url: str) -> bytes:
        """The original bytes of a picture.

        Args:
            image_url: As an answer of the API gave it. It may have expired: the token opens it.

        Raises:
            ClientError: It is not there (any more), or there was no answer.
        """
        return self._send("GET", str(self._client.base_url.join(image_url.partition("?")[0]))).content

    def _ask(self, kind: type[AnswerT], method: str, path: str, **content: Any) -> AnswerT:
        return _parsed(kind, self._send(method, path, **content), path)

    def _send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **content: Any) -> httpx.Response:
        token = self._token or self._log_in("")
        answer = self._request(method, path, headers={**(headers or {}), **_bearer(token)}, **content)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            headers = {**(headers or {}), **_bearer(self._log_in(token))}
            answer = self._request(method, path, headers=headers, **content)
        return _checked(answer)

    def _log_in(self, stale_token: str) -> str:
        """A token other than the stale one; of several threads that ask, one logs in."""
        with self._logging_in:
            if self._token == stale_token:
                body = {"username": self._account.username, "password": self._account.password.get_secret_value()}
                answer = _checked(self._request("POST", "/auth/login", json=body))
                self._token = str(answer.json()["access_token"])
            return self._token

    def _request(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **content)
        except httpx.HTTPError as error:
            raise ClientError(f"the API does not answer: {type(error).__name__}") from error


def _parsed(kind: type[AnswerT], answer: httpx.Response, path: str) -> AnswerT:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise ClientError(f"the answer to {path} is not what was asked for", status=answer.status_code) from error


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        detail = str(answer.json()["detail"])[:_LONGEST_DETAIL]
    except (ValueError, KeyError, TypeError):
        detail = f"the API answered {answer.status_code}"
    wait = answer.headers.get("Retry-After", "")
    raise ClientError(detail, status=answer.status_code, retry_after_s=float(wait) if wait.isdigit() else None)
