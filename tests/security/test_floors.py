"""Known holes were closed in these versions: what is installed, pinned and allowed must not be older."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

_ROOT: Final = Path(__file__).resolve().parents[2]
# By package: the first version without the holes, and one of those that were closed there.
FLOORS: Final = {
    "starlette": ("1.5.1", "CVE-2026-48710: the Host header changes the path that is authorised; 1.5.1 bounds ranges"),
    "fastapi": ("0.139", "older ones hold starlette below 1"),
    "python-multipart": ("0.0.30", "CVE-2026-53539: quadratic parsing; 42561: endless headers of parts"),
    "h11": ("0.16.0", "CVE-2025-43859: chunks smuggle requests"),
    "h2": ("4.3.0", "CVE-2025-57804: headers smuggle requests"),
    "pyjwt": ("2.15", "CVE-2026-32597: `crit` is ignored"),
    "cryptography": ("45.0", "CVE-2024-12797: a bundled OpenSSL takes raw keys unverified"),
    "pillow": ("13.0.0", "CVE-2026-112398: heap overflow while reading JPEG"),
    "opencv-python-headless": ("4.12", "CVE-2025-53644: an uninitialised pointer in the JPEG reader"),
    "onnx": ("1.21", "CVE-2026-27489: external data from outside the folder"),
    "onnxruntime": ("1.22", "crashes while loading hostile graphs"),
    "jinja2": ("3.1.6", "CVE-2025-27516: the sandbox is left by |attr"),
    "urllib3": ("2.6.0", "CVE-2025-66418: endless chains of compression"),
    "requests": ("2.32.4", "CVE-2024-47081: credentials of .netrc go to others"),
    "aiohttp": ("3.13.3", "CVE-2025-69223: a compressed body fills the memory"),
    "werkzeug": ("3.1.4", "CVE-2025-66221: device names on Windows"),
    "idna": ("3.7", "CVE-2024-3651: quadratic time"),
    "certifi": ("2024.7.4", "CVE-2024-39689: an authority that is no longer trusted"),
    "asyncua": ("2.0", "unbounded subscriptions; CVE-2023-26150: no session, and still served"),
    "mlflow": ("3.11", "CVE-2026-4137, 2652, 2614: files read and jobs run by strangers"),
    "prefect": ("3.6.22", "CVE-2026-7722, 7723: events and routes without authentication"),
    "torch": ("2.10", "CVE-2025-32434, CVE-2026-24747: code runs in spite of weights_only"),
    "reportlab": ("3.6.13", "CVE-2023-33733: code runs from a colour"),
    "pyyaml": ("5.4", "CVE-2020-14343: code runs from a document"),
    "anthropic": ("2.0", "CVE-2026-34450, 34452 in 0.86"),
    "setuptools": ("78.1.1", "CVE-2025-47273: a file is written anywhere"),
    "gunicorn": ("23.0", "CVE-2024-6827: requests are smuggled"),
}


def _pins() -> dict[str, str]:
    lines = (_ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([A-Za-z0-9._-]+)==([^\s;#]+)", line) for line in lines)
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


@pytest.mark.parametrize("package", FLOORS)
def test_version_has_no_known_hole_when_installed_or_pinned(package: str) -> None:
    floor, reason = FLOORS[package]
    pinned = _pins().get(package)
    if pinned is not None:
        assert Version(pinned) >= Version(floor), reason
    try:
        installed = version(package)
    except PackageNotFoundError:
        assert pinned is None, "pinned and not installed: nothing was looked at"
        pytest.skip(f"{package} is not installed here")
    assert Version(installed) >= Version(floor), reason


def test_lowest_allowed_version_has_no_known_hole_when_nothing_is_pinned() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]:
        wanted = Requirement(line)
        floor = FLOORS.get(wanted.name.lower().replace("_", "-"))
        if floor is not None:
            lowest = [Version(spec.version) for spec in wanted.specifier if spec.operator in {">=", "=="}]
            assert lowest, line
            assert max(lowest) >= Version(floor[0]), f"{line}: {floor[1]}"
