"""The configuration as it is shown: every key, where its value comes from, and never a secret."""

from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from serving.audit.content import is_secret_name
from serving.config.book import Held
from serving.config.schemas import ConfigField, ConfigOut, Source
from serving.config.values import RuntimeConfig
from serving.settings import Settings

_LIMITS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def to_out(settings: Settings, held: Held, *, with_settings: bool) -> ConfigOut:
    """The configuration in force.

    Args:
        settings: What was read at the start.
        held: What may be changed since.
        with_settings: Whether what needs a restart is shown too.
    """
    fields = runtime_fields(settings, held)
    if with_settings:
        fields += [
            _of_setting(settings, name) for name in Settings.model_fields if name not in RuntimeConfig.model_fields
        ]
    return ConfigOut(
        version=held.version,
        updated_at=held.changed_at,
        updated_by=held.changed_by,
        values=held.config,
        fields=fields,
    )


def runtime_fields(settings: Settings, held: Held) -> list[ConfigField]:
    """Each key that may be changed at run time."""
    rules = RuntimeConfig.model_json_schema()["properties"]
    values, overrides = held.config.model_dump(mode="json", exclude_none=True), held.overrides or {}
    fields = []
    for name, declared in RuntimeConfig.model_fields.items():
        of_settings = Settings.model_fields.get(name)
        source: Source = "environment" if name in settings.model_fields_set else "default"
        field = ConfigField(
            name=name,
            value=values[name],
            default=_default(of_settings or declared),
            source="changed" if name in overrides else source,
            is_secret=False,
            is_set=True,
            restart_needed=False,
            limits={limit: rules[name][limit] for limit in _LIMITS if limit in rules[name]},
            choices=rules[name].get("enum"),
            description=(of_settings or declared).description or "",
        )
        fields.append(field)
    return fields


def is_secret(name: str, declared: FieldInfo) -> bool:
    """Whether the value of a setting is never shown: what is declared so, and what is called like one."""
    return not declared.repr or "SecretStr" in str(declared.annotation) or is_secret_name(name)


def _of_setting(settings: Settings, name: str) -> ConfigField:
    declared, value = Settings.model_fields[name], getattr(settings, name)
    hidden = is_secret(name, declared) or isinstance(value, SecretStr)
    shown = None if hidden else settings.model_dump(mode="json", include={name})[name]
    return ConfigField(
        name=name,
        value=shown,
        default=None if hidden else _default(declared),
        source="environment" if name in settings.model_fields_set else "default",
        is_secret=hidden,
        is_set=value is not None and value not in {"", ()},
        restart_needed=True,
        limits={},
        choices=None,
        description=declared.description or "",
    )


def _default(declared: FieldInfo) -> Any:
    default = declared.default
    if declared.is_required() or declared.default_factory is not None:
        return None
    if isinstance(default, str | int | float | bool | None):
        return default
    return list(default) if isinstance(default, tuple) else default if isinstance(default, dict) else str(default)
