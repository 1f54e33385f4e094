"""What may be changed while the platform runs, and what it is where nobody has changed it."""

from collections.abc import Mapping
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

import structlog
from pydantic import ValidationError

from serving.alerts.rules import AlertRules
from serving.alerts.schemas import Severity
from serving.setting_types import (
    FreePercent,
    KeepDays,
    KeepFailures,
    LatencyBudget,
    LogLevel,
    ShiftStarts,
    SpaceMinDays,
    TimezoneName,
)
from serving.settings import Settings

_log = structlog.get_logger(__name__)


class RuntimeConfig(AlertRules):
    """The rules of the alerts, and the settings that hold until somebody changes them here."""

    retention_pass_days: KeepDays
    retention_uncertain_days: KeepDays
    retention_fail_days: KeepDays
    retention_last_failures: KeepFailures
    retention_free_target_percent: FreePercent
    retention_space_min_days: SpaceMinDays
    storage_alarm_free_percent: FreePercent
    timezone: TimezoneName
    shift_starts: ShiftStarts
    gate_latency_budget_ms: LatencyBudget
    log_level: LogLevel
    smtp_least_severity: Severity

    @property
    def zone(self) -> ZoneInfo:
        """The plant's time zone."""
        return ZoneInfo(self.timezone)

    @classmethod
    def of(cls, settings: Settings, overrides: Mapping[str, Any]) -> Self:
        """What holds with these overrides.

        Raises:
            ValidationError: One of them cannot be.
        """
        return cls.model_validate({**settings.model_dump(include=set(FROM_SETTINGS)), **overrides})

    @classmethod
    def of_stored(cls, settings: Settings, overrides: Mapping[str, Any]) -> Self:
        """What holds with what is stored. What this version cannot use is left out and logged: the line goes on."""
        try:
            return cls.of(settings, overrides)
        except ValidationError as error:
            unusable = {str(problem["loc"][0]) for problem in error.errors()}
        _log.error("stored_config_unusable", keys=sorted(unusable))
        return cls.of(settings, {name: value for name, value in overrides.items() if name not in unusable})


FROM_SETTINGS: Final = frozenset(RuntimeConfig.model_fields) & frozenset(Settings.model_fields)
"""What the environment says as long as nobody has changed it."""


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The target with what the patch says; null takes a key out, objects are merged key by key.

    Source: JSON Merge Patch, RFC 7396 section 2.
    """
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            held = merged.get(name)
            merged[name] = merge_patch(held if isinstance(held, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged
