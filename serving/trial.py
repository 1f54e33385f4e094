"""Tries a network in a process of its own before the API loads it: what kills a runtime must not kill the line.

A file that crashes, hangs or swells while a runtime reads it is a known kind of fault of ONNX Runtime and OpenVINO
(Source: OSV, their advisories of 2024-2026), and none of it can be caught within the process. The child does what the
API would do: load, warm up, run the golden pictures. It may use so much memory and time and write no file.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from models.bundle import load_bundle
from models.errors import BundleError, ModelError
from models.golden import open_tested_runtime
from models.networks import OpenVinoNetwork
from serving.command.parent import SUPERVISOR_PID, die_with_supervisor

_log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 60.0  # the starter takes 2 to 5 s, most of it for importing the runtimes
# Of data: files that are mapped and room that is only reserved do not count. The starter needs 0.6 GiB.
_MOST_DATA_BYTES: Final = 4 * 2**30
_LEAST_DATA_BYTES: Final = 2**30
_NICENESS: Final = 5
_NICENESS_OF_VICTIM: Final = "1000"  # where memory runs out all the same, this process goes first
_ROOT: Final = Path(__file__).resolve().parents[1]


def try_bundle(
    folder: Path, *, backend: str, precision: str, device: str, callers: int, timeout_s: float = TIMEOUT_S
) -> None:
    """Returns if a process of its own could load the bundle and gave every golden verdict.

    Raises:
        BundleError: It could not; the message says why.
    """
    order = {"folder": str(folder), "backend": backend, "precision": precision, "device": device, "callers": callers}
    _try(order, folder.name[:12], timeout_s)


def try_network(file: Path, device: str, timeout_s: float = TIMEOUT_S) -> None:
    """Returns if a process of its own could load the network.

    Raises:
        BundleError: It could not; the message says why.
    """
    _try({"file": str(file), "device": device}, file.name, timeout_s)


def _try(order: Mapping[str, Any], name: str, timeout_s: float) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "serving.trial"],
        cwd=_ROOT,  # the very same code as this process
        env={**os.environ, SUPERVISOR_PID: str(os.getpid()), "PYTHONFAULTHANDLER": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer, _ = child.communicate(json.dumps({**order, "cpu_s": timeout_s}).encode(), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise _refused(name, f"it was not loaded within {timeout_s:g} s") from None
    finally:
        child.kill()
        child.communicate()
    if child.returncode == 0:
        return
    if child.returncode < 0:
        raise _refused(name, f"loading it ends the process ({_signal_name(-child.returncode)})")
    raise _refused(name, _last_line(answer) or "loading it ends the process")


def _refused(name: str, why: str) -> BundleError:
    _log.warning("trial_failed", name=name, why=why)
    return BundleError(why)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(answer: bytes) -> str:
    lines = answer.decode(errors="replace").splitlines()
    return lines[-1][:1000] if lines else ""


def _limit(cpu_s: float) -> None:
    """Bounds this process; what a hostile network makes of the runtime ends here."""
    os.nice(_NICENESS)
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most_data = min(_MOST_DATA_BYTES, max(_LEAST_DATA_BYTES, physical // 2))
    used_s = sum(os.times()[:2])
    limits = (
        (resource.RLIMIT_DATA, most_data),
        (resource.RLIMIT_CPU, int(used_s + cpu_s * (os.cpu_count() or 1)) + 1),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    )
    for kind, most in limits:
        resource.setrlimit(kind, (most, most))


def _take(order: Mapping[str, Any]) -> None:
    if "file" in order:
        OpenVinoNetwork(Path(order["file"]), order["device"])
        return
    open_tested_runtime(
        load_bundle(Path(order["folder"])),
        backend=order["backend"],
        precision=order["precision"],
        device=order["device"],
        callers=order["callers"],
    )


def _run() -> int:
    die_with_supervisor()
    order = json.load(sys.stdin)
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text(_NICENESS_OF_VICTIM, encoding="ascii")
    _limit(float(order["cpu_s"]))
    try:
        _take(order)
    except ModelError as error:
        sys.stdout.write(" ".join(str(error).split()))
        return 1
    except MemoryError:
        sys.stdout.write("it takes more memory than a model may")
        return 1
    return 0


if __name__ == "__main__":
    code = _run()
    sys.stdout.flush()
    os._exit(code)  # threads of a runtime that does not end are not waited for
