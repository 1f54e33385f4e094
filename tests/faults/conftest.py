"""The prepared platform of the serving tests, for tests that break it."""

from tests.serving.conftest import prepared_data_dir, settings

__all__ = ["prepared_data_dir", "settings"]
