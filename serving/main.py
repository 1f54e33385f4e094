"""Entry point of the API process: `python -m serving.main`, or `ussop api`."""

import sys

import uvicorn
from sqlalchemy.exc import DBAPIError

from serving.app import create_app
from serving.command.supervision import die_with_supervisor
from serving.database import create_engine
from serving.errors import ConfigurationError, ServingError
from serving.logging import configure_logging
from serving.schema import is_current
from serving.secrets_file import with_secret_key
from serving.settings import Settings, load_settings

_SHUTDOWN_S = 10  # requests under way may finish; nobody waits longer
_MAX_CONNECTIONS = 512


def run() -> None:
    """Serve the API until SIGINT or SIGTERM, in one process (the database has one writer).

    Raises:
        ConfigurationError: A setting or the database cannot be used.
    """
    die_with_supervisor()
    settings = with_secret_key(load_settings())
    configure_logging(settings)
    _check_database(settings)
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,  # it writes query strings, which may carry signatures; serving.request_log does not
        proxy_headers=False,  # it would believe any X-Forwarded-For from this machine; serving.limits.peers decides
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        limit_concurrency=_MAX_CONNECTIONS,
    )


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


if __name__ == "__main__":
    try:
        run()
    except ServingError as error:
        sys.exit(f"ussop: {error}")
