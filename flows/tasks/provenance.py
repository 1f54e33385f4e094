"""Where weights come from, as values for a manifest."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.tasks.trainer import TrainedWeights, TrainingOptions


def provenance_of(
    weights: TrainedWeights, options: TrainingOptions, *, dataset: dict[str, Any], repository: Path
) -> dict[str, Any]:
    """Return what is needed to say how the weights came about, and to train them again.

    Args:
        weights: The result of the training.
        options: How it was trained.
        dataset: What it was trained on, digest included.
        repository: Root of the checkout whose commit is recorded; outside of one it is None.
    """
    how = {**asdict(options), "start_from": options.start_from.name if options.start_from else None}
    return {
        "dataset": dataset,
        "training": how,
        "epochs": weights.epochs,
        "training_s": round(weights.duration_s),
        "cpu": cpu_name(),
        "git_commit": git_commit(repository),
        "assembled_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def cpu_name() -> str:
    """Return the name of the processor, as far as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


def git_commit(repository: Path) -> str | None:
    """Return the commit that a checkout is at, None outside of one; read from files, so that git need not be there."""
    git = repository / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        reference = head.removeprefix("ref: ")
        loose = git / reference
        if loose.is_file():
            return loose.read_text(encoding="utf-8").strip()
        packed = (git / "packed-refs").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.split(" ")[0] for line in packed if line.endswith(f" {reference}")), None)
