"""Requests that nobody would think of, made from the API's own description by schemathesis, once for each caller.

`make test` sends a few hundred; `python -m tests.contracts.fuzz` sends thousands and takes some ten minutes.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import schemathesis
import structlog
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from serving.errors import status_of
from serving.openapi.errors import RAISED
from tests.contracts.running import Running, running
from tests.serving.declared import document
from tests.tiny_bundle import build_tiny_bundle

CALLERS: Final = ("anonymous", "viewer", "operator", "engineer", "admin", "operator key", "station key", "platform")
_SEED: Final = 20260115
# They may end the session of whoever calls them, and the rest would be 401: a session of their own calls them, last.
_ENDS_SESSION: Final = ("/api/v1/auth/logout", "/api/v1/users/me/password", "/api/v1/users/{user_id}")
# A fault that passes is declared and told with its reason: no Prefect, no MLflow, no segmenter here.
_EXPECTED: Final = ["2xx", "3xx", "4xx", "503"]
# Rules that JSON Schema cannot tell: what is printable, one of several fields, a moment that the calendar has.
_STRICTER: Final = frozenset(
    {
        *("segmenter_segment", "export_report_part", "inspections_list_inspections"),
        *("users_create_user", "users_update_user", "users_update_me"),
    }
)


_REFUSALS: Final = {"400", "410", "415", "422"}


@dataclass
class Outcome:
    """What came of one caller's requests.

    Attributes:
        cases: Number of requests.
        statuses: How often each status was answered.
        failures: What was wrong, each once, with a request that shows it.
    """

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for people."""
        told = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.cases} requests ({told}), {len(self.failures)} kinds of failures"


def fuzz(platform: Running, caller: str, *, phases: tuple[str, ...], most: int, seed: int = _SEED) -> Outcome:
    """What came of one caller's requests to every route.

    Args:
        platform: Where to send them.
        caller: Who sends them.
        phases: Of `examples`, `coverage`, `fuzzing`, `stateful`.
        most: Made-up requests to each route in each of the last two phases.
        seed: One seed, one sequence of requests.
    """
    outcome = Outcome()
    leaving = platform.leaving.get(caller)
    _run(platform, platform.callers[caller], outcome, phases=phases, most=most, seed=seed, session_ends=False)
    if leaving is not None:
        _run(platform, leaving, outcome, phases=phases, most=most, seed=seed, session_ends=True)
    return outcome


def _run(platform: Running, headers: dict[str, str], outcome: Outcome, *, session_ends: bool, **how: Any) -> None:
    schema = schemathesis.openapi.from_dict(document(), config=_config(platform.url, headers, **how))
    chosen = schema.exclude(lambda context: (context.operation.path in _ENDS_SESSION) != session_ends)
    for event in from_schema(chosen).execute():
        if isinstance(event, events.ScenarioFinished):
            _note(event, outcome)
        elif isinstance(event, events.NonFatalError):
            outcome.failures[f"{event.label}: {event.value!r}"] = event.info.format()
        elif isinstance(event, events.FatalError):
            raise event.exception


def _config(url: str, headers: dict[str, str], *, phases: tuple[str, ...], most: int, seed: int) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "base-url": url,
            "headers": headers,
            "continue-on-failure": True,
            "request-timeout": 30.0,
            "generation": {
                "max-examples": most,
                "database": "none",
                "deterministic": False,
                "no-shrink": True,
                "with-security-parameters": False,
            },
            "checks": {"enabled": True, "not_a_server_error": {"expected-statuses": _EXPECTED}},
            "operations": [_accepting(*each) for each in _with_rules_of_their_own()],
            "phases": {name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing", "stateful")},
            "suppress-health-check": ["all"],
        }
    )


def _with_rules_of_their_own() -> Iterator[tuple[str, list[str]]]:
    """The routes that may refuse what their schema allows, by the errors listed for them, and with which statuses."""
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            kinds = RAISED.get((method.upper(), path), ())
            refusals = {str(status_of(kind(""))) for kind in kinds} & _REFUSALS
            refusals |= {"422"} if operation["operationId"] in _STRICTER else set()
            if refusals:
                yield operation["operationId"], sorted(refusals)


def _accepting(operation_id: str, refusals: list[str]) -> dict[str, Any]:
    statuses = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx", *refusals]
    return {
        "include-operation-id": operation_id,
        "checks": {"positive_data_acceptance": {"expected-statuses": statuses}},
    }


def _note(event: events.ScenarioFinished, outcome: Outcome) -> None:
    recorder = event.recorder
    for interaction in recorder.interactions.values():
        outcome.cases += 1
        if interaction.response is not None:
            outcome.statuses[interaction.response.status_code] += 1
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                outcome.failures[f"{failure.operation}: {failure.title}: {failure.message}"] = (
                    check.failure_info.code_sample
                )


def main() -> int:
    """Send thousands of requests for each caller and tell what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", nargs="+", choices=CALLERS, default=CALLERS)
    parser.add_argument("--phases", nargs="+", default=("examples", "coverage", "fuzzing", "stateful"))
    parser.add_argument("--most", type=int, default=8, help="made-up requests to each route and caller")
    parser.add_argument("--seed", type=int, default=_SEED)
    wanted = parser.parse_args()
    # The pretty tracebacks of a script that configures nothing take seconds each: requests would seem to hang.
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        bundle = build_tiny_bundle(Path(folder) / "bundle")
        with running(Path(folder) / "var", bundle) as platform:
            for caller in wanted.callers:
                began_s = time.monotonic()
                outcome = fuzz(platform, caller, phases=tuple(wanted.phases), most=wanted.most, seed=wanted.seed)
                print(f"{caller}: {outcome}, {time.monotonic() - began_s:.0f} s", flush=True)  # noqa: T201
                for told, sample in outcome.failures.items():
                    print(f"  {told}\n    {sample}", flush=True)  # noqa: T201
                failed += len(outcome.failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
