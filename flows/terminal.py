"""What a person sees of a flow that runs in their terminal: a bar and the log on stderr, the result alone on stdout."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from flows.progress import watch

_LINE_EVERY_PERCENT: Final = 10
_OF_RUNS: Final = ("prefect.flow_runs", "prefect.task_runs")


class Bars:
    """One bar for each thing that is being done; where nobody watches a terminal, one line for each tenth of it."""

    def __init__(self, console: Console) -> None:
        """Takes where to draw."""
        self._console = console
        self._known: dict[str, TaskID] = {}
        self._said: dict[str, int] = {}
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._drawn = Progress(*columns, console=console) if console.is_terminal else None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draws while this is open."""
        watch(self.follow)
        if self._drawn is None:
            yield
            return
        with self._drawn:
            yield

    def follow(self, what: str, done: int, total: int) -> None:
        """Takes how far something is; see `flows.progress.Watcher`."""
        if self._drawn is None:
            self._say(what, 100 * done // total)
            return
        if what not in self._known:
            self._known[what] = self._drawn.add_task(what, total=total)
        self._drawn.update(self._known[what], completed=done)

    def _say(self, what: str, percent: int) -> None:
        tenth = percent // _LINE_EVERY_PERCENT
        if tenth > self._said.get(what, -1):
            self._said[what] = tenth
            self._console.print(f"{what}: {percent} %", highlight=False)


class _WithoutTracebacks(logging.Filter):
    """Leaves out what Prefect says of a failure with its traceback: the last line of the command says it in short."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and record.name.startswith(_OF_RUNS))


def tidy_log(console: Console, *, tracebacks: bool) -> None:
    """Lets Prefect's log appear above the bars, and without tracebacks unless they are wanted."""
    for handler in logging.getLogger().handlers:
        if hasattr(handler, "console"):
            # Prefect's own keeps the stream that it found, and would write across a bar.
            handler.console = console
        if not tracebacks:
            handler.addFilter(_WithoutTracebacks())


@contextmanager
def stdout_kept_clean() -> Iterator[TextIO]:
    """The real stdout; whatever libraries print meanwhile goes to stderr, so that a result can be piped on."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as file:
            yield file
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def make_console() -> Console:
    """The console on stderr, wide enough for a log file where it is none of a person."""
    plain: dict[str, Any] = {} if sys.stderr.isatty() else {"width": 200, "soft_wrap": True}
    return Console(stderr=True, highlight=False, markup=False, emoji=False, **plain)
