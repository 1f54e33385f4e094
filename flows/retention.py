"""Flow: deletes pictures that are older than the policy; their inspections stay. See docs/retention.md.

The API plans and deletes, for it owns the database and the pictures; this flow asks for one chunk after the other. So
it may be killed at any moment: what is deleted is deleted, and the next run plans anew and goes on.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.states import Completed, Failed
from pydantic import Field

from flows.progress import Progress
from flows.settings import FlowSettings
from serving.client import ClientError, ServiceAccount, UssopClient
from serving.storage.schemas import MOST_AT_ONCE, PassOut

T = TypeVar("T")
# A restart of the API takes seconds; a plan over millions of pictures some more.
_PATIENCE_S: Final = 120.0
_TIMEOUT_S: Final = 120.0
_PAUSE_S: Final = 1.0
_LOG_EVERY: Final = 50  # chunks
_GIB: Final = 2**30


@flow(name="retention", timeout_seconds=6 * 3600, retries=0, validate_parameters=True)
def retention(
    allow_more: bool = False,
    dry_run: bool = False,
    chunk: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 100,
) -> Any:
    """What was deleted, in pictures and bytes; also as progress and markdown artifacts.

    Args:
        allow_more: Whether it may delete more than 5 % of the stored pictures; without it such a pass is refused.
        dry_run: Count only.
        chunk: Pictures deleted by one request; the line's own writes wait behind each.

    Raises:
        ClientError: The API does not answer for minutes, or refuses the account.
    """
    settings, log = FlowSettings(), get_run_logger()
    account = ServiceAccount.read(settings.service_account_file)
    with UssopClient(settings.api_url, account, timeout_s=_TIMEOUT_S) as client:
        begun = _patiently(lambda: client.begin_retention(allow_more=allow_more, dry_run=dry_run))
        log.info("%d of %d stored pictures may go", begun.planned, begun.stored)
        done = _delete_all(client, begun, chunk) if begun.state == "running" else begun
    create_markdown_artifact(report(done), key="retention", description=in_words(done))
    log.info("%s", in_words(done))
    if done.state == "refused":
        return Failed(name="Refused", message=in_words(done))
    return Completed(message=in_words(done), data=done.model_dump(mode="json"))


def _delete_all(client: UssopClient, begun: PassOut, chunk: int) -> PassOut:
    log, done, chunks = get_run_logger(), begun, 0
    with Progress("retention-progress", f"{begun.planned} pictures to delete", begun.planned) as progress:
        while done.state == "running":
            done = _patiently(lambda: client.delete_pictures(begun.id, chunk))
            chunks += 1
            progress.reached(done.deleted)
            if chunks % _LOG_EVERY == 0:
                log.info("%d of %d pictures deleted", done.deleted, done.planned)
        progress.reached(max(1, begun.planned))
    if done.failed:
        log.warning("%d files could not be removed; the next pass tries again", done.failed)
    return done


def _patiently(ask: Callable[[], T]) -> T:
    """The answer; asked again while the API is away. A question whose answer was lost may be asked twice."""
    give_up_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except ClientError as error:
            if not error.is_passing or time.monotonic() > give_up_s:
                raise
            get_run_logger().warning("the API is away: %s", error)
            time.sleep(min(error.retry_after_s or _PAUSE_S, _PATIENCE_S))


def in_words(done: PassOut) -> str:
    """One line for people."""
    if done.state == "refused":
        return f"Refused: {done.reason}"
    if done.state == "dry_run":
        told = f"Dry run: {done.planned} of {done.stored} pictures ({_size(done.planned_bytes)}) would go"
        return f"{told}, but a real run is refused: {done.reason}" if done.reason else told
    left = f"; {done.failed} files could not be removed" if done.failed else ""
    return f"{done.deleted} of {done.stored} pictures deleted, {_size(done.deleted_bytes)} freed{left}"


def report(done: PassOut) -> str:
    """The pass as markdown."""
    planned = done.planned_by_decision
    rows = [
        f"| {decision} | {f'{cutoff:%Y-%m-%d %H:%M} UTC'} | {planned[decision].pictures} "
        f"| {_size(planned[decision].bytes)} |"
        for decision, cutoff in done.cutoffs.items()
    ]
    kept = (
        "Kept besides: pictures on hold, in the review queue or in a data set, and the newest "
        f"{done.policy.last_failures} failures of each station. Inspections stay in any case."
    )
    return "\n".join(
        [
            f"# Retention: {done.state.replace('_', ' ')}",
            "",
            in_words(done),
            "",
            "| decision | older than | may go | size |",
            "|---|---|---|---|",
            *rows,
            "",
            kept,
        ]
    )


def _size(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.2f} GiB" if size_bytes >= _GIB / 10 else f"{size_bytes / 2**20:.2f} MiB"
