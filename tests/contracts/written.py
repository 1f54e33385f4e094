"""What is written from the API: docs/openapi.json, and the tables of docs/api.md. `make api` writes them anew."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from models import errors as model_errors
from serving import errors
from serving.dashboard.description import description
from serving.errors import ServingError, status_of
from serving.openapi.responses import code_of, sentence_of
from tests.contracts.reference import BY_ROUTE
from tests.serving.declared import document

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
SNAPSHOT: Final = DOCS / "openapi.json"
PAGE: Final = DOCS / "api.md"
# Of the program itself: they never leave it, or only as `internal_error`.
_INSIDE: Final = frozenset({"error", "model_error", "configuration", "network_layout"})
_FORM: Final = ("file", "station_id", "part_id")  # of `POST /api/v1/inspect`
# Said by the framework, or where no route is.
_WITHOUT_CLASS: Final = (
    (405, "method_not_allowed", "The path knows other methods; `Allow` names them."),
    (500, "internal_error", "Nobody expected this; the log says more, under the answer's `X-Request-ID`."),
)


def snapshot() -> str:
    """The API's description as it is committed."""
    return description() + "\n"


def page(text: str) -> str:
    """The page about the API with its tables as they are now; the words between them stay."""
    for name, lines in (("routes", _routes()), ("fields", _fields()), ("errors", _errors())):
        begin, end = f"<!-- {name}: written by `make api` -->", f"<!-- end of {name} -->"
        head, found, rest = text.partition(begin)
        _, found_end, tail = rest.partition(end)
        if not (found and found_end):
            msg = f"docs/api.md has no place for {name}"
            raise ValueError(msg)
        text = "".join([head, begin, "\n", *(f"{line}\n" for line in lines), end, tail])
    return text


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in sorted(document()["paths"].items()):
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _routes() -> Iterator[str]:
    yield from ("| call | who | what |", "|---|---|---|")
    for method, path, operation in _operations():
        if (method, path) not in BY_ROUTE:
            what, _, who = operation["description"].rpartition("\n\n")
            yield f"| `{method} {path}` | {_who(who)} | {what.splitlines()[0]} |"


def _who(sentence: str) -> str:
    return sentence.removeprefix("Role: ").rstrip(".").replace(". ", "; ")


def _fields() -> Iterator[str]:
    yield from ("| call | more in the request | more in the answer |", "|---|---|---|")
    for method, path, operation in _operations():
        documented = BY_ROUTE.get((method, path))
        if documented is None:
            continue
        asked = {
            *documented.query,
            *documented.body,
            *({"file", "station_id", "part_id"} if _is_form(operation) else ()),
        }
        more = [
            *(
                each["name"]
                for each in operation.get("parameters", ())
                if each["in"] != "path" and each["name"] not in asked
            ),
            *(name for name in _properties(_body(operation)) if name not in asked),
        ]
        shown = documented.answer if isinstance(documented.answer, dict) else {}
        given = [name for name in _properties(_answer(operation)) if name not in shown]
        if more or given:
            yield f"| `{method} {path}` | {_names(more)} | {_names(given)} |"


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _is_form(operation: dict[str, Any]) -> bool:
    return "multipart/form-data" in operation.get("requestBody", {}).get("content", {})


def _body(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    return content.get("application/json", content.get("multipart/form-data", {})).get("schema", {})  # type: ignore[no-any-return]


def _answer(operation: dict[str, Any]) -> dict[str, Any]:
    answer = next(each for status, each in operation["responses"].items() if status.startswith("2"))
    return answer.get("content", {}).get("application/json", {}).get("schema", {})  # type: ignore[no-any-return]


def _properties(schema: dict[str, Any]) -> list[str]:
    """The names of the fields; of a list's items, where the answer is a page of them, those too."""
    if "anyOf" in schema:
        schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("properties", ()))


def _errors() -> Iterator[str]:
    yield from ("| status | code | when |", "|---|---|---|")
    kinds = {code_of(kind): kind for kind in (*_kinds(ServingError), *_kinds(model_errors.ModelError))}
    rows = [(status_of(kind("")), code, sentence_of(kind)) for code, kind in kinds.items() if code not in _INSIDE]
    for status, code, sentence in sorted([*rows, *_WITHOUT_CLASS]):
        yield f"| {status} | `{code}` | {sentence} |"


def _kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    """The class and those below it; one without a code of its own comes first and gives way to its parent."""
    for child in kind.__subclasses__():
        yield from _kinds(child)
    if "code" in vars(kind) and kind.__module__ in {errors.__name__, model_errors.__name__}:
        yield kind


def main() -> None:
    """Write both."""
    SNAPSHOT.write_text(snapshot(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"wrote {SNAPSHOT.name} and {PAGE.name}\n")


if __name__ == "__main__":
    main()
