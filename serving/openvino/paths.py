"""Which files may be loaded: networks below a few folders of ours, whatever links and dots a path contains."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from serving.errors import InvalidRequest, NotFound

MOST_BYTES: Final = 512 * 1024 * 1024
_SUFFIXES: Final = (".onnx", ".xml")


def checked_path(asked: str, roots: Sequence[Path]) -> Path:
    """The real path of a network's file.

    Args:
        asked: As the client wrote it; relative to the first root.
        roots: The folders below which it must lie, after every link is followed.

    Raises:
        InvalidRequest: It lies elsewhere, is no network, or is too large. Said of missing files too: whether a file
            exists elsewhere is nobody's business.
        NotFound: There is no such file.
    """
    try:
        real = (roots[0] / asked).resolve()
    except (ValueError, OSError, RuntimeError) as error:  # a null byte, a name too long, links in a circle
        raise InvalidRequest("model_path is no path") from error
    _require_inside(real, roots)
    if real.suffix not in _SUFFIXES:
        raise InvalidRequest(f"model_path must end in {' or '.join(_SUFFIXES)}")
    _require_plain(real)
    if real.suffix == ".xml":
        weights = real.with_suffix(".bin").resolve()
        _require_inside(weights, roots)
        _require_plain(weights)
    return real


def _require_inside(real: Path, roots: Sequence[Path]) -> None:
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        raise InvalidRequest("model_path is not below the folder of the models (DATA_DIR/models)")


def _require_plain(real: Path) -> None:
    try:
        if not real.exists():
            raise NotFound(f"there is no file {real.name}")
        if not real.is_file():
            raise InvalidRequest(f"{real.name} is no file")
        if real.stat().st_size > MOST_BYTES:
            raise InvalidRequest(f"{real.name} is larger than {MOST_BYTES // 1024**2} MiB")
    except OSError as error:
        raise InvalidRequest(f"{real.name} cannot be read: {error.strerror}") from error
