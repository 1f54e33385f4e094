"""A piece of a flow, run in a flow of its own, in a process that has the settings of a test's platform."""

import subprocess
import sys

from tests.mlflow_server import ROOT
from tests.prefect_platform import PrefectPlatform

_SCRIPT = """
import json, os, sys
from flows.settings import FlowSettings
os.environ.update(FlowSettings().environment())
from prefect import flow
{imports}

@flow
def piece():
    return {expression}

print(json.dumps(piece()))
"""


def start_in_flow(platform: PrefectPlatform, imports: str, expression: str) -> "subprocess.Popen[str]":
    """The process; it prints the value of the expression as JSON."""
    command = [sys.executable, "-c", _SCRIPT.format(imports=imports, expression=expression)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**platform.environment, "PREFECT_LOGGING_LEVEL": "INFO"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def run_in_flow(platform: PrefectPlatform, imports: str, expression: str, timeout_s: float = 120.0) -> str:
    """What the process printed, once it has ended well."""
    with start_in_flow(platform, imports, expression) as process:
        output, errors = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, errors
    return output
