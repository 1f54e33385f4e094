"""What may be changed is what the settings say, until it is changed."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.config import repository
from serving.config.book import ConfigBook
from serving.config.schemas import ConfigValues
from serving.config.values import FROM_SETTINGS, RuntimeConfig, merge_patch
from serving.database import Database
from serving.settings import Settings
from serving.tables import ConfigRevision

_JSON = st.recursive(
    st.integers() | st.text(max_size=3), lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=3)
)


def test_every_key_can_be_changed_when_it_is_one_of_runtime() -> None:
    assert set(ConfigValues.model_fields) == set(RuntimeConfig.model_fields)
    for name in FROM_SETTINGS:
        declared = Settings.model_fields[name]
        assert RuntimeConfig.model_fields[name].annotation == declared.annotation
        assert RuntimeConfig.model_fields[name].metadata == declared.metadata


def test_settings_hold_when_nothing_was_changed(settings: Settings) -> None:
    config = RuntimeConfig.of(settings, {})
    assert {name: getattr(config, name) for name in FROM_SETTINGS} == settings.model_dump(include=set(FROM_SETTINGS))


def test_stored_value_is_left_out_when_this_version_cannot_use_it(settings: Settings, database: Database) -> None:
    told = {"before": {}, "after": {}, "changed_by": "x", "created_at": "2026-01-01T00:00:00Z", "version": 1}
    overrides = {"retention_fail_days": -5, "of_a_later_version": 1, "takt_s": 4}
    row = ConfigRevision.model_validate({**told, "overrides": overrides})
    database.write(partial(repository.add, revision=row)).result(timeout=20)
    held = ConfigBook(settings, database).refresh()
    assert (held.version, held.config.takt_s) == (1, 4.0)
    assert held.config.retention_fail_days == settings.retention_fail_days


@pytest.mark.parametrize(
    ("target", "patch", "merged"),  # of RFC 7396, appendix A
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "b"}, {"a": {"c": 1}}, {"a": {"c": 1}}),
    ],
)
def test_patch_is_merged_when_it_is_of_the_standard(
    target: dict[str, object], patch: dict[str, object], merged: dict[str, object]
) -> None:
    assert merge_patch(target, patch) == merged


@given(_JSON.filter(lambda value: isinstance(value, dict)), _JSON.filter(lambda value: isinstance(value, dict)))
def test_second_time_changes_nothing_when_a_patch_is_merged(
    target: dict[str, object], patch: dict[str, object]
) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once
