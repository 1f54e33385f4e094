"""A small client of the API, for the platform's own processes and for integrators: typed by the API's own schemas.

Synchronous, and safe to use from several threads. docs/api.md shows it at work.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from serving.alerts.schemas import AlertList, AlertRead, Severity
from serving.batch.schemas import BatchJobIn, BatchJobList, BatchJobOut, BatchReport
from serving.client_connection import (
    ApiKey,
    ClientError,
    Connection,
    ServiceAccount,
    bearer,
    checked,
    form_in_one_piece,
    parsed,
)
from serving.curation.schemas import CandidateList, CandidateOut, DrawIn, DrawOut
from serving.datasets.schemas import TrainedOut
from serving.events.schemas import EventList
from serving.inspections.schemas import Decision, InspectionList, InspectionOut
from serving.model_versions.schemas import DeployIn, ModelList, SwitchOut
from serving.review.schemas import ItemsIn, ItemsOut, StatsOut
from serving.stations.schemas import StationList, StationOut
from serving.statistics.buckets import Interval
from serving.statistics.schemas import StatisticsOut, TrendsOut
from serving.storage.schemas import PassOut, RetentionIn
from serving.training.schemas import TrainingIn, TrainingOut

__all__ = ["ApiKey", "ClientError", "ServiceAccount", "UssopClient"]
_CANDIDATES_AT_ONCE: Final = 500


class UssopClient(Connection):
    """The calls of the API, under one account or API key."""

    def inspect(
        self,
        picture: bytes,
        *,
        station_id: str = "default",
        part_id: str | None = None,
        idempotency_key: str | None = None,
        is_background: bool = False,
    ) -> InspectionOut:
        """The stored verdict on a picture.

        Args:
            picture: The file's bytes, as they are.
            station_id: Whose recipe decides.
            part_id: What the part is called.
            idempotency_key: The same key gives the same inspection again.
            is_background: Whether it gives way to the parts of the line.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        form = {"station_id": station_id, **({"part_id": part_id} if part_id else {})}
        body, headers = form_in_one_piece(form, {"file": ("picture", picture, "application/octet-stream")})
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        if is_background:
            headers["Priority"] = "u=7"
        answer = self._send("POST", "/inspect", content=body, headers=headers)
        try:
            return InspectionOut.model_validate_json(answer.content)
        except ValidationError as error:
            raise ClientError("the answer is no inspection", status=answer.status_code) from error

    def inspect_camera(
        self,
        station_id: str = "default",
        part_id: str | None = None,
        *,
        token: str | None = None,
        idempotency_key: str | None = None,
        timeout_s: float | None = None,
    ) -> InspectionOut:
        """The stored verdict on the camera's next picture.

        Args:
            station_id: Whose recipe decides.
            part_id: What the part is called.
            token: Access token of the user who asks for it; None: the account of this client.
            idempotency_key: The same key gives the same inspection again.
            timeout_s: Seconds to wait for the answer; None: as for every other call.

        Raises:
            ClientError: It was refused, or there was no answer in time.
        """
        sent: dict[str, Any] = {"params": _given(station_id=station_id, part_id=part_id)}
        sent["headers"] = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        if timeout_s is not None:
            sent["timeout"] = timeout_s
        path = "/inspect/camera"
        if token is None:
            return self._ask(InspectionOut, "POST", path, **sent)
        sent["headers"] |= bearer(token)
        return parsed(InspectionOut, checked(self._request("POST", path, **sent)), path)

    def inspection(self, inspection_id: str) -> InspectionOut:
        """A stored inspection.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(InspectionOut, "GET", f"/inspect/{inspection_id}")

    def inspections(
        self,
        *,
        station_id: str | None = None,
        decision: Decision | None = None,
        effective_decision: Decision | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> InspectionList:
        """One page of stored inspections, newest first.

        Args:
            station_id: Of one station alone.
            decision: With that verdict of the model.
            effective_decision: With that verdict after people's overruling.
            limit: Most on the page.
            offset: So many newer ones are left out.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        wanted = _given(
            station_id=station_id,
            decision=decision,
            effective_decision=effective_decision,
            limit=limit,
            offset=offset,
        )
        return self._ask(InspectionList, "GET", "/inspections", params=wanted)

    def statistics(self, *, hours: int = 24, station_id: str | None = None) -> StatisticsOut:
        """Figures of the last hours.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(StatisticsOut, "GET", "/statistics", params=_given(hours=hours, station_id=station_id))

    def trends(self, *, hours: int = 24, interval: Interval = "hour", station_id: str | None = None) -> TrendsOut:
        """The last hours, hour by hour or day by day.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        wanted = _given(hours=hours, interval=interval, station_id=station_id)
        return self._ask(TrendsOut, "GET", "/trends", params=wanted)

    def alerts(self, *, severity: Severity | None = None, acknowledged: bool | None = None) -> AlertList:
        """Alerts, newest first.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        wanted = _given(severity=severity, acknowledged=acknowledged)
        return self._ask(AlertList, "GET", "/alerts", params=wanted)

    def acknowledge(self, alert_id: str) -> AlertRead:
        """An alert, marked as seen.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(AlertRead, "POST", f"/alerts/{alert_id}/acknowledge")

    def create_batch(self, wanted: BatchJobIn) -> BatchJobOut:
        """A new batch job, which waits until it is started.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(BatchJobOut, "POST", "/batch/jobs", json=wanted.model_dump(mode="json"))

    def start_batch(self, job_id: str) -> BatchJobOut:
        """A batch job that was started.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(BatchJobOut, "POST", f"/batch/jobs/{job_id}/start")

    def cancel_batch(self, job_id: str) -> BatchJobOut:
        """A batch job that was asked to end.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(BatchJobOut, "POST", f"/batch/jobs/{job_id}/cancel")

    def batch(self, job_id: str) -> BatchJobOut:
        """A batch job and how far it is.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(BatchJobOut, "GET", f"/batch/jobs/{job_id}")

    def batches(self, *, limit: int = 50, offset: int = 0) -> BatchJobList:
        """Batch jobs, newest first.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(BatchJobList, "GET", "/batch/jobs", params=_given(limit=limit, offset=offset))

    def start_training(self, wanted: TrainingIn) -> TrainingOut:
        """The training that was started, on everything labelled so far.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(TrainingOut, "POST", "/training/start", json=wanted.model_dump())

    def training(self) -> TrainingOut:
        """The newest training and how far it is.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(TrainingOut, "GET", "/training/status")

    def stop_training(self) -> TrainingOut:
        """The training that was asked to end.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(TrainingOut, "POST", "/training/stop")

    def models(self) -> ModelList:
        """Every version of the model, newest first.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(ModelList, "GET", "/models")

    def deploy(self, version_id: str, *, override_reason: str | None = None) -> SwitchOut:
        """What is in use after a version was put to use.

        Args:
            version_id: Its number.
            override_reason: An administrator's word for a version that the gate does not speak for.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        wanted = DeployIn(override_reason=override_reason)
        return self._ask(SwitchOut, "POST", f"/models/{version_id}/deploy", json=wanted.model_dump())

    def roll_back(self, version_id: str) -> SwitchOut:
        """What is in use after going back to a version.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(SwitchOut, "POST", f"/models/{version_id}/rollback")

    def events(
        self,
        after: int | None = None,
        *,
        types: str = "",
        limit: int = 100,
        wait_s: float = 0.0,
        station_id: str | None = None,
    ) -> EventList:
        """The events after a number, oldest first; where there is none yet, the answer waits for one if asked to.

        Args:
            after: `last_seq` of the answer before; None: from now on.
            types: Some of inspection, alert, job, model, station, separated by commas; all if empty.
            limit: So many at most.
            wait_s: Seconds to wait, at most 25.
            station_id: Only of this station.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        wanted = _given(after=after, types=types or None, limit=limit, wait_s=wait_s, station_id=station_id)
        return self._ask(EventList, "GET", "/events", params=wanted)

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

    def picture(self, image_url: str) -> bytes:
        """The original bytes of a picture.

        Args:
            image_url: As an answer of the API gave it. It may have expired: the token opens it.

        Raises:
            ClientError: It is not there (any more), or there was no answer.
        """
        return self._send("GET", str(self._client.base_url.join(image_url.partition("?")[0]))).content


def _given(**values: Any) -> dict[str, Any]:
    """The parameters that have a value."""
    return {name: value for name, value in values.items() if value is not None}
