"""Entry point of the API process: `python -m serving.main`, or `ussop api`."""

import sys

import uvicorn

from serving.app import create_app
from serving.errors import ConfigurationError
from serving.logging import configure_logging
from serving.secrets_file import with_secret_key
from serving.settings import Settings

_SHUTDOWN_S = 10  # requests under way may finish; nobody waits longer
_MAX_CONNECTIONS = 512


def run(settings: Settings | None = None) -> None:
    """Serve the API until SIGINT or SIGTERM, in one process (the database has one writer)."""
    given = settings or Settings()
    configure_logging(given)
    app = create_app(with_secret_key(given))
    uvicorn.run(
        app,
        host=given.api_host,
        port=given.api_port,
        log_config=None,
        access_log=False,  # it writes query strings, which may carry signatures; serving.request_log does not
        proxy_headers=False,  # it would believe any X-Forwarded-For from this machine; serving.limits.peers decides
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        limit_concurrency=_MAX_CONNECTIONS,
    )


if __name__ == "__main__":
    try:
        run()
    except ConfigurationError as error:
        sys.exit(f"ussop: {error}")
