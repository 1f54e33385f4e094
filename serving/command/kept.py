"""Becomes another process that dies with the supervisor: `python -m serving.command.kept 10 -m registry.server …`.

The kernel keeps the order to die and the niceness across exec(2), so the other one needs to know nothing of them.
"""

import os
import sys
from typing import NoReturn

from serving.command.parent import die_with_supervisor


def run(niceness: int, arguments: list[str]) -> NoReturn:
    """Become the interpreter with these arguments, at that niceness."""
    die_with_supervisor()
    os.nice(niceness)
    os.execv(sys.executable, [sys.executable, "-P", *arguments])  # noqa: S606 - our own interpreter


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2:])
