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

# Where proofs are: the two rooms of their own, and tests elsewhere that have a full size too.
PLACES = (
    "faults",
    "security",
    "contracts/test_fuzz.py",
    "contracts/test_roles.py",
    "opcua/test_roles.py",
    "registry/test_histories.py",
    "serving/backup",
    "serving/delivery/test_webhook.py",
    "serving/events/test_slow.py",
    "serving/export",
    "serving/model_versions/test_deploy.py",
    "serving/query/test_hostile.py",
    "serving/storage/test_retention.py",
    "e2e/test_injection.py",
)
ROOT = Path(__file__).resolve().parents[2]


def main(
    areas: Annotated[list[str] | None, typer.Argument(help="Only these areas; see docs/proof.md")] = None,
    seed: Annotated[int, typer.Option(help="Added to the seed of each test")] = 0,
    scale: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the full numbers")] = 1.0,
    write: Annotated[bool, typer.Option(help="Write the results into docs/proof.md")] = True,
) -> None:
    """Runs the tests marked `prove` in full size; at most an hour in all."""
    chosen = areas or list(AREAS)
    if unknown := sorted(set(chosen) - set(AREAS)):
        raise typer.BadParameter(f"no area {', '.join(unknown)}: there are {', '.join(AREAS)}")
    given = (f" AREAS='{' '.join(areas)}'" if areas else "") + (f" SCALE={scale:g}" if scale != 1.0 else "")
    facts = circumstances(f"make prove{given}")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        log.touch()
        options = ["--prove", f"--prove-areas={','.join(chosen)}", f"--prove-seed={seed}", f"--prove-log={log}"]
        places = [str(ROOT / "tests" / place) for place in PLACES]
        code = pytest.main([*options, f"--prove-scale={scale}", *places])
        lines = read_log(log)
    for area in AREAS:
        if write and (of_area := [line for line in lines if line["area"] == area]):
            write_area(area, of_area, facts)
    sys.exit(code)


if __name__ == "__main__":
    typer.run(main)
