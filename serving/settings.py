"""The settings of the platform: read once, in the entry point, from the environment and `.env`."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError

from serving.delivery.settings import DeliverySettings
from serving.errors import ConfigurationError
from serving.setting_types import (
    AbsolutePath,
    CommaSeparated,
    FreePercent,
    KeepDays,
    KeepFailures,
    LatencyBudget,
    LogLevel,
    Port,
    ShiftStarts,
    SpaceMinDays,
    TimezoneName,
)


def _default_database_url(data: dict[str, Any]) -> str:
    return f"sqlite:///{data['data_dir'] / 'ussop.db'}" if "data_dir" in data else ""


def _fit_for_header(value: SecretStr | None) -> SecretStr | None:
    """The secret, if a header can carry it."""
    if value is not None and not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
        msg = "only printable ASCII characters are allowed"
        raise ValueError(msg)
    return value


class Settings(DeliverySettings):
    """Everything that can be set. The environment name is the field's name in capitals, without prefix."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        env_ignore_empty=True,
    )

    data_dir: AbsolutePath = Path("var")
    """Folder of everything the platform writes: database, pictures, bundles, keys, logs of the supervisor."""

    dashboard_dir: AbsolutePath = Path(__file__).resolve().parents[1] / "dashboards" / "operator" / "dist"
    """Folder of the built dashboard, which the API serves at `/`; by default that of this installation."""

    api_host: str = "127.0.0.1"
    """Address on which the API listens. `0.0.0.0` opens it to the network: put TLS in front of it then."""

    api_port: Port = 8080
    """Port of the API."""

    prefect_port: Port = 4200
    """Port of the Prefect server on this machine, which `ussop up` starts."""

    mlflow_port: Port = 5000
    """Port of the MLflow server on this machine, which `ussop up` starts."""

    jobs_enabled: bool = True
    """Whether `ussop up` starts MLflow, Prefect and the host of the long jobs beside the API (extra `train`)."""

    model_poll_s: Annotated[float, Field(gt=0, le=3600)] = 5.0
    """Seconds between two looks at the registry for another deployed version."""

    opcua_enabled: bool = False
    """Whether `ussop up` runs the OPC UA server."""

    opcua_host: str = "127.0.0.1"
    """Address on which the OPC UA server listens; `0.0.0.0` opens it to the plant, for trusted certificates only."""

    opcua_port: Port = 4840
    """Port of the OPC UA server."""

    opcua_allow_insecure: bool = False
    """Let OPC UA clients read without certificate and password. For tests on a bench: everybody in reach can."""

    opcua_clients: Annotated[int, Field(ge=1, le=1000)] = 100
    """OPC UA connections at the same time."""

    opcua_trigger_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Seconds in which an inspection that an OPC UA client triggers must have its verdict."""

    opcua_memory_mb: Annotated[int, Field(ge=200, le=65_536)] = 512
    """MiB of memory above which the OPC UA server ends itself, to be started anew."""

    openvino_enabled: bool = True
    """Run networks on OpenVINO; `false` takes ONNX Runtime."""

    openvino_device: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_.:,()-]*$", max_length=64)] = "AUTO"
    """OpenVINO device: `AUTO`, `CPU`, `GPU`, …; `ussop doctor` lists those present."""

    openvino_precision: Literal["f32", "bf16", "int8"] = "f32"
    """Precision of inference: `f32` is reproducible, `int8` is the fast path, `bf16` lies between."""

    segmenter_encoder: str = ""
    """Encoder of a promptable segmenter (MobileSAM or the like), a file below `models` in `DATA_DIR`; empty: none."""

    segmenter_decoder: str = ""
    """Decoder of that segmenter, a file below `models` in `DATA_DIR`."""

    vlm_enabled: bool = False
    """Whether to answer questions in plain language (`POST /api/v1/query`)."""

    vlm_backend: Literal["anthropic", "local"] = "anthropic"
    """Who answers: `anthropic` asks a model over the network, `local` understands common questions by itself."""

    vlm_model: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,120}$")] = "claude-haiku-5-5"
    """Name of the model that `anthropic` asks."""

    vlm_pictures: bool = True
    """Whether that model may look at pictures of inspections; `false` keeps every picture on this machine."""

    anthropic_api_key: Annotated[SecretStr | None, AfterValidator(_fit_for_header)] = None
    """Key for `VLM_BACKEND=anthropic`; without one, questions are answered with 503."""

    anthropic_base_url: Annotated[str, Field(repr=False, pattern=r"^https?://[^\s@]+$")] = "https://api.anthropic.com"
    """Address of the service that `anthropic` asks."""

    database_url: str = Field(
        repr=False, default_factory=_default_database_url, pattern=r"^(sqlite|postgresql)(\+\w+)?://"
    )
    """SQLAlchemy URL of the database; by default the file `ussop.db` in `DATA_DIR`. PostgreSQL: `postgresql://…`."""

    secret_key: SecretStr | None = None
    """Key that signs tokens and picture links, at least 32 bytes; absent, one is generated and kept in `DATA_DIR`."""

    audit_key: SecretStr | None = None
    """Key of the audit log, at least 32 bytes; absent, one is generated and kept in `DATA_DIR`. Machines share it."""

    admin_password: SecretStr | None = None
    """Password of the first administrator, at least 12 characters; absent, a random one is printed once."""

    camera_type: Literal["simulated", "folder", "usb", "rtsp"] = "simulated"
    """Where `POST /api/v1/inspect/camera` takes its picture from."""

    camera_source: str = Field(default="", repr=False)  # an RTSP URL may hold a password
    """Folder (`watch:` before it waits for new files), USB index or RTSP URL; the simulated camera needs none."""

    camera_timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Seconds in which the camera must deliver a picture; a later one is a camera fault."""

    camera_seed: Annotated[int, Field(ge=0)] = 1
    """Seed of the simulated camera: one seed, one sequence of parts."""

    camera_frozen_frames: Annotated[int, Field(ge=2)] = 2
    """So many pictures in a row, identical to the bit, mean that the camera is frozen; 2 lets no old picture pass."""

    rate_limit_default: str = "200/minute"
    """Requests allowed per user (or per address without a token)."""

    rate_limit_login: str = "10/minute"
    """Logins allowed per address."""

    rate_limit_files: str = "3000/minute"
    """Pictures (by signed links) and files of the dashboard allowed per address."""

    access_token_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    """Life of an access token in minutes."""

    refresh_token_days: Annotated[int, Field(ge=1, le=90)] = 7
    """Life of a refresh token in days."""

    inference_workers: Annotated[int, Field(ge=0, le=256)] = 0
    """Pictures at work at once; 0 takes one per processor core and two more, which are decoded or stored meanwhile."""

    inference_timeout_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    """Seconds after which an inspection is given up with an error (never with a *pass*)."""

    writer_queue_size: Annotated[int, Field(ge=1, le=100_000)] = 512
    """Write transactions that may wait for the database; beyond that the API answers 503."""

    max_upload_mb: Annotated[int, Field(ge=1, le=1024)] = 20
    """Largest picture in MiB."""

    dataset_roots: CommaSeparated = ()
    """Folders on this machine below which data sets may be imported from, separated by commas; empty means none."""

    batch_roots: CommaSeparated = ()
    """Folders whose pictures batch jobs may read, separated by commas; empty means `inbox` in `DATA_DIR`."""

    max_import_mb: Annotated[int, Field(ge=1, le=102_400)] = 2048
    """Largest data set in MiB that may be sent as a zip file; unpacked it may be four times as large."""

    retention_pass_days: KeepDays = 30
    """Days for which pictures of *pass* are kept; 0 keeps them for ever."""

    retention_uncertain_days: KeepDays = 90
    """Days for which pictures of *uncertain* are kept; 0 keeps them for ever."""

    retention_fail_days: KeepDays = 365
    """Days for which pictures of *fail* are kept; 0 keeps them for ever."""

    retention_last_failures: KeepFailures = 100
    """So many newest failures of each station keep their pictures, however old they are."""

    retention_free_target_percent: FreePercent = 5.0
    """Below this share of free disk, retention takes the oldest pictures of *pass* before their time; 0 never does."""

    retention_space_min_days: SpaceMinDays = 7
    """Days for which no picture is taken before its time, however full the disk is."""

    storage_alarm_free_percent: FreePercent = 10.0
    """Share of free disk in per cent below which an alert is raised; 0 raises none."""

    storage_reserve_mb: Annotated[int, Field(ge=0, le=1_048_576)] = 200
    """MiB of disk that no picture may take, so that the database can be written and retention can make room."""

    events_keep_days: Annotated[int, Field(ge=1, le=365)] = 7
    """Days for which events are kept for those who follow them; older ones are deleted."""

    events_keep_rows: Annotated[int, Field(ge=1000, le=100_000_000)] = 1_000_000
    """So many newest events are kept at most."""

    websocket_clients: Annotated[int, Field(ge=1, le=400)] = 200
    """WebSocket connections at the same time."""

    websocket_clients_per_user: Annotated[int, Field(ge=1, le=400)] = 50
    """WebSocket connections of one user at the same time."""

    upload_timeout_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    """Seconds that a client may pause while sending a body."""

    trusted_proxies: CommaSeparated = ()
    """Addresses or networks of proxies whose `X-Forwarded-For` is believed, separated by commas."""

    allowed_hosts: CommaSeparated = ("localhost", "127.0.0.1", "[::1]")
    """Host names by which the API may be called, separated by commas; `API_HOST` is always among them."""

    cors_origins: CommaSeparated = ()
    """Web origins of other sites that may call the API from a browser, separated by commas."""

    log_format: Literal["console", "json"] = "console"
    """`console` for people, `json` for a log collector."""

    log_level: LogLevel = "INFO"
    """Least severe level that is logged."""

    timezone: TimezoneName = "UTC"
    """IANA name of the plant's time zone, for days and shifts; stored times are UTC."""

    shift_starts: ShiftStarts = ("06:00", "14:00", "22:00")
    """When shifts begin on the plant's clock, separated by commas; the dashboard shows the yield of the present one."""

    gate_latency_budget_ms: LatencyBudget = 200.0
    """Longest 95th percentile of one inference, in milliseconds, with which the gate lets a version be deployed."""

    training_gives_way: bool = True
    """Whether a training computes only while nobody else wants the processor: the line keeps its takt (Linux)."""

    base_weights: str = ""
    """Published weights that a YOLO starts from where no version's fit, `yolo26n-seg.pt` or a path; empty: none."""

    image_url_ttl_s: Annotated[int, Field(ge=10, le=604_800)] = 3600
    """Seconds for which a signed picture link is good."""

    @property
    def media_dir(self) -> Path:
        """Folder of the original pictures."""
        return self.data_dir / "media"

    @property
    def bundles_dir(self) -> Path:
        """Folder of the model bundles."""
        return self.data_dir / "bundles"

    @property
    def models_dir(self) -> Path:
        """Folder of networks that may be loaded beside the deployed model."""
        return self.data_dir / "models"

    @property
    def mlflow_dir(self) -> Path:
        """Folder of the MLflow server: its database and the artifacts."""
        return self.data_dir / "mlflow"

    @property
    def run_dir(self) -> Path:
        """Folder of the supervisor's configuration and socket."""
        return self.data_dir / "run"

    @property
    def batch_dirs(self) -> tuple[Path, ...]:
        """Folders below which batch jobs may read pictures; at least one."""
        return tuple(Path(root).expanduser().absolute() for root in self.batch_roots) or (self.data_dir / "inbox",)

    @property
    def service_account_file(self) -> Path:
        """File with name and password of the account of the platform's own processes."""
        return self.data_dir / "service-account.json"

    @property
    def first_password_file(self) -> Path:
        """File with the generated password of the first administrator, until somebody changes it."""
        return self.data_dir / "admin-password.txt"

    @property
    def audit_key_file(self) -> Path:
        """File of the audit log's key, where the settings give none."""
        return self.data_dir / "audit.key"

    @property
    def audit_anchor_file(self) -> Path:
        """File that names the newest entry of the audit log."""
        return self.data_dir / "audit-anchor.json"

    @property
    def imports_dir(self) -> Path:
        """Folder of the zip files that are being imported."""
        return self.data_dir / "imports"

    @property
    def max_upload_bytes(self) -> int:
        """Largest picture in bytes."""
        return self.max_upload_mb * 1024 * 1024


def load_settings() -> Settings:
    """The settings of this process, from the environment and `.env`.

    Raises:
        ConfigurationError: One cannot be used; the message names it and never repeats its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = [f"{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()]
        raise ConfigurationError("; ".join(problems)) from error
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the settings cannot be read: {error}") from error
