"""Log lines in both formats, from our code and from libraries."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
# A process of its own: logging is set up once in each, and this one belongs to pytest.
_PROGRAM = """
import logging, structlog
from serving.logging import configure_logging
from serving.settings import Settings
configure_logging(Settings(_env_file=None, log_format="{format}", log_level="{level}"))
structlog.get_logger("ours").info("part_seen", part_id="p-1")
logging.getLogger("theirs").warning("careful with %s", "that")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("ours").exception("broken")
"""


def _lines(log_format: str, level: str = "INFO") -> list[str]:
    program = _PROGRAM.format(format=log_format, level=level)
    outcome = subprocess.run(
        [sys.executable, "-c", program], cwd=_ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert outcome.stdout == ""
    return outcome.stderr.splitlines()


def test_every_line_is_an_object_when_json_is_wanted() -> None:
    ours, theirs, broken = (json.loads(line) for line in _lines("json"))
    assert (ours["event"], ours["part_id"], ours["level"], ours["logger"]) == ("part_seen", "p-1", "info", "ours")
    assert (theirs["event"], theirs["level"]) == ("careful with that", "warning")
    assert "ZeroDivisionError" in broken["exception"]
    assert all(line["timestamp"].endswith("Z") for line in (ours, theirs, broken))


def test_lines_are_readable_when_a_console_is_wanted() -> None:
    lines = _lines("console")
    assert "part_seen" in lines[0]
    assert "part_id=p-1" in lines[0]
    assert any("ZeroDivisionError" in line for line in lines)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_lesser_lines_are_left_out_when_the_level_is_higher(log_format: str) -> None:
    assert not any("part_seen" in line for line in _lines(log_format, "WARNING"))
