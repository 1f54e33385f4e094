"""Numbers and flags of a JSON body, taken only as what they are.

Pydantic would read `"no"` as false and `"20"` as 20, against what the API says of itself: a client's typing error would
pass until the day it means something else.
"""

from typing import Annotated

from pydantic import Strict

Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
