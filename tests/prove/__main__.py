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
# These compare times, or look at the memory: nothing else may run beside them.
ALONE = ("independence",)
ROOT = Path(__file__).resolve().parents[2]


def main(
    areas: Annotated[list[str] | None, typer.Argument(help="Only these areas; see docs/proof.md")] = None,
    seed: Annotated[int, typer.Option(help="Added to the seed of each test")] = 0,
    scale: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the full numbers")] = 1.0,
    write: Annotated[bool, typer.Option(help="Write the results into docs/proof.md")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Tests at a time; those that measure run alone")] = 2,
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
        options = ["--prove", f"--prove-seed={seed}", f"--prove-log={log}", f"--prove-scale={scale}"]
        codes = [
            _run(areas, options, at_once)
            for areas, at_once in (
                ([a for a in chosen if a not in ALONE], workers),
                ([a for a in chosen if a in ALONE], 1),
            )
            if areas
        ]
        lines = sorted(read_log(log), key=lambda line: str(line["test"]))
    for area in AREAS:
        if write and (of_area := [line for line in lines if line["area"] == area]):
            write_area(area, of_area, facts)
    sys.exit(max(codes))


def _run(areas: list[str], options: list[str], workers: int) -> int:
    """The exit code of the tests of these areas; each worker takes a file at a time."""
    places = [str(ROOT / "tests" / place) for place in PLACES]
    together = ["-n", str(workers), "--dist", "loadfile"] if workers > 1 else []
    return int(pytest.main([*options, *together, f"--prove-areas={','.join(areas)}", *places]))


if __name__ == "__main__":
    typer.run(main)
