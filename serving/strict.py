"""Numbers and flags of a JSON body, taken only as what they are.

Pydantic would read `"no"` as false and `"20"` as 20, against what the API says of itself: a client's typing error would
pass until the day it means something else.
"""

from typing import Annotated, Final

from pydantic import BeforeValidator, Strict


def _as_whole(value: object) -> object:
    """JSON knows one kind of number: 20.0 is the whole number 20 (Source: JSON Schema 2020-12, core, 4.2.3)."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Flag = Annotated[bool, Strict()]
Whole: Final = BeforeValidator(_as_whole)
"""Stands last, as in `Annotated[int, Field(strict=True, ge=0), Whole]`: the schema leaves out limits that follow."""
Number = Annotated[float, Strict()]
