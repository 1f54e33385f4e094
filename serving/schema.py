"""Brings a database to the present tables, and says whether it is there."""

from io import StringIO
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from serving.errors import ConfigurationError

_MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(engine: Engine) -> None:
    """Take every step that is missing. The whole way is one transaction: a crash leaves the old state.

    Raises:
        ConfigurationError: The database cannot be reached or written, or was made by a newer version.
    """
    try:
        with engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin() as connection:
            command.upgrade(config_for(connection), "head")
    except DBAPIError as error:
        raise ConfigurationError(f"the database cannot be prepared: {error.orig}") from error
    except CommandError as error:
        raise ConfigurationError(f"the database is of another version than this program: {error}") from error


def is_current(engine: Engine) -> bool:
    """Whether no step is missing."""
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_heads()
        return set(present) == set(ScriptDirectory.from_config(config_for(connection)).get_heads())


def config_for(connection: Connection) -> Config:
    """What Alembic's commands need; there is no alembic.ini."""
    config = Config(stdout=StringIO())  # what it prints is for people at a terminal
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
