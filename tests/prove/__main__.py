"""`make prove`: attacks every promise in full size, and writes `docs/proof.md`."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import pytest
import typer

from tests.bench.report import circumstances
from tests.prove.page import read_log, write_area
from tests.prove.plugin import AREAS

ROOT = Path(__file__).resolve().parents[2]


def main(
    areas: Annotated[list[str] | None, typer.Argument(help="Only these areas; see docs/proof.md")] = None,
    seed: Annotated[int, typer.Option(help="Added to the seed of each test")] = 0,
    write: Annotated[bool, typer.Option(help="Write the results into docs/proof.md")] = True,
) -> None:
    """Runs the tests marked `prove` in full size; at most an hour in all."""
    chosen = areas or list(AREAS)
    if unknown := sorted(set(chosen) - set(AREAS)):
        raise typer.BadParameter(f"no area {', '.join(unknown)}: there are {', '.join(AREAS)}")
    facts = circumstances("make prove" + (f" AREAS='{' '.join(areas)}'" if areas else ""))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        log.touch()
        options = ["--prove", f"--prove-areas={','.join(chosen)}", f"--prove-seed={seed}", f"--prove-log={log}"]
        code = pytest.main([*options, str(ROOT / "tests" / "faults"), str(ROOT / "tests" / "security")])
        lines = read_log(log)
    for area in AREAS:
        if write and (of_area := [line for line in lines if line["area"] == area]):
            write_area(area, of_area, facts)
    sys.exit(code)


if __name__ == "__main__":
    typer.run(main)
