"""One process at a time, and a lock that a killed process does not leave behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.tasks.lock_file import BusyError, locked
from tests.mlflow_server import ROOT

_HOLDER = """
import sys
from pathlib import Path
from flows.tasks.lock_file import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_refused_while_another_process_holds_it_and_free_when_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    command = [sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match="a training runs"), locked(path, busy="a training runs"):
            pass
        holder.kill()
    with locked(path, busy="a training runs"):
        pass
