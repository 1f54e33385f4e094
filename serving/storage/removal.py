"""Removes the files of deleted pictures: after the row says so, and before anybody forgets that they are to go.

The order is mark and list, commit, remove, strike off. A crash at any moment leaves a listed file that is or is not
there; whoever comes next (the repair at the start, the next pass) removes it. No row ever promises a picture that
retention has taken.
"""

from collections.abc import Callable
from typing import Final

from serving.database import Database
from serving.media.store import MediaStore
from serving.storage import repository

_BATCH: Final = 200


def finish_removals(database: Database, media: MediaStore, *, keep_on: Callable[[], bool] = lambda: True) -> int:
    """How many files an earlier process had left to remove; they are gone now.

    Args:
        database: Where they are listed.
        media: Where they lie.
        keep_on: Asked before each batch whether to go on.

    Raises:
        ServingError: The database cannot be read or written.
    """
    count, last = 0, ""
    while keep_on():
        with database.read() as session:
            paths = repository.removals(session, last, _BATCH)
        if not paths:
            break
        last = paths[-1]
        gone = media.remove_all(paths)
        strike_off(database, gone)
        count += len(gone)
    return count


def strike_off(database: Database, paths: frozenset[str]) -> None:
    """Forgets files that are gone. Waits for the database.

    Raises:
        ServingError: The database cannot be written.
    """
    if paths:
        database.write(lambda session: repository.forget_removals(session, paths)).result()
