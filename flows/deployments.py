"""The deployments that `prefect.yaml` declares, for the embedded host; `prefect deploy --all` reads the same file.

`python -m flows.deployments` makes them on the server and prints their ids and names: in a process that ends, because
loading the flows loads what they stand on (torch, OpenVINO), and the host would keep it for ever.
"""

import asyncio
import importlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

PREFECT_YAML: Final = Path(__file__).resolve().parents[1] / "prefect.yaml"


@dataclass(frozen=True, slots=True)
class DeclaredDeployment:
    """One entry of `prefect.yaml`.

    Attributes:
        name: Name of the deployment.
        entrypoint: Module path of the flow, `flows.benchmark.benchmark`.
        description: What it is for, shown in Prefect's UI.
        parameters: Default parameters.
        tags: Tags of its runs.
        schedules: Each with `cron` and, if wanted, `timezone` and `active`.
        concurrency_limit: Runs at the same time; further ones wait.
    """

    name: str
    entrypoint: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    schedules: list[dict[str, Any]] = field(default_factory=list)
    concurrency_limit: int | None = None


def read_declarations(path: Path = PREFECT_YAML) -> list[DeclaredDeployment]:
    """The deployments that a `prefect.yaml` declares.

    Raises:
        ValueError: An entry has no name or entrypoint.
    """
    declared = []
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]:
        if not entry.get("name") or not entry.get("entrypoint"):
            raise ValueError(f"a deployment of {path.name} has no name or no entrypoint")
        limit = entry.get("concurrency_limit")
        declared.append(
            DeclaredDeployment(
                name=entry["name"],
                entrypoint=entry["entrypoint"],
                description=(entry.get("description") or "").strip(),
                parameters=entry.get("parameters") or {},
                tags=entry.get("tags") or [],
                schedules=entry.get("schedules") or [],
                concurrency_limit=limit.get("limit") if isinstance(limit, dict) else limit,
            )
        )
    return declared


def load_flow(entrypoint: str) -> Flow[..., Any]:
    """The flow at a module path.

    Raises:
        TypeError: There is something else.
    """
    module, _, name = entrypoint.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    if not isinstance(found, Flow):
        raise TypeError(f"{entrypoint} is no flow")
    return found


async def to_deployment(declared: DeclaredDeployment) -> RunnerDeployment:
    """The deployment as Prefect's runner takes it."""
    limit = declared.concurrency_limit
    return await load_flow(declared.entrypoint).ato_deployment(
        declared.name,
        parameters=declared.parameters,
        tags=declared.tags,
        description=declared.description or None,
        schedules=[_schedule(s) for s in declared.schedules],
        concurrency_limit=ConcurrencyLimitConfig(limit=limit, collision_strategy="ENQUEUE") if limit else None,
        # By module: a file-path entrypoint would put flows/ first on sys.path and import everything twice.
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _schedule(entry: dict[str, Any]) -> Schedule:
    return Cron(entry["cron"], timezone=entry.get("timezone", "UTC"), active=entry.get("active", True))


async def make_all() -> list[tuple[str, str]]:
    """Id and name of each declared deployment, made or brought up to date on the server."""
    made = []
    for declared in read_declarations():
        deployment = await to_deployment(declared)
        made.append((str(await deployment.aapply()), deployment.name))
    return made


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(make_all())) + "\n")
