"""What the OPC UA server needs to know of the platform; the same names as serving reads."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]


class OpcUaSettings(BaseSettings):
    """Read once, in the entry point."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    data_dir: Path = Path("var")
    api_host: str = "127.0.0.1"
    api_port: Port = 8080
    opcua_host: str = "127.0.0.1"
    opcua_port: Port = 4840
    opcua_allow_insecure: bool = False
    opcua_clients: Annotated[int, Field(ge=1, le=1000)] = 100
    opcua_trigger_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    opcua_memory_mb: Annotated[int, Field(ge=200, le=65_536)] = 512
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def api_url(self) -> str:
        """Address of the API, as this machine reaches it."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared only
        host = everywhere.get(self.api_host, f"[{self.api_host}]" if ":" in self.api_host else self.api_host)
        return f"http://{host}:{self.api_port}"

    @property
    def endpoint(self) -> str:
        """Address of the server, as clients write it."""
        host = f"[{self.opcua_host}]" if ":" in self.opcua_host else self.opcua_host
        return f"opc.tcp://{host}:{self.opcua_port}/ussop"

    @property
    def service_account_file(self) -> Path:
        """File with name and password of the account under which this process calls the API."""
        return self.data_dir.absolute() / "service-account.json"

    @property
    def pki_dir(self) -> Path:
        """Folder of certificates: the server's own, those it trusts, those that were refused."""
        return self.data_dir.absolute() / "opcua"
