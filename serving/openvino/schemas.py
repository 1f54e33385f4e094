"""What the OpenVINO endpoints take and give."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.strict import Whole

ModelKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Device = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_.:,()-]*$", max_length=64)]


class OpenVinoStatus(BaseModel):
    """What OpenVINO can do here and what it does."""

    available: bool
    """Whether the library finds a device."""
    enabled: bool
    device: str
    """As configured; `AUTO` becomes `CPU`."""
    loaded_models: list[str]
    """`detector` is the deployed model."""
    ort_fallback: bool
    """Whether the deployed model runs on ONNX Runtime although OpenVINO is enabled."""
    fallback_reason: str | None
    devices: list[str]


class LoadRequest(BaseModel):
    """A network to load. A key that is in use gets the new network."""

    model_config = ConfigDict(extra="forbid")

    model_key: ModelKey
    model_path: Annotated[str, Field(min_length=1, max_length=1024)]
    """`.onnx` or `.xml`, below `DATA_DIR/models` or the bundles; relative paths begin at `DATA_DIR/models`."""
    device: Device | None = None


class LoadOut(BaseModel):
    """What was loaded."""

    status: Literal["loaded"] = "loaded"
    model_key: str
    device: str
    """The device that really runs it."""


class BenchmarkRequest(BaseModel):
    """What to time."""

    model_config = ConfigDict(extra="forbid")

    model_key: ModelKey = "detector"
    iterations: Annotated[int, Field(strict=True, ge=1, le=1000), Whole] = 50


class BenchmarkOut(BaseModel):
    """Durations of one inference in milliseconds, both runtimes taken by turns."""

    model_key: str
    ort_mean_ms: float
    ov_mean_ms: float
    speedup: float
    """`ort_mean_ms / ov_mean_ms`."""
    ort_p50_ms: float
    ort_p95_ms: float
    ov_p50_ms: float
    ov_p95_ms: float
    iterations: int
    """Rounds that were run: fewer than asked for when time was up (60 s)."""
    ov_device: str
    ov_precision: str
