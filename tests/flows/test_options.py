"""Options come from a flow's signature and docstring, whatever flow it is."""

from inspect import Parameter
from typing import Annotated, Any, Literal

import click
import pytest

pytest.importorskip("prefect", reason="needs the train extra")

from click.testing import CliRunner
from prefect import flow
from pydantic import Field

from flows.declarations import read_declarations
from flows.deployments import load_flow
from flows.options import description_of, parameters_of, values_of

pytestmark = pytest.mark.training
Size = Annotated[int, Field(ge=1)]


@flow
def weigh(
    part: str,
    grams: Annotated[float, Field(gt=0.0)] = 1.5,
    is_wet: bool = False,
    scale_ids: list[Size] = [1, 2],  # noqa: B006 - never changed
    rounding: Literal["up", "down"] = "up",
    note: str | None = None,
    limits: dict[str, int] | None = None,
) -> None:
    """The weight of a part.

    A second paragraph.

    Args:
        part: Which one; its name
            goes on.
        grams: Its weight.
        is_wet: Whether it is.
        scale_ids: Which scales.
        rounding: How.
        note: For people.
        limits: Per scale.

    Raises:
        ValueError: Never.
    """


def _typed(*arguments: str, defaults: dict[str, Any] | None = None) -> tuple[int, str, dict[str, Any]]:
    parameters = parameters_of(weigh, defaults or {})
    seen: dict[str, Any] = {}
    command = click.Command(
        "weigh",
        params=[p.to_option() for p in parameters],
        callback=lambda **typed: seen.update(values_of(parameters, typed)),
        help=description_of(weigh),
    )
    result = CliRunner().invoke(command, list(arguments))
    return result.exit_code, result.output, seen


def test_values_have_their_types_when_typed() -> None:
    arguments = ["--part", "42", "--grams", "2", "--is-wet", "--scale-ids", "3", "--scale-ids", "4"]
    code, output, values = _typed(*arguments, "--rounding", "down", "--note", "7", "--limits", '{"3": 5}')
    assert code == 0, output
    assert values == {
        "part": "42",
        "grams": 2.0,
        "is_wet": True,
        "scale_ids": [3, 4],
        "rounding": "down",
        "note": "7",
        "limits": {"3": 5},
    }


def test_defaults_are_those_of_the_deployment_and_then_of_the_signature_when_nothing_is_typed() -> None:
    code, _, values = _typed("--part", "a", defaults={"grams": 9.0})
    assert code == 0
    assert (values["grams"], values["is_wet"], values["scale_ids"], values["note"]) == (9.0, False, [1, 2], None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing option '--part'"),
        (["--part", "a", "--grams", "0"], "--grams: Input should be greater than 0"),
        (["--part", "a", "--grams", "x"], "--grams: Input should be a valid number"),
        (["--part", "a", "--scale-ids", "0"], "--scale-ids: Input should be greater than or equal to 1"),
        (["--part", "a", "--rounding", "off"], "'off' is not one of 'up', 'down'"),
        (["--part", "a", "--limits", "{"], "--limits: "),
        (["--part", "a", "--colour", "red"], "No such option"),
    ],
)
def test_refused_with_the_option_when_a_value_does_not_fit(arguments: list[str], said: str) -> None:
    code, output, values = _typed(*arguments)
    assert code == 2
    assert said in output
    assert values == {}


def test_help_says_what_the_docstring_says() -> None:
    _, output, _ = _typed("--help")
    for said in (
        "The weight of a part.",
        "A second paragraph.",
        "its name goes on.",
        "[default: 1.5]",
        "[default: 1 2]",
    ):
        assert said in " ".join(output.split())
    assert "Raises" not in output


@pytest.mark.parametrize("declared", read_declarations(), ids=lambda d: str(d.flow_name))
def test_every_declared_flow_says_what_each_parameter_is(declared: Any) -> None:
    found = load_flow(declared.entrypoint)
    parameters = parameters_of(found, declared.parameters)
    assert description_of(found)
    for parameter in parameters:
        assert parameter.help, parameter.name
        assert parameter.to_option().opts
        if parameter.default is not Parameter.empty and parameter.default is not None:
            parameter.parse(parameter.default)
    assert set(declared.parameters) <= {p.name for p in parameters}
