"""Starts a process of the flows' side under its settings: `python -m flows.serve server` or `… host`.

Prefect reads its settings when it is imported; so the variables are set first, then this process becomes the other.
"""

import argparse
import os
import sys
from typing import Final

from flows.settings import FlowSettings

_NICENESS: Final = 10


def main() -> None:
    """Becomes Prefect's server, or the host that executes flow runs (niced, so that the line keeps its takt)."""
    parser = argparse.ArgumentParser(description="Starts a process of the flows' side.")
    parser.add_argument("what", choices=("server", "host"))
    what = parser.parse_args().what
    settings = FlowSettings()
    environment = {**os.environ, **settings.environment()}
    if what == "server":
        arguments = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(settings.prefect_port)]
    else:
        arguments = ["flows.host"]
        os.nice(_NICENESS)
    os.execve(sys.executable, [sys.executable, "-P", "-m", *arguments], environment)  # noqa: S606 - our own interpreter


if __name__ == "__main__":
    main()
