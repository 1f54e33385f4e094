"""The page about the flows knows every deployment, every parameter and every schedule."""

import re
import shlex
from inspect import Parameter

import pytest

pytest.importorskip("prefect", reason="needs the train extra")

from flows.declarations import PREFECT_YAML, DeclaredDeployment, read_declarations
from flows.deployments import load_flow
from flows.options import FlowParameter, parameters_of, values_of

pytestmark = pytest.mark.training
PAGE = (PREFECT_YAML.parent / "docs" / "flows.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)}
every_flow = pytest.mark.parametrize("declared", read_declarations(), ids=lambda d: str(d.flow_name))


def _parameters(declared: DeclaredDeployment) -> list[FlowParameter]:
    return parameters_of(load_flow(declared.entrypoint), declared.parameters)


@every_flow
def test_section_names_every_parameter_and_no_other(declared: DeclaredDeployment) -> None:
    last_paragraph = SECTIONS[declared.flow_name].rstrip().rpartition("\n\n")[2]
    assert set(re.findall(r"`(--[a-z0-9-]+)`", last_paragraph)) == {p.flag for p in _parameters(declared)}


@every_flow
def test_section_tells_the_schedule(declared: DeclaredDeployment) -> None:
    section = SECTIONS[declared.flow_name]
    for schedule in declared.schedules:
        assert f"`{schedule['cron']}` ({schedule.get('timezone', 'UTC')})" in section
    assert bool(declared.schedules) != ("o schedule." in section)


@every_flow
def test_example_is_taken_by_the_command_line(declared: DeclaredDeployment) -> None:
    (line,) = re.findall(rf"^    ussop flow {declared.flow_name} ?(.*)$", SECTIONS[declared.flow_name], re.MULTILINE)
    parameters = _parameters(declared)
    typed: dict[str, object] = {}
    words = shlex.split(line)
    while words:
        (parameter,) = [p for p in parameters if p.flag == words[0]]
        option = parameter.to_option()
        value: object = True if option.is_flag else words[1]
        known = typed.get(parameter.name)
        typed[parameter.name] = (*(known if isinstance(known, tuple) else ()), value) if option.multiple else value
        words = words[1 if option.is_flag else 2 :]
    values = values_of(parameters, typed)
    assert Parameter.empty not in values.values()
