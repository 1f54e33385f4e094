"""`ussop`: starts the platform and looks after it."""

import fcntl
import os
import sys
from typing import Annotated, NoReturn

import typer

from serving.command.audit import app as audit
from serving.command.backup import backup, restore
from serving.command.dataset import app as dataset
from serving.command.first_admin import ensure_admin
from serving.command.first_admin import reset_password as set_random_password
from serving.command.preparation import (
    check_not_running,
    check_port_free,
    prepare_bundle,
    prepare_data_dir,
    prepare_database,
)
from serving.command.programs import missing_job_packages, programs, require_distinct_ports
from serving.command.service_account import ensure_service_account
from serving.command.supervision import write_configuration
from serving.errors import ConfigurationError, ServingError
from serving.secrets_file import with_secret_key
from serving.settings import Settings, load_settings
from serving.users.service import FIRST_ADMIN

_HELP_UP = "Start the platform in the foreground; Ctrl-C ends it."
app = typer.Typer(name="ussop", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
admin = typer.Typer(no_args_is_help=True, help="Look after users.")
database = typer.Typer(no_args_is_help=True, help="Look after the database.")
app.add_typer(admin, name="admin")
app.add_typer(database, name="db")
app.add_typer(dataset, name="dataset")
app.add_typer(audit, name="audit")
app.command("backup", help="Copy everything into one file, also while the platform runs.")(backup)
app.command("restore", help="Bring a backup back into an empty DATA_DIR, or verify it.")(restore)


def run() -> None:
    """Run the command line; an error of ours is one line and exit code 1."""
    os.umask(0o077)  # whatever is written belongs to this user alone
    try:
        app()
    except ServingError as error:
        typer.echo(f"ussop: {' '.join(str(error).split())}", err=True)  # one line, also of a driver's long message
        sys.exit(1)


@app.command(help=_HELP_UP)
def up() -> None:
    """Prepare the data folder, then become the supervisor of the platform's processes."""
    settings = load_settings()
    prepare_data_dir(settings)
    check_not_running(settings)
    check_port_free(settings.api_host, settings.api_port, "API_PORT")
    with_jobs = _prepare_jobs(settings)
    require_distinct_ports(settings, with_jobs=with_jobs)
    if settings.opcua_enabled:
        check_port_free(settings.opcua_host, settings.opcua_port, "OPCUA_PORT")
    settings = with_secret_key(settings)
    prepare_database(settings)
    prepare_bundle(settings)
    _announce_admin(settings)
    if with_jobs or settings.opcua_enabled:
        ensure_service_account(settings)
    path = write_configuration(settings, programs(settings, with_jobs=with_jobs))
    typer.echo(f"Ussop on http://{settings.api_host}:{settings.api_port} (API documentation: /docs); Ctrl-C ends it.")
    if with_jobs:
        typer.echo(
            f"MLflow on http://localhost:{settings.mlflow_port}, Prefect on http://localhost:{settings.prefect_port}."
        )
    if settings.opcua_enabled:
        typer.echo(f"OPC UA on opc.tcp://{settings.opcua_host}:{settings.opcua_port}/ussop.")
    sys.stdout.flush()
    _append_to_stdout()
    _become("serving.command.supervisor", "-n", "-c", str(path))


@app.command(help="Run the API process alone.")
def api() -> None:
    """Become the API process."""
    _become("serving.main")


@app.command(help="Say what is installed, which devices there are, and which services answer.")
def doctor() -> None:
    """Become the process that examines; it imports the runtimes, which `ussop up` need not wait for."""
    _become("serving.command.doctor")


@app.command(
    help="Run a long job here and now: `ussop flow --help` lists them.",
    add_help_option=False,  # so that `--help` reaches the flow
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def flow(ctx: typer.Context) -> None:
    """Become the process that runs a flow; this room knows of it no more than its name."""
    if missing := missing_job_packages():
        raise ConfigurationError(f"flows need {' and '.join(missing)}: pip install 'ussop[train]'")
    _become("flows.run", *ctx.args)


@admin.command(help="Give a user a new random password and end their sessions.")
def reset_password(username: Annotated[str, typer.Option(help="Name at login.")] = FIRST_ADMIN) -> None:
    """Print the new password."""
    typer.echo(f"{username}: {set_random_password(load_settings(), username)}")


@database.command(help="Bring the database to the present tables.")
def upgrade() -> None:
    """Take every migration that is missing."""
    settings = load_settings()
    prepare_data_dir(settings)
    prepare_database(settings)
    typer.echo("the database is up to date")


def _become(module: str, *arguments: str) -> NoReturn:
    """Go on as another module in this very process: whoever started us stops that with the same signal."""
    # -P: a folder called `models` where the command is typed must not take the place of ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])  # noqa: S606 - our own interpreter


def _append_to_stdout() -> None:
    """Let the supervisor and its processes share a plain file as output without writing over each other."""
    flags = fcntl.fcntl(sys.stdout.fileno(), fcntl.F_GETFL)
    fcntl.fcntl(sys.stdout.fileno(), fcntl.F_SETFL, flags | os.O_APPEND)


def _prepare_jobs(settings: Settings) -> bool:
    """Whether MLflow and Prefect can run beside the API; says so where they cannot."""
    if not settings.jobs_enabled:
        return False
    if missing := missing_job_packages():
        typer.echo(
            f"Without {' and '.join(missing)} (pip install 'ussop[train]'): the model is served from its local copy, "
            "jobs are not available."
        )
        return False
    check_port_free("127.0.0.1", settings.mlflow_port, "MLFLOW_PORT")
    check_port_free("127.0.0.1", settings.prefect_port, "PREFECT_PORT")
    return True


def _announce_admin(settings: Settings) -> None:
    made = ensure_admin(settings)
    if made is None:
        return
    if made.generated_password is None:
        typer.echo(f"First administrator: {made.username}, with the password of ADMIN_PASSWORD.")
        return
    typer.echo(f"First administrator: {made.username}, password {made.generated_password}")
    typer.echo(f"It is shown this once and kept in {made.password_file}.")


if __name__ == "__main__":
    run()
