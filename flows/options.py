"""The options of a flow's command line, made from its signature and docstring."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter, cleandoc, signature
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import click
from prefect import Flow
from prefect.utilities.callables import parameter_docstrings
from pydantic import TypeAdapter, ValidationError

_METAVARS: Final = {int: "INTEGER", float: "NUMBER", str: "TEXT"}
_NOT_GIVEN: Final = object()


@dataclass(frozen=True, slots=True)
class FlowParameter:
    """One parameter of a flow.

    Attributes:
        name: Its name.
        annotation: Its type, with its limits.
        default: Its default; `Parameter.empty` where it must be given.
        help: What its docstring says.
    """

    name: str
    annotation: Any
    default: Any
    help: str

    @property
    def flag(self) -> str:
        """The option's name."""
        return f"--{self.name.replace('_', '-')}"

    def to_option(self) -> click.Option:
        """The option. What is typed stays text, which `parse` turns into a value."""
        plain = _without_limits(self.annotation)
        required = self.default is Parameter.empty
        shown = None if required or self.default in ("", None) else _shown(self.default)
        said = self.help if shown is None else f"{self.help}  [default: {shown}]"
        if plain is bool:
            flags = f"{self.flag}/--no-{self.flag.removeprefix('--')}"
            return click.Option([self.name, flags], help=said, default=None, required=required)
        many = get_origin(plain) in {list, tuple, set}
        of = _without_limits(get_args(plain)[0]) if many else plain
        choices = get_args(of) if get_origin(of) is Literal else ()
        return click.Option(
            [self.name, self.flag],
            type=click.Choice([str(choice) for choice in choices]) if choices else click.STRING,
            metavar=None if choices else _METAVARS.get(of, "VALUE"),
            multiple=many,
            required=required,
            help=f"{said}  [may be repeated]" if many else said,
        )

    def parse(self, typed: Any) -> Any:
        """The value of what was typed.

        Raises:
            click.BadParameter: It does not fit the type or its limits.
        """
        adapter: TypeAdapter[Any] = TypeAdapter(self.annotation)
        try:
            return adapter.validate_python(list(typed) if isinstance(typed, tuple) else typed)
        except ValidationError as error:
            if isinstance(typed, str) and typed.lstrip()[:1] in {"{", "["}:
                return self._parse_json(adapter, typed)
            raise click.BadParameter(error.errors()[0]["msg"], param_hint=self.flag) from error

    def _parse_json(self, adapter: TypeAdapter[Any], typed: str) -> Any:
        try:
            return adapter.validate_json(typed)
        except ValidationError as error:
            raise click.BadParameter(error.errors()[0]["msg"], param_hint=self.flag) from error


def parameters_of(flow: Flow[..., Any], defaults: Mapping[str, Any]) -> list[FlowParameter]:
    """The parameters of a flow.

    Args:
        flow: The flow.
        defaults: What its deployment sets; these go before the signature's.
    """
    hints = get_type_hints(flow.fn, include_extras=True)
    said = parameter_docstrings(flow.fn.__doc__)
    return [
        FlowParameter(
            name=name,
            annotation=hints[name],
            default=defaults.get(name, parameter.default),
            help=" ".join(said.get(name, "").split()),
        )
        for name, parameter in signature(flow.fn).parameters.items()
    ]


def values_of(parameters: list[FlowParameter], typed: Mapping[str, Any]) -> dict[str, Any]:
    """What a run is given: what was typed, else the defaults.

    Raises:
        click.BadParameter: Something does not fit.
    """
    values = {}
    for parameter in parameters:
        text = typed.get(parameter.name)
        given = text is not None and text != ()
        values[parameter.name] = parameter.parse(text) if given else parameter.default
    return values


def description_of(flow: Flow[..., Any]) -> str:
    """What the docstring says before its arguments."""
    return cleandoc(flow.fn.__doc__ or "").partition("\n\nArgs:")[0]


def _without_limits(annotation: Any) -> Any:
    """The type itself: without limits, aliases, and the possibility of None."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in {Union, types.UnionType}:
            others = [a for a in get_args(annotation) if a is not type(None)]
            if len(others) != 1:
                return annotation
            annotation = others[0]
        elif (value := getattr(annotation, "__value__", _NOT_GIVEN)) is not _NOT_GIVEN:  # `type X = …`
            annotation = value
        else:
            return annotation


def _shown(default: Any) -> str:
    if isinstance(default, list | tuple):
        return " ".join(str(item) for item in default) or "none"
    return "no" if default is False else "yes" if default is True else str(default)
