"""Becomes another process that dies with the supervisor: `python -m serving.command.kept -m registry.server …`.

The kernel keeps the order to die and the niceness across exec(2), so the other one needs to know nothing of them.
"""

import os
import sys
from typing import Final, NoReturn

from serving.command.parent import die_with_supervisor

# The API starts and inspects first; what runs beside it can wait for a core.
_NICENESS: Final = 10


def run(arguments: list[str]) -> NoReturn:
    """Become the interpreter with these arguments."""
    die_with_supervisor()
    os.nice(_NICENESS)
    os.execv(sys.executable, [sys.executable, "-P", *arguments])  # noqa: S606 - our own interpreter


if __name__ == "__main__":
    run(sys.argv[1:])
