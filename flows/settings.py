"""What the flows need to know of the platform; the same names as serving reads, from the environment or `.env`."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]


def _split(value: Any) -> Any:
    return tuple(item.strip() for item in value.split(",") if item.strip()) if isinstance(value, str) else value


class FlowSettings(BaseSettings):
    """Read once by each entry point: the host, a flow's process, a command."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    data_dir: Path = Path("var")
    api_host: str = "127.0.0.1"
    api_port: Port = 8080
    prefect_port: Port = 4200
    mlflow_port: Port = 5000
    max_upload_mb: Annotated[int, Field(ge=1, le=1024)] = 20
    gate_latency_budget_ms: Annotated[float, Field(gt=0.0, le=60_000.0)] = 200.0
    training_gives_way: bool = True
    base_weights: str = ""
    batch_roots: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()

    @property
    def api_url(self) -> str:
        """Address of the API, as this machine reaches it."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared only
        host = everywhere.get(self.api_host, f"[{self.api_host}]" if ":" in self.api_host else self.api_host)
        return f"http://{host}:{self.api_port}"

    @property
    def service_account_file(self) -> Path:
        """File with name and password of the account under which flows call the API."""
        return self.data_dir.absolute() / "service-account.json"

    @property
    def batch_dirs(self) -> tuple[Path, ...]:
        """Folders below which a batch may read pictures; at least one."""
        inbox = self.data_dir.absolute() / "inbox"
        return tuple(Path(root).expanduser().absolute() for root in self.batch_roots) or (inbox,)

    @property
    def base_weights_file(self) -> Path | None:
        """Where the weights lie that `BASE_WEIGHTS` names, or are to be downloaded to; None if it names none."""
        if not self.base_weights:
            return None
        named = Path(self.base_weights).expanduser()
        return named.absolute() if len(named.parts) > 1 else self.data_dir.absolute() / "weights" / named

    @property
    def prefect_url(self) -> str:
        """Address of the Prefect server."""
        return f"http://127.0.0.1:{self.prefect_port}"

    @property
    def mlflow_url(self) -> str:
        """Address of the MLflow server."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def bundles_dir(self) -> Path:
        """Folder of the verified bundles of this machine."""
        return self.data_dir.absolute() / "bundles"

    def environment(self) -> dict[str, str]:
        """The variables under which Prefect and MLflow run here: local, quiet, no calls to the outside.

        Prefect reads them when it is imported, so an entry point sets them first.
        """
        return {
            "PREFECT_HOME": str(self.data_dir.absolute() / "prefect"),
            "PREFECT_API_URL": f"{self.prefect_url}/api",
            "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
            # The default keeps every finished run for ever.
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs,orphans",
            # Work pools and paused runs, of which there are none here, are looked after every five seconds otherwise:
            # half of what an idle server computes.
            "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
            "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "60",
            "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "60",
            "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "60",
            "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
            "PREFECT_RUNNER_POLL_FREQUENCY": "2",
            "DO_NOT_TRACK": "1",
            # Threads of torch that wait must sleep: if they spin, as is usual, they hold the core which the thread that
            # they wait for could run on. Beside one busy core a training of low priority was thirty times slower so.
            "OMP_WAIT_POLICY": "PASSIVE",
            "MLFLOW_TRACKING_URI": self.mlflow_url,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # MLflow's client waits four minutes for a server that is down unless told otherwise.
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        }
