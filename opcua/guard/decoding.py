"""Arrays in messages: no longer than what is left of the message.

Asyncua believes the length that an array announces. Most elements run out of bytes soon; those without content (Null,
and structures without fields) never do. The header of every request has room for any value, so a stranger without
certificate or login could have two thousand million of them made by 60 bytes: no memory suffices for that.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer, NotEnoughData
from asyncua.ua import ua_binary

_LENGTH_BYTES: Final = 4
_read_array = ua_binary.unpack_uatype_array
_make_list_reader = ua_binary._create_list_deserializer  # noqa: SLF001 - there is no other place to bound it


def bound_arrays() -> None:
    """Puts our readers in the place of asyncua's; what was made of those before is made anew."""
    ua_binary.unpack_uatype_array = _read_bounded_array
    ua_binary._create_list_deserializer = _make_bounded_list_reader  # noqa: SLF001
    ua_binary._create_type_deserializer.cache_clear()  # noqa: SLF001
    ua_binary._create_dataclass_deserializer.cache_clear()  # noqa: SLF001


def _read_bounded_array(kind: ua.VariantType, data: Any) -> list[Any] | None:
    _require_content(data)
    return _read_array(kind, data)


@cache
def _make_bounded_list_reader(kind: Any) -> Callable[[Any], list[Any]]:
    read = _make_list_reader(kind)

    def read_bounded(data: Any) -> list[Any]:
        _require_content(data)
        return read(data)

    return read_bounded


def _require_content(data: Any) -> None:
    """Raises where more elements are announced than bytes follow."""
    if isinstance(data, Buffer):
        length = int.from_bytes(data.copy(_LENGTH_BYTES).read(_LENGTH_BYTES), "little", signed=True)
        if length > len(data) - _LENGTH_BYTES:
            raise NotEnoughData(f"an array of {length} elements is announced in {len(data)} bytes")
