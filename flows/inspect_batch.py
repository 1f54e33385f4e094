"""Flow: a folder of pictures → stored verdicts, through the API, with the original bytes.

Each picture has an idempotency key of its job, its path and its content. So a run that was killed is taken up again by
running it again: what has its verdict gets the same answer once more, at the price of a look-up, and is not stored
twice.
"""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run
from pydantic import Field

from flows.progress import Progress
from flows.settings import FlowSettings
from flows.tasks.inspect_pictures import InspectedPicture, PictureInspector, Tally
from serving.batch.schemas import MOST_ERRORS, BatchReport, FilePattern, PictureError, picture_key
from serving.client import ClientError, ServiceAccount, UssopClient
from serving.stations.schemas import STATION_ID_PATTERN

# Two cores are busy with six: while two pictures are inferred, others are read, sent, decoded and stored.
_AT_ONCE: Final = 6
_LOG_EVERY: Final = 64
_REPORT_EVERY_S: Final = 2.0
_MOST_ROWS: Final = 1000  # of the table artifact


@flow(name="inspect-batch", timeout_seconds=24 * 3600, retries=0, validate_parameters=True)
def inspect_batch(
    input_dir: str,
    file_pattern: FilePattern = "*",
    station_id: Annotated[str, Field(pattern=STATION_ID_PATTERN)] = "default",
    job_id: str | None = None,
    at_once: Annotated[int, Field(ge=1, le=32)] = _AT_ONCE,
) -> dict[str, Any]:
    """The counts of a batch, whose verdicts are stored; also as progress and table artifacts.

    Args:
        input_dir: Folder under one of `BATCH_ROOTS`.
        file_pattern: File names, as a shell would match them.
        station_id: Whose recipe decides.
        job_id: The batch job of the API that this run works on; None for a run of its own.
        at_once: Requests at the same time.

    Raises:
        ValueError: The folder is not under `BATCH_ROOTS`.
        ClientError: The API does not answer for minutes, or refuses the account.
    """
    settings, log = FlowSettings(), get_run_logger()
    folder = allowed_folder(input_dir, settings.batch_dirs)
    names = find_pictures(folder, file_pattern)
    log.info("%d pictures in %s match %s", len(names), folder, file_pattern)
    key_owner = job_id or str(flow_run.get_id())
    tally = Tally(total=len(names))
    with (
        UssopClient(settings.api_url, ServiceAccount.read(settings.service_account_file)) as client,
        Progress("inspect-batch-progress", f"{len(names)} pictures of {folder}", len(names)) as progress,
        PictureInspector(client, folder, station_id=station_id, most_bytes=settings.max_upload_mb * 2**20) as inspector,
    ):
        _report(client, job_id, tally)
        reported_s = time.monotonic()
        for picture in inspector.inspect_all(names, lambda name, data: _key(key_owner, name, data), at_once=at_once):
            tally.add(picture, keep=_MOST_ROWS)
            progress.reached(tally.done)
            if picture.problem is not None:
                log.warning("%s: %s", picture.name, picture.problem)
            if tally.done % _LOG_EVERY == 0:
                log.info("%d of %d pictures", tally.done, tally.total)
            if time.monotonic() - reported_s > _REPORT_EVERY_S:
                _report(client, job_id, tally)
                reported_s = time.monotonic()
        _report(client, job_id, tally)
    create_table_artifact(list(_rows(tally.kept)), key="inspect-batch", description=str(tally))
    log.info("%s", tally)
    return tally.counts()


def allowed_folder(input_dir: str, roots: tuple[Path, ...]) -> Path:
    """The folder, provided that it lies under one of the roots, wherever links lead.

    Raises:
        ValueError: It does not, or is no folder.
    """
    folder = Path(input_dir).resolve()
    if not folder.is_dir() or not any(folder.is_relative_to(root.resolve()) for root in roots):
        raise ValueError(f"{input_dir} is no folder under BATCH_ROOTS")
    return folder


def find_pictures(folder: Path, file_pattern: str) -> list[str]:
    """The files that match, by path below the folder, sorted; links out of the folder are left out."""
    found = (path for path in folder.glob(file_pattern) if path.is_file() and path.resolve().is_relative_to(folder))
    return sorted({path.relative_to(folder).as_posix() for path in found})


def _key(owner: str, name: str, data: bytes) -> str:
    digest = hashlib.sha256(f"{name}\0{hashlib.sha256(data).hexdigest()}".encode("utf-8", "surrogateescape"))
    return picture_key(owner, digest.hexdigest())


def _report(client: UssopClient, job_id: str | None, tally: Tally) -> None:
    """Tells the API; a report that does not arrive is made good by the next one."""
    if job_id is None:
        return
    errors = [PictureError(file=p.name[:1024], problem=str(p.problem)[:500]) for p in tally.failures[:MOST_ERRORS]]
    try:
        client.report_batch(job_id, BatchReport(total=tally.total, failed=tally.failed, errors=errors))
    except ClientError as error:
        get_run_logger().warning("the API did not take the report: %s", error)


def _rows(pictures: list[InspectedPicture]) -> Iterator[dict[str, Any]]:
    for picture in pictures:
        verdict = picture.verdict
        yield {
            "picture": picture.name,
            "decision": verdict.decision if verdict else "none",
            "confidence": round(verdict.confidence, 4) if verdict else "",
            "objects": verdict.objects_found if verdict else "",
            "ms": round(verdict.total_time_ms, 1) if verdict else "",
            "inspection": verdict.id if verdict else "",
            "problem": picture.problem or "",
        }
