"""What `prefect.yaml` declares can be loaded, and every flow of the room is declared."""

from pathlib import Path

import pytest

from flows.declarations import PREFECT_YAML, read_declarations
from flows.deployments import load_flow

pytestmark = pytest.mark.training


def test_each_entrypoint_is_a_flow_named_like_its_file() -> None:
    for declared in read_declarations():
        assert load_flow(declared.entrypoint).name == declared.flow_name
        assert declared.description


def test_concurrency_and_schedules_are_read(tmp_path: Path) -> None:
    (tmp_path / "prefect.yaml").write_text(
        "deployments:\n"
        "  - {name: a, entrypoint: x.y, concurrency_limit: 3}\n"
        "  - {name: b, entrypoint: x.y, concurrency_limit: {limit: 1}, schedules: [{cron: '0 2 * * *'}]}\n"
    )
    first, second = read_declarations(tmp_path / "prefect.yaml")
    assert (first.concurrency_limit, second.concurrency_limit) == (3, 1)
    assert second.schedules == [{"cron": "0 2 * * *"}]


def test_refused_when_an_entry_has_no_entrypoint(tmp_path: Path) -> None:
    (tmp_path / "prefect.yaml").write_text("deployments:\n  - {name: a}\n")
    with pytest.raises(ValueError, match="entrypoint"):
        read_declarations(tmp_path / "prefect.yaml")


def test_refused_when_the_entrypoint_is_no_flow() -> None:
    with pytest.raises(TypeError, match="no flow"):
        load_flow("flows.declarations.read_declarations")


def test_every_flow_file_is_declared() -> None:
    declared = {d.entrypoint.split(".")[1] for d in read_declarations()}
    files = {p.stem for p in PREFECT_YAML.parent.glob("flows/*.py") if "@flow(" in p.read_text(encoding="utf-8")}
    assert files == declared
