"""The API's description: complete, the committed one, and with examples that its own schemas take."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from serving.openapi.errors import RAISED
from serving.openapi.examples import ANSWERS, REQUESTS
from serving.openapi.tags import TAGS
from tests.contracts.written import PAGE, SNAPSHOT, page, snapshot
from tests.serving.declared import document

_ADVICE = "the API has changed: look at the difference, then write it down with `make api`"


def _operations() -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            yield (method.upper(), path), operation


def test_description_is_the_committed_one_when_made_anew() -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == snapshot(), _ADVICE


def test_tables_of_the_page_are_those_of_the_api_when_made_anew() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), _ADVICE


def test_operation_ids_are_unique_and_readable_when_listed() -> None:
    ids = [operation["operationId"] for _, operation in _operations()]
    assert len(ids) == len(set(ids))
    assert [each for each in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)*", each) or len(each) > 40] == []


def test_every_tag_has_words_when_used() -> None:
    used = {tag for _, operation in _operations() for tag in operation["tags"]}
    assert used - set(TAGS) == set(), "say in serving/openapi/tags.py what these groups are about"
    assert [tag["name"] for tag in document()["tags"]] == [name for name in TAGS if name in used]


def test_tables_name_routes_that_exist_when_compared() -> None:
    routes = {route for route, _ in _operations()}
    assert (set(RAISED) | set(REQUESTS) | set(ANSWERS)) - routes == set(), "these routes are no more"


def test_both_ways_to_say_who_one_is_are_described_when_read() -> None:
    schemes = document()["components"]["securitySchemes"]
    assert (schemes["HTTPBearer"]["scheme"], schemes["ApiKey"]["name"]) == ("bearer", "X-API-Key")
    named = {scheme for _, operation in _operations() for way in operation.get("security", ()) for scheme in way}
    assert named == set(schemes)


def test_every_schema_is_used_when_the_description_is_complete() -> None:
    text = str(document())
    unused = [name for name in document()["components"]["schemas"] if f"/schemas/{name}'" not in text]
    assert unused == []


def _examples() -> Iterator[Any]:
    for route, named in REQUESTS.items():
        for name, example in named.items():
            yield pytest.param(route, "request", example["value"], id=f"{' '.join(route)} {name}")
    for route, example in ANSWERS.items():
        yield pytest.param(route, "answer", example, id=f"{' '.join(route)} answer")


@pytest.mark.parametrize(("route", "side", "example"), list(_examples()))
def test_example_fits_its_schema_when_checked(route: tuple[str, str], side: str, example: Any) -> None:
    operation = dict(_operations())[route]
    good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    holder = operation["requestBody"] if side == "request" else good
    schema = {**holder["content"]["application/json"]["schema"], "components": document()["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert [error.message for error in validator.iter_errors(example)] == []
