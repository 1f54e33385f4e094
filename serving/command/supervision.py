"""The configuration of supervisord, which keeps the processes of the platform alive."""

import os
import secrets
import shlex
from pathlib import Path

from serving.command.parent import SUPERVISOR_PID
from serving.command.preparation import control_socket
from serving.command.programs import Program
from serving.settings import Settings

# A process that dies is started again after 1, 2, 3 … s, for ever: a line must come back by itself.
_START_RETRIES = 1_000_000


def write_configuration(settings: Settings, wanted: tuple[Program, ...]) -> Path:
    """The file of the supervisor's configuration, readable by its owner alone."""
    path = settings.run_dir / "supervisord.conf"
    text = configuration(settings, wanted, supervisor_pid=os.getpid())
    scratch = path.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    scratch.touch(mode=0o600)
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
    return path


def configuration(settings: Settings, wanted: tuple[Program, ...], supervisor_pid: int) -> str:
    """The text of the configuration.

    Args:
        settings: Where the platform lives.
        wanted: What to keep alive.
        supervisor_pid: Process that will become supervisord; a program that finds another parent ends itself.
    """
    run_dir = _escaped(str(settings.run_dir))
    lines = [
        "[supervisord]",
        "nodaemon=true",
        "logfile=/dev/null",
        "logfile_maxbytes=0",
        f"pidfile={run_dir}/supervisord.pid",
        f"childlogdir={run_dir}",
        "umask=077",
        *(["user=root"] if os.geteuid() == 0 else []),
    ]
    socket_path = control_socket(settings)
    if socket_path is not None:
        password = secrets.token_hex(16)  # the socket is private already; without one supervisord warns
        lines += [
            "",
            "[unix_http_server]",
            f"file={_escaped(str(socket_path))}",
            "chmod=0600",
            "username=ussop",
            f"password={password}",
            "",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            "",
            "[supervisorctl]",
            f"serverurl=unix://{_escaped(str(socket_path))}",
            "username=ussop",
            f"password={password}",
        ]
    for program in wanted:
        lines += ["", *_program_lines(program, supervisor_pid)]
    return "\n".join(lines) + "\n"


def _program_lines(program: Program, supervisor_pid: int) -> list[str]:
    variables = {SUPERVISOR_PID: str(supervisor_pid), **program.environment}
    return [
        f"[program:{program.name}]",
        f"command={_escaped(shlex.join(program.arguments))}",
        "environment=" + ",".join(f'{name}="{_escaped(value)}"' for name, value in variables.items()),
        f"priority={program.priority}",
        f"autorestart={'true' if program.is_lasting else 'unexpected'}",
        f"startsecs={3 if program.is_lasting else 0}",
        f"startretries={_START_RETRIES}",
        "stopsignal=TERM",
        f"stopwaitsecs={program.stop_wait_s}",
        f"stopasgroup={'true' if program.stop_as_group else 'false'}",
        "killasgroup=true",
        "redirect_stderr=true",
        "stdout_logfile=/dev/fd/1",
        "stdout_logfile_maxbytes=0",
    ]


def _escaped(text: str) -> str:
    """Supervisor expands `%(name)s` in values and takes ` ;` for a comment."""
    return text.replace("%", "%%")
