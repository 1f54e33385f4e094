"""The deployments that `prefect.yaml` declares, for the embedded host; `prefect deploy --all` reads the same file.

`python -m flows.deployments` makes them on the server and prints their ids and names: in a process that ends, because
loading the flows loads what they stand on (torch, OpenVINO), and the host would keep it for ever.
"""

import asyncio
import importlib
import json
import sys
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.declarations import DeclaredDeployment, read_declarations


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
