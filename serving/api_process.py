"""The API process; `serving.main` starts it."""

from sqlalchemy.exc import DBAPIError

from serving.app import create_app
from serving.command.parent import die_with_supervisor
from serving.database import create_engine
from serving.errors import ConfigurationError
from serving.logging import configure_logging
from serving.memory import keep_few_arenas
from serving.schema import is_current
from serving.secrets_file import with_secret_key
from serving.server import ApiServer, server_config
from serving.settings import Settings, load_settings


def run() -> None:
    """Serve the API until SIGINT or SIGTERM, in one process (the database has one writer).

    Raises:
        ConfigurationError: A setting or the database cannot be used.
    """
    die_with_supervisor()
    keep_few_arenas()
    settings = with_secret_key(load_settings())
    configure_logging(settings)
    _check_database(settings)
    server = ApiServer(server_config(create_app(settings), settings.api_host, settings.api_port))
    server.run()
    if not server.started:
        raise ConfigurationError("the API could not be started; the log says why")


def _check_database(settings: Settings) -> None:
    engine = create_engine(settings.database_url)
    try:
        current = is_current(engine)
    except DBAPIError as error:
        raise ConfigurationError(f"the database cannot be read: {error.orig}") from error
    finally:
        engine.dispose()
    if not current:
        raise ConfigurationError("the database is not up to date; run `ussop db upgrade`")
