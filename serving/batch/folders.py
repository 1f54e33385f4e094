"""Which folders batch jobs may read."""

from collections.abc import Sequence
from pathlib import Path

from serving.errors import InvalidRequest


def resolve_input_dir(input_dir: str, roots: Sequence[Path]) -> Path:
    """The folder, absolute and without links, if it lies under one of the roots.

    Args:
        input_dir: As the caller gave it; a relative path is taken from the first root.
        roots: Where folders may lie.

    Raises:
        InvalidRequest: It lies elsewhere, or is no folder. What lies elsewhere is not told apart from what is missing.
    """
    try:
        folder = (roots[0] / input_dir).resolve(strict=True)
        allowed = any(folder.is_relative_to(root.resolve()) for root in roots)
    except (OSError, ValueError, RuntimeError):
        allowed = False
    if not allowed or not folder.is_dir():
        raise InvalidRequest("input_dir: no such folder under BATCH_ROOTS")
    return folder
