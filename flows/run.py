"""`ussop flow FLOW --parameter value …`, or `python -m flows.run …`: any flow of `prefect.yaml`, in this process.

Nothing here knows a single flow: names come from `prefect.yaml`, options from the flow's signature and docstring.
"""

import argparse
import json
import os
import warnings
from pathlib import Path
from typing import Any, Final

import click
import httpx

from flows.declarations import DeclaredDeployment, read_declarations
from flows.settings import FlowSettings

_NICENESS: Final = 10
_PROBE_TIMEOUT_S: Final = 3.0
_SERVER_HELP: Final = "A Prefect server that is to keep the run; it must answer. By default that of this platform."
_TRACEBACK_HELP: Final = "Show the traceback of a failure."


class FlowCommands(click.Group):
    """The declared flows; one is imported only when it is named, after Prefect's settings are made."""

    def __init__(self, server: str, *, traceback: bool) -> None:
        """Takes what was typed beside the flow and its parameters."""
        said = "Runs a flow here and now. FLOW --help lists its parameters."
        super().__init__("flows.run", help=said, subcommand_metavar="FLOW [--PARAMETER VALUE]...")
        self._server, self._traceback = server, traceback
        self._declared = {declared.flow_name: declared for declared in read_declarations()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click."""
        del ctx
        return sorted(self._declared)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click, which would import every flow to list them."""
        del ctx
        with formatter.section("Flows"):
            formatter.write_dl([(name, self._declared[name].description) for name in sorted(self._declared)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See click; `export_onnx` is `export-onnx`."""
        del ctx
        declared = self._declared.get(cmd_name.replace("_", "-"))
        if declared is None:
            raise click.UsageError(f"there is no flow {cmd_name!r}; there are {', '.join(sorted(self._declared))}")
        return _command_of(declared, self._server, traceback=self._traceback)


def choose_server(server: str, settings: FlowSettings) -> tuple[dict[str, str], str]:
    """The variables for Prefect, and which server it is, in words.

    Args:
        server: As typed; empty takes the platform's, and a temporary one where that does not answer.
        settings: Of the platform.

    Raises:
        click.ClickException: The named server does not answer.
    """
    environment = settings.environment()
    base = (server or settings.prefect_url).rstrip("/").removesuffix("/api")
    if _answers(base):
        return {**environment, "PREFECT_API_URL": f"{base}/api"}, f"The run is kept by the Prefect server {base}."
    if server:
        raise click.ClickException(f"no Prefect server answers at {base}")
    home = settings.data_dir.absolute() / "prefect-ephemeral"
    environment |= {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # the first start makes its tables
    }
    del environment["PREFECT_API_URL"]
    return environment, f"No Prefect server answers at {base}: an ephemeral one is used, its records are in {home}."


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/api/health", timeout=_PROBE_TIMEOUT_S, trust_env=False).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _command_of(declared: DeclaredDeployment, server: str, *, traceback: bool) -> click.Command:
    # Prefect reads its settings when it is imported, so they are made first.
    environment, said = choose_server(server, FlowSettings())
    os.environ.pop("PREFECT_API_URL", None)
    os.environ.update(environment)
    with warnings.catch_warnings():
        # For help and for refused values no folder is made; a run makes it.
        warnings.filterwarnings("ignore", "Failed to create the Prefect home", UserWarning)
        from flows.deployments import load_flow  # noqa: PLC0415
        from flows.options import description_of, parameters_of, values_of  # noqa: PLC0415
    flow = load_flow(declared.entrypoint)
    parameters = parameters_of(flow, declared.parameters)

    def execute(**typed: Any) -> None:
        values = values_of(parameters, typed)
        Path(environment["PREFECT_HOME"]).mkdir(mode=0o700, parents=True, exist_ok=True)
        click.echo(said, err=True)
        _execute(flow, declared, values, traceback=traceback)

    options: list[click.Parameter] = [parameter.to_option() for parameter in parameters]
    # Taken out before click sees them; here for `--help`.
    options.append(click.Option(["--server"], metavar="URL", expose_value=False, help=_SERVER_HELP))
    options.append(click.Option(["--traceback"], is_flag=True, expose_value=False, help=_TRACEBACK_HELP))
    return click.Command(declared.flow_name, params=options, callback=execute, help=description_of(flow))


def _execute(flow: Any, declared: DeclaredDeployment, values: dict[str, Any], *, traceback: bool) -> None:
    """Runs the flow; its result goes to stdout as JSON.

    Raises:
        click.ClickException: It did not complete.
    """
    from prefect import tags  # noqa: PLC0415

    from flows.terminal import Bars, make_console, stdout_kept_clean, tidy_log  # noqa: PLC0415

    os.nice(max(0, _NICENESS - os.nice(0)))  # a training must not cost the line its takt
    console = make_console()
    with stdout_kept_clean() as stdout:
        tidy_log(console, tracebacks=traceback)
        try:
            with Bars(console).shown(), tags(*declared.tags):
                state = flow(**values, return_state=True)
        except Exception as error:
            if traceback:
                raise
            raise click.ClickException(f"{declared.flow_name} failed: {_one_line(error)}") from error
        if not state.is_completed():
            raise click.ClickException(f"{declared.flow_name}: {state.name}: {_one_line(state.message)}")
        click.echo(f"{declared.flow_name}: {state.name}: {_one_line(state.message or 'done')}", err=True)
        stdout.write(json.dumps(state.result(), indent=2, default=str) + "\n")


def _one_line(said: object) -> str:
    text = f"{type(said).__name__}: {said}" if isinstance(said, BaseException) else str(said)
    return " ".join(text.removeprefix("Flow run encountered an exception: ").split())


def main() -> None:
    """Runs the command line."""
    os.umask(0o077)  # whatever is written belongs to this user alone
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--server", default=os.environ.get("PREFECT_API_URL", ""))
    early.add_argument("--traceback", action="store_true")
    known, rest = early.parse_known_args()
    FlowCommands(known.server, traceback=known.traceback).main(rest, prog_name="ussop flow")


if __name__ == "__main__":
    main()
