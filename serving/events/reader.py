"""Reads stored events as messages: for the relay, for who catches up, and for who asks."""

from dataclasses import asdict, dataclass
from typing import Final, Literal

from sqlmodel import Session

from serving.clock import Clock
from serving.database import Database
from serving.events import repository
from serving.events.fresh import FreshAnswers
from serving.events.messages import INSPECTION, Choice, station_of, to_messages
from serving.events.recent import Page
from serving.images.links import ImageLinks

PAGE_SIZE: Final = 200
_MOST_SCANNED: Final = 5000

ResetReason = Literal["unknown", "too_old"]


@dataclass(frozen=True, slots=True)
class Reset:
    """Nobody can say what was missed: load everything anew and go on from `newest_seq`.

    Attributes:
        reason: `unknown`: no such number was handed out; `too_old`: some of what follows it is deleted.
        after: The number that was given.
        oldest_seq: The oldest event that is kept, None without any.
        newest_seq: The newest published event.
    """

    reason: ResetReason
    after: int
    oldest_seq: int | None
    newest_seq: int

    def to_json(self) -> dict[str, str | int | None]:
        """The same for the wire."""
        return asdict(self)


class Reader:
    """Every method blocks."""

    def __init__(self, database: Database, links: ImageLinks, clock: Clock, fresh: FreshAnswers) -> None:
        """Takes what it reads from and what it needs to show an inspection."""
        self._database = database
        self._links = links
        self._clock = clock
        self._fresh = fresh

    def page(self, after: int, upto: int | None, limit: int) -> tuple[Page, bool]:
        """The next messages after a number, and whether there may be more; for the relay.

        Of the answers just given it reads no rows again.

        Args:
            after: The number.
            upto: The last number to read; None for whatever is committed.
            limit: How many at most.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        with self._database.read() as session:
            rows = repository.page_after(session, after, limit, upto=upto)
            known = self._fresh.take(str(row.data.get("id")) for row in rows if row.type == INSPECTION)
            is_full = len(rows) == limit
            last_seq = rows[-1].seq if rows and (upto is None or is_full) else upto or after
            return Page(to_messages(session, rows, self._links, self._clock(), known), last_seq), is_full

    def resume(self, choice: Choice, after: int, upto: int, limit: int) -> Page | Reset:
        """The same for somebody who was away, or why that cannot be given. 0 means: whatever is kept.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        with self._database.read() as session:
            oldest = repository.oldest_seq(session)
            if after > upto:
                return Reset("unknown", after, oldest, upto)
            if after > 0 and after < upto and (oldest is None or after < oldest - 1):
                return Reset("too_old", after, oldest, upto)
            scanned, page = 0, Page([], after)
            while not page.messages and page.last_seq < upto and scanned < _MOST_SCANNED:
                page = self._page(session, choice, page.last_seq, upto, limit)
                scanned += limit
            return page

    def _page(self, session: Session, choice: Choice, after: int, upto: int, limit: int) -> Page:
        rows = repository.page_after(session, after, limit, upto=upto, types=choice.types)
        wanted = [row for row in rows if choice.wants(row.type, station_of(row))]
        last_seq = rows[-1].seq if len(rows) == limit else upto
        return Page(to_messages(session, wanted, self._links, self._clock()), last_seq)
