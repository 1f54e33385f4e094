"""Results into `docs/`: a JSON file per kind of measurement, and a block between markers in benchmarks.md."""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

_NAMED = ("openvino", "onnxruntime", "fastapi", "uvicorn", "sqlalchemy")
DOCS = Path(__file__).resolve().parents[2] / "docs"


def circumstances(command: str) -> dict[str, Any]:
    """Date, processor and command: without them a figure means nothing."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": f"{_cpu_name()}, {os.cpu_count()} cores",
        "versions": ", ".join(f"{name} {version(name)}" for name in _NAMED) + f", Python {platform.python_version()}",
        "load_1min": round(os.getloadavg()[0], 2),
        "command": command,
    }


def write_json(name: str, content: dict[str, Any]) -> None:
    """Stores one result as `docs/results/<name>.json`."""
    folder = DOCS / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def replace_block(name: str, markdown: str, *, page: str = "benchmarks.md") -> None:
    """Puts a text between `<!-- name -->` and `<!-- /name -->` of a page.

    Raises:
        ValueError: The markers are not there.
    """
    file = DOCS / page
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = file.read_text(encoding="utf-8").partition(opening)
    _, closed, after = rest.partition(closing)
    if not found or not closed:
        raise ValueError(f"{page} has no block {name}")
    file.write_text(f"{before}{opening}\n{markdown.strip()}\n{closing}{after}", encoding="utf-8")


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines)


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
