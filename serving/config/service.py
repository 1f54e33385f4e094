"""Changing the configuration. The sessions are those of `Database.write` jobs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.audit.repository import lock_chain
from serving.config import repository
from serving.config.values import RuntimeConfig, merge_patch
from serving.errors import Conflict, InvalidRequest, NotFound
from serving.settings import Settings
from serving.tables import ConfigRevision

_STATIONS: Final = "station_rules"


def change(
    session: Session, settings: Settings, patch: Mapping[str, Any], *, expected: int | None, by: Actor, now: datetime
) -> list[str]:
    """The keys that have another value now; none where the patch changes nothing, and then there is no revision.

    Raises:
        Conflict: Another version than the expected one is in force.
        InvalidRequest: A value cannot be, or a station is not known; the message names it.
    """
    held, overrides = _in_force(session, expected)
    wanted = _tidy(merge_patch(overrides, patch))
    new_stations = set(wanted.get(_STATIONS, {})) - set(overrides.get(_STATIONS, {}))
    if unknown := sorted(new_stations - repository.known_stations(session, new_stations)):
        raise InvalidRequest(f"station_rules: there is no station {', '.join(unknown[:5])}")
    return _store(session, settings, (held, overrides), wanted, reverted_to=None, by=by, now=now)


def revert(
    session: Session, settings: Settings, version: int, *, expected: int | None, by: Actor, now: datetime
) -> list[str]:
    """The keys that have another value now: all is as it was after that change, in a revision of its own.

    Raises:
        NotFound: There is no such version; 0 is what held before the first change.
        Conflict: Another version than the expected one is in force.
        InvalidRequest: What held then cannot be any more.
    """
    held, overrides = _in_force(session, expected)
    row = repository.find(session, version)
    if row is None and version != 0:
        raise NotFound("there is no such version of the configuration")
    wanted = dict(row.overrides) if row is not None else {}
    return _store(session, settings, (held, overrides), wanted, reverted_to=version, by=by, now=now)


def _in_force(session: Session, expected: int | None) -> tuple[int, dict[str, Any]]:
    # One change at a time on all replicas. The lock is that of the audit log, which is taken anyway: two locks in
    # two orders would wait for each other.
    lock_chain(session)
    version = repository.newest_version(session)
    if expected is not None and expected != version:
        raise Conflict(f"version {version} of the configuration is in force, not {expected}; read it again")
    row = repository.find(session, version)
    return version, dict(row.overrides) if row is not None else {}


def _store(
    session: Session,
    settings: Settings,
    held: tuple[int, dict[str, Any]],
    wanted: dict[str, Any],
    *,
    reverted_to: int | None,
    by: Actor,
    now: datetime,
) -> list[str]:
    version, overrides = held
    if wanted == overrides:
        return []
    old = RuntimeConfig.of_stored(settings, overrides).model_dump(mode="json", exclude_none=True)
    new = _validated(settings, wanted).model_dump(mode="json", exclude_none=True)
    # Also a key that keeps its value while it no longer follows the environment, or follows it again.
    touched = {name for name in {*wanted, *overrides} if wanted.get(name) != overrides.get(name)}
    changed = sorted(name for name in new if old.get(name) != new[name])
    shown = sorted({*changed, *touched} & set(new))
    before, after = {name: old.get(name) for name in shown}, {name: new[name] for name in shown}
    row = ConfigRevision.model_validate(
        {
            "version": version + 1,
            "created_at": now,
            "changed_by": by.name,
            "overrides": wanted,
            "before": before,
            "after": after,
            "reverted_to": reverted_to,
        }
    )
    repository.add(session, row)
    action = "config.changed" if reverted_to is None else "config.reverted"
    record(session, by, action, f"config/{row.version}", before=before, after=after, now=now)
    return changed


def _validated(settings: Settings, overrides: Mapping[str, Any]) -> RuntimeConfig:
    try:
        return RuntimeConfig.of(settings, overrides)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, problem['loc']))[:80]}: {problem['msg']}" for problem in error.errors()[:5]]
        raise InvalidRequest("; ".join(problems)) from error


def _tidy(overrides: dict[str, Any]) -> dict[str, Any]:
    """Without stations where nothing differs."""
    stations = {station_id: rules for station_id, rules in overrides.get(_STATIONS, {}).items() if rules}
    rest = {name: value for name, value in overrides.items() if name != _STATIONS}
    return {**rest, _STATIONS: stations} if stations else rest
