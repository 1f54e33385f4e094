"""What a number or a flag of a JSON body may be."""

from typing import Annotated

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from serving.strict import Flag, Number, Whole

COUNT = Annotated[int, Field(strict=True, ge=-5, le=2000), Whole]


@pytest.mark.parametrize(("told", "taken"), [("20", 20), ("20.0", 20), ("-3", -3), ("1e3", 1000)])
def test_whole_number_is_taken_however_json_writes_it(told: str, taken: int) -> None:
    found = TypeAdapter(COUNT).validate_json(told)
    assert (found, type(found)) == (taken, int)


@pytest.mark.parametrize("told", ['"20"', "20.5", "true", "null", "[]", "1e999", "NaN", "2001"])
def test_whole_number_is_refused_when_it_is_something_else(told: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(COUNT).validate_json(told)


def test_limits_are_told_when_a_whole_number_has_some() -> None:
    assert TypeAdapter(COUNT).json_schema() == {"type": "integer", "minimum": -5, "maximum": 2000}


@pytest.mark.parametrize(("kind", "told"), [(Flag, '"no"'), (Flag, "0"), (Number, '"1.5"'), (Number, "true")])
def test_text_is_refused_when_a_number_or_a_flag_is_meant(kind: type, told: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_json(told)
