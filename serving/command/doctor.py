"""What is installed, which devices there are, and what answers: `python -m serving.command.doctor`."""

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx
import openvino
import typer
from sqlalchemy.exc import DBAPIError

from models.bundle import load_bundle
from models.errors import BundleError
from registry.errors import RegistryError
from registry.local_store import LocalStore
from serving.command.preparation import MIN_FREE_BYTES
from serving.command.programs import missing_job_packages
from serving.database import create_engine
from serving.errors import ServingError
from serving.schema import is_current
from serving.settings import Settings, load_settings
from serving.version import VERSION

_PACKAGES = ("fastapi", "onnxruntime", "opencv-python-headless", "openvino", "sqlmodel", "uvicorn")
_OPTIONAL_PACKAGES = ("torch", "ultralytics-opencv-headless", "prefect", "mlflow", "psycopg")
_ANSWER_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: What was looked at.
        says: What was found.
        needed: Whether inspecting needs it.
        good: Whether it is as it should be.
    """

    subject: str
    says: str
    needed: bool
    good: bool


def run() -> int:
    """Exit code 1 if something that inspecting needs is missing, else 0; every finding is printed."""
    sick = False
    for finding in examine(load_settings()):
        mark = "ok" if finding.good else ("MISSING" if finding.needed else "-")
        sick = sick or (finding.needed and not finding.good)
        typer.echo(f"{mark:8}{finding.subject:28}{finding.says}")
    return 1 if sick else 0


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding, in the order in which a person would look."""
    yield Finding("ussop", f"{VERSION}, Python {platform.python_version()}", needed=True, good=True)
    yield from (_package(name, needed=True) for name in _PACKAGES)
    yield from (_package(name, needed=False) for name in _OPTIONAL_PACKAGES)
    yield _devices(settings)
    yield _disk(settings)
    yield _database(settings)
    yield _bundle(settings)
    host = "127.0.0.1" if settings.api_host in {"0.0.0.0", "::"} else settings.api_host  # noqa: S104 - compared only
    yield _jobs(settings)
    yield _service("API", f"http://{host}:{settings.api_port}/api/v1/health")
    yield _service("Prefect", f"http://127.0.0.1:{settings.prefect_port}/api/health")
    yield _service("MLflow", f"http://127.0.0.1:{settings.mlflow_port}/health")


def _package(name: str, *, needed: bool) -> Finding:
    try:
        return Finding(name, version(name), needed=needed, good=True)
    except PackageNotFoundError:
        return Finding(name, "not installed", needed=needed, good=False)


def _jobs(settings: Settings) -> Finding:
    missing = missing_job_packages()
    if not settings.jobs_enabled:
        says = "switched off (JOBS_ENABLED=false)"
    elif missing:
        says = f"not available without {' and '.join(missing)} (extra `train`)"
    else:
        says = "MLflow, Prefect and the host of the flows run beside the API"
    return Finding("jobs", says, needed=False, good=settings.jobs_enabled and not missing)


def _devices(settings: Settings) -> Finding:
    devices = openvino.Core().available_devices
    wanted = settings.openvino_device
    known = wanted.startswith(("AUTO", "MULTI", "HETERO")) or wanted in devices
    says = f"{', '.join(devices) or 'none'}; OPENVINO_DEVICE={wanted}"
    return Finding("OpenVINO devices", says, needed=settings.openvino_enabled, good=known)


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir
    if not folder.is_dir():
        return Finding("data folder", f"{folder} does not exist yet", needed=True, good=False)
    free_bytes = shutil.disk_usage(folder).free
    return Finding(
        "data folder", f"{folder}, {free_bytes / 1024**3:.1f} GiB free", needed=True, good=free_bytes >= MIN_FREE_BYTES
    )


def _database(settings: Settings) -> Finding:
    engine = create_engine(settings.database_url)
    name = engine.url.render_as_string(hide_password=True)
    if engine.url.get_backend_name() == "sqlite" and not Path(engine.url.database or "").is_file():
        return Finding("database", f"{name} does not exist yet", needed=True, good=False)
    try:
        current = is_current(engine)
    except DBAPIError:
        return Finding("database", f"{name} cannot be read", needed=True, good=False)
    finally:
        engine.dispose()
    says = f"{name}, {'current' if current else 'needs `ussop db upgrade`'}"
    return Finding("database", says, needed=True, good=current)


def _bundle(settings: Settings) -> Finding:
    try:
        manifest = load_bundle(LocalStore(settings.bundles_dir).deployed()).manifest
    except (BundleError, RegistryError) as error:
        return Finding("deployed model", str(error), needed=True, good=False)
    return Finding("deployed model", f"{manifest.name} {manifest.version}, intact", needed=True, good=True)


def _service(name: str, url: str) -> Finding:
    try:
        status = httpx.get(url, timeout=_ANSWER_TIMEOUT_S, trust_env=False).status_code
    except httpx.HTTPError:
        return Finding(name, f"no answer at {url}", needed=False, good=False)
    return Finding(name, f"answers {status} at {url}", needed=False, good=status == httpx.codes.OK)


if __name__ == "__main__":
    try:
        sys.exit(run())
    except ServingError as error:
        sys.exit(f"ussop: {error}")
