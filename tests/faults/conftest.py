"""The prepared platform of the serving tests, for tests that break it."""

from tests.serving.conftest import _plain_log_lines, app, client, prepared_data_dir, settings

__all__ = ["_plain_log_lines", "app", "client", "prepared_data_dir", "settings"]
