"""Files and functions stay small enough to read: limits of the house style, checked."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_FILE_LINES = 400
MAX_TEST_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_FILE_BYTES = 15 * 2**20


def _tracked(pattern: str) -> list[Path]:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_no_file_is_longer_than_allowed() -> None:
    too_long = {}
    for path in _tracked("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        limit = MAX_TEST_FILE_LINES if "tests" in path.relative_to(ROOT).parts else MAX_FILE_LINES
        if lines > limit:
            too_long[str(path.relative_to(ROOT))] = lines
    assert too_long == {}


def test_no_function_is_longer_than_allowed() -> None:
    too_long = {}
    for path in _tracked("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    too_long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert too_long == {}


def test_everything_together_stays_small() -> None:
    weights = [*_tracked("models/starter/*"), *_tracked("models/pretrained/*")]
    assert sum(path.stat().st_size for path in weights) <= MAX_FILE_BYTES
    big = {str(p.relative_to(ROOT)) for p in _tracked("*") if p.stat().st_size > 2**20}
    assert all(name.startswith("models/starter/") for name in big), big


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "manager"])
def test_no_module_has_a_name_that_says_nothing(word: str) -> None:
    assert [p for p in _tracked("*.py") if word in {p.stem, *p.relative_to(ROOT).parent.parts}] == []
