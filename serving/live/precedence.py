"""Lets the line go first: a batch of pictures has all day, a part on the line has its takt."""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

# After so long without a part the line counts as idle. One picture at a time gets every core, so that a batch loses
# little by the line's being there; a part that comes meets one picture of the batch on its way, not six.
_LINE_IDLE_S: Final = 60.0
_LONGEST_WAIT_S: Final = 5.0  # a line without gaps slows a batch down; it does not starve it
_URGENCY: Final = re.compile(r"(?:^|,)\s*u=([0-7])\s*(?:,|$)")
_BACKGROUND_FROM: Final = 4


def is_background(priority: str | None) -> bool:
    """Whether a `Priority` header (RFC 9218) says that the request gives way: `u=4` to `u=7`; unset is `u=3`.

    A header that makes no sense is none, as the standard wants it.
    """
    found = _URGENCY.search(priority) if priority else None
    return found is not None and int(found[1]) >= _BACKGROUND_FROM


class Precedence:
    """Holds pictures of the background back while a part of the line is judged. Used from the event loop alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, longest_wait_s: float = _LONGEST_WAIT_S) -> None:
        self._clock = clock
        self._longest_wait_s = longest_wait_s
        self._line = 0
        self._line_seen_s = -_LINE_IDLE_S
        self._background = 0
        self._held_back: deque[asyncio.Future[None]] = deque()

    @property
    def held_back(self) -> int:
        """Pictures of the background that wait for their turn."""
        return len(self._held_back)

    @contextmanager
    def line(self) -> Iterator[None]:
        """A part of the line, which waits for nobody here."""
        self._line += 1
        try:
            yield
        finally:
            self._line -= 1
            self._line_seen_s = self._clock()
            self._let_go()

    @asynccontextmanager
    async def background(self) -> AsyncIterator[None]:
        """A picture that gives way: where there is a line, one at a time, between its parts."""
        await self._turn()
        try:
            yield
        finally:
            self._background -= 1
            self._let_go()

    async def _turn(self) -> None:
        """Returns when it is this picture's turn, counted already."""
        if not self._held_back and self._may_go():
            self._background += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._held_back.append(turn)
        try:
            await asyncio.wait({turn}, timeout=self._longest_wait_s)
        except asyncio.CancelledError:
            if turn.done():
                self._background -= 1
                self._let_go()
            else:
                self._held_back.remove(turn)
            raise
        if not turn.done():
            self._held_back.remove(turn)
            self._background += 1

    def _may_go(self) -> bool:
        if self._line:
            return False
        return self._background == 0 or self._clock() - self._line_seen_s >= _LINE_IDLE_S

    def _let_go(self) -> None:
        while self._held_back and self._may_go():
            self._background += 1
            self._held_back.popleft().set_result(None)
