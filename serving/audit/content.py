"""What an entry says of before and after: canonical JSON, without secrets, of bounded size."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

_LARGEST_TEXT: Final = 64 * 1024
_STRUCK_OUT: Final = "***"
_SECRET_NAME: Final = re.compile(
    r"(^|_)(password|passwd|passphrase|secret|token|credentials?|authorization|cookie|(api|secret|private|signing)_key)"
    r"s?(_hash)?$",
    re.IGNORECASE,
)
_PASSWORD_IN_URL: Final = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*@")


def to_text(value: object) -> str | None:
    """The value as canonical JSON, None for None. One value, one text: the MAC covers it.

    What is larger than 64 KiB is replaced by its digest and size.

    Raises:
        TypeError: JSON cannot say it.
        ValueError: It holds a number that JSON does not know (NaN, infinity).
    """
    if value is None:
        return None
    text = canonical(_without_secrets(value))
    if len(text) <= _LARGEST_TEXT:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return canonical({"left_out": "too large", "sha256": digest, "bytes": len(text)})


def canonical(value: object) -> str:
    """JSON in ASCII with sorted keys and no spaces.

    Source: after RFC 8785, whose rules for numbers are Python's own shortest form here.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def is_secret_name(name: str) -> bool:
    """Whether what is called so is never told."""
    return _SECRET_NAME.search(name) is not None


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _struck_out(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_without_secrets(item) for item in items]
    if isinstance(value, str):
        return _PASSWORD_IN_URL.sub(f"{_STRUCK_OUT}@", value)
    return value


def _struck_out(key: str, value: Any) -> Any:
    # Whether there is a secret may be told; what it is may not.
    if is_secret_name(key) and value is not None and not isinstance(value, bool):
        return _STRUCK_OUT
    return _without_secrets(value)
