"""The configuration as it travels over the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from serving.alerts.rules import StationId, StationRules
from serving.alerts.schemas import Severity
from serving.config.values import RuntimeConfig
from serving.setting_types import (
    FreePercent,
    KeepDays,
    KeepFailures,
    LatencyBudget,
    LogLevel,
    ShiftStart,
    SpaceMinDays,
    TimezoneName,
)
from serving.settings import Settings

Source = Literal["default", "environment", "changed"]
Version = Annotated[int, Field(ge=0, le=2**31 - 1)]
_READ_AT_START = frozenset(Settings.model_fields) - frozenset(RuntimeConfig.model_fields)


class ConfigValues(StationRules):
    """The keys that may be changed; `null` is back to what the environment or the default says."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    station_rules: Annotated[dict[StationId, StationRules | None], Field(max_length=1000)] | None = None
    retention_pass_days: KeepDays | None = None
    retention_uncertain_days: KeepDays | None = None
    retention_fail_days: KeepDays | None = None
    retention_last_failures: KeepFailures | None = None
    retention_free_target_percent: FreePercent | None = None
    retention_space_min_days: SpaceMinDays | None = None
    storage_alarm_free_percent: FreePercent | None = None
    timezone: TimezoneName | None = None
    shift_starts: Annotated[list[ShiftStart], Field(min_length=1, max_length=24)] | None = None
    gate_latency_budget_ms: LatencyBudget | None = None
    log_level: LogLevel | None = None
    smtp_least_severity: Severity | None = None


class ConfigUpdate(ConfigValues):
    """What to change; what is left out stays. `null` is back to what the environment or the default says.

    `station_rules` is merged station by station and rule by rule; `null` takes out a rule or a station. What `GET`
    answers may be changed and sent back as a whole.
    """

    version: Version | None = None
    """The version that the change was made from: with another one in force, 409 and nothing is changed."""
    values: ConfigValues | None = None
    """The same keys where `GET` shows them. Of those here, what is in force already stays as it is."""
    updated_at: str | None = None
    """As `GET` shows it; not looked at."""
    updated_by: str | None = None
    """As `GET` shows it; not looked at."""
    fields: Annotated[list[dict[str, Any]], Field(max_length=1000)] | None = None
    """As `GET` shows it; not looked at."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_read_at_the_start(cls, body: Any) -> Any:
        named = sorted(_READ_AT_START & set(body)) if isinstance(body, dict) else []
        if named:
            names = ", ".join(named)
            raise ValueError(f"{names}: read when the platform starts; set it in the environment and restart")
        return body

    def patch_of(self, current: RuntimeConfig) -> dict[str, Any]:
        """What was sent, as a JSON Merge Patch to what is in force."""
        own = self.model_dump(mode="json", exclude_unset=True, include=set(ConfigValues.model_fields))
        if self.values is None:
            return own
        held = current.model_dump(mode="json")
        sent = self.values.model_dump(mode="json", exclude_unset=True)
        return {name: value for name, value in sent.items() if held[name] != value} | own


class RevertIn(BaseModel):
    """How to go back."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    version: Version | None = None
    """The version in force that is expected: with another one, 409 and nothing is changed."""


class ConfigField(BaseModel):
    """One key of the configuration."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    value: Any
    """What holds; null for secrets."""
    default: Any
    """What holds without environment and without changes; null for secrets and where it is made at the start."""
    source: Source
    """Where the value comes from; `changed`: from a revision of the configuration."""
    is_secret: bool
    is_set: bool
    """Whether there is a value; of a secret nothing else is told."""
    restart_needed: bool
    """Whether it is read at the start only, from the environment; `false`: `POST /api/v1/config` changes it at once."""
    limits: dict[str, float]
    """`minimum`, `maximum`, `exclusiveMinimum`, where there are any."""
    choices: list[str] | None
    """The values that it may have, where they are few."""
    description: str


class ConfigOut(BaseModel):
    """The configuration in force."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    version: int
    """Number of the last change; 0 where nothing was ever changed."""
    updated_at: datetime | None
    updated_by: str | None
    values: RuntimeConfig
    """What may be changed at run time."""
    fields: list[ConfigField]
    """Each key; those that need a restart are shown to engineers and administrators only."""


class ConfigChanged(ConfigOut):
    """The configuration after a change."""

    changed: list[str]
    """The keys whose value is another now; all of them are in effect."""


class RevisionOut(BaseModel):
    """One change."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    version: int
    created_at: datetime
    changed_by: str
    before: dict[str, Any]
    """What held before, of the keys that were changed."""
    after: dict[str, Any]
    overrides: dict[str, Any]
    """All that differed from environment and defaults after the change."""
    reverted_to: int | None
    """The version whose state was restored, where it was a way back."""


class RevisionList(BaseModel):
    """Changes, newest first."""

    revisions: list[RevisionOut]
    total: int
