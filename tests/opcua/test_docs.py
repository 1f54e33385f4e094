"""The page of the address space says what the server shows."""

from pathlib import Path

import pytest

from opcua.documentation import describe
from opcua.machine_vision.nodeset import FILE
from opcua.nodes import ALL_NODES
from opcua.settings import OpcUaSettings
from serving.settings import Settings
from tests.opcua.plant import ROOT

_PAGE = ROOT / "docs" / "opcua-address-space.md"


@pytest.mark.skipif(not FILE.is_file(), reason="needs the NodeSet (make opcua-nodeset)")
async def test_page_is_that_of_the_server_when_made_anew() -> None:
    assert await describe() == _PAGE.read_text(encoding="utf-8"), "run python -m opcua.documentation"


def test_every_node_has_a_line_when_looked_up() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    assert all(f"`station/line-1/{spec.name}`" in page for spec in ALL_NODES)


def test_settings_are_those_of_the_platform_when_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ours, theirs = OpcUaSettings(_env_file=None), Settings(_env_file=None)
    for name in OpcUaSettings.model_fields:
        expected = getattr(theirs, name)
        assert getattr(ours, name) == (Path("var") if name == "data_dir" else expected), name
