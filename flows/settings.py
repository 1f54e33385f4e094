"""What the flows need to know of the platform; the same names as serving reads, from the environment or `.env`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]


class FlowSettings(BaseSettings):
    """Read once by each entry point: the host, a flow's process, a command."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    data_dir: Path = Path("var")
    prefect_port: Port = 4200
    mlflow_port: Port = 5000

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
            "PREFECT_RUNNER_POLL_FREQUENCY": "2",
            "DO_NOT_TRACK": "1",
            "MLFLOW_TRACKING_URI": self.mlflow_url,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # MLflow's client waits four minutes for a server that is down unless told otherwise.
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        }
