"""Opens a file below a folder that others may write to, so that no link leads elsewhere, whenever it is put there."""

import errno
import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO


def open_beneath(root: Path, name: str) -> BinaryIO:
    """The open file, read-only.

    A path that was looked at may be another one when it is opened. Here each step is taken from the open folder before
    it, and no step may be a link (Source: man 2 openat, O_NOFOLLOW).

    Args:
        root: The folder.
        name: Path below it, with `/`.

    Raises:
        OSError: A step is missing or a link, leads upwards, or what is there is no plain file.
    """
    parts = PurePosixPath(name).parts
    if not parts or any(part in {"..", "/"} for part in parts):
        raise PermissionError(errno.EPERM, "the path leads out of the folder")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        # O_NONBLOCK: a pipe in the file's place would hold us up.
        descriptor = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PermissionError(errno.EPERM, "it is no plain file")
    return os.fdopen(descriptor, "rb")
