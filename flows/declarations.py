"""What `prefect.yaml` declares, read without Prefect: whoever only wants the names need not wait for its import."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

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

    @property
    def flow_name(self) -> str:
        """Name of the flow, which is that of its file: `export-onnx`."""
        return self.entrypoint.split(".")[-2].replace("_", "-")


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
