"""The processes of the platform: the API, and beside it what long jobs and model versions need."""

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from serving.errors import ConfigurationError
from serving.settings import Settings

_JOB_PACKAGES: Final = ("mlflow", "prefect")
# The host cancels the flow runs first and waits 40 s for them (flows/host.py).
_HOST_STOP_WAIT_S: Final = 60
# The API starts and inspects first; what runs beside it can wait for a core. A PLC waits less long than a job.
_JOB_NICENESS: Final = 10
_OPCUA_NICENESS: Final = 2


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep alive.

    Attributes:
        name: Name in the supervisor's log.
        arguments: Command line.
        priority: Lower ones start first and stop last.
        stop_wait_s: Seconds between SIGTERM and SIGKILL.
        stop_as_group: Whether SIGTERM goes to its children too; the host of flows ends its own in good order.
        is_lasting: Whether it runs for ever; if not, it is done when it ends with exit code 0.
        environment: Variables that it gets beside the platform's.
    """

    name: str
    arguments: tuple[str, ...]
    priority: int
    stop_wait_s: int = 15
    stop_as_group: bool = True
    is_lasting: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


def missing_job_packages() -> tuple[str, ...]:
    """The packages of the long jobs that are not installed (extra `train`)."""
    return tuple(name for name in _JOB_PACKAGES if importlib.util.find_spec(name) is None)


def programs(settings: Settings, *, with_jobs: bool) -> tuple[Program, ...]:
    """The processes to keep alive.

    Args:
        settings: Where the platform lives.
        with_jobs: Whether MLflow and Prefect run beside the API; it does not wait for them.
    """
    # -P: a folder called `models` where the command was typed must not take the place of ours.
    api = Program("api", (sys.executable, "-P", "-m", "serving.main"), priority=30)
    opcua = Program("opcua", _kept("opcua.main", niceness=_OPCUA_NICENESS), priority=35)
    jobs = _job_programs(settings) if with_jobs else ()
    return (api, *((opcua,) if settings.opcua_enabled else ()), *jobs)


def require_distinct_ports(settings: Settings, *, with_jobs: bool) -> None:
    """See that no two of our own servers want the same port.

    Raises:
        ConfigurationError: Two do.
    """
    wanted = {"API_PORT": settings.api_port}
    if settings.opcua_enabled:
        wanted["OPCUA_PORT"] = settings.opcua_port
    if with_jobs:
        wanted |= {"PREFECT_PORT": settings.prefect_port, "MLFLOW_PORT": settings.mlflow_port}
    taken: dict[int, str] = {}
    for name, port in wanted.items():
        if (other := taken.setdefault(port, name)) != name:
            raise ConfigurationError(f"{other} and {name} are both {port}")


def _job_programs(settings: Settings) -> tuple[Program, ...]:
    mlflow_url = f"http://127.0.0.1:{settings.mlflow_port}"
    serve_mlflow = ("registry.server", "--data-dir", str(settings.mlflow_dir), "--port", str(settings.mlflow_port))
    register = ("registry.first_version", "--url", mlflow_url, "--bundles-dir", str(settings.bundles_dir))
    quiet = {
        "MLFLOW_TRACKING_URI": mlflow_url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    }
    return (
        Program("prefect", _kept("flows.serve", "server"), priority=10),
        Program("mlflow", _kept(*serve_mlflow), priority=20),
        Program("register", _kept(*register), priority=40, is_lasting=False, environment=quiet),
        Program("host", _kept("flows.serve", "host"), priority=50, stop_wait_s=_HOST_STOP_WAIT_S, stop_as_group=False),
    )


def _kept(*module_and_arguments: str, niceness: int = _JOB_NICENESS) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", "serving.command.kept", str(niceness), "-m", *module_and_arguments)
