"""The whole life of a version on real pictures, through REST alone: `python -m tests.bench.life_cycle --data FOLDER`.

Half of a labelled COCO folder is imported, a training runs from the deployed version, its candidate goes through the
gate, is deployed (by override if the gate says no) and rolled back. The other half is never shown to the platform.
"""

import io
import json
import random
import tempfile
import time
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from tests.bench.platform import running_platform
from tests.bench.report import circumstances, replace_block, table, write_json

_POLL_S = 1.0
_STEP_DEADLINE_S = 3 * 3600.0
_JOBS_DEADLINE_S = 180.0
OVERRIDE = {"override_reason": "life cycle on real pictures: shown to work, not to ship parts"}


def main(
    data: Annotated[Path, typer.Option(help="COCO folder: annotations.json and images/")],
    epochs: Annotated[int, typer.Option(help="Passes over the training pictures")] = 6,
    keep: Annotated[Path | None, typer.Option(help="Data folder to keep, to look at both UIs afterwards")] = None,
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = True,
) -> None:
    """Takes half of the pictures from the import to the roll-back."""
    with tempfile.TemporaryDirectory() as scratch, running_platform(keep or Path(scratch)) as (client, _):
        steps = list(_walk(client, data, epochs))
    facts = circumstances(f"python -m tests.bench.life_cycle --data {data.name} --epochs {epochs}")
    rows = [[name, f"{seconds:.1f}", text] for name, seconds, text in steps]
    heading = f"{facts['date']} · {facts['cpu']} · `{facts['command']}`, seconds."
    text = f"{heading}\n\n{table(['step', 'seconds', 'outcome'], rows)}"
    typer.echo(text)
    if write:
        write_json(
            "life_cycle", {**facts, "steps": [dict(zip(("step", "s", "outcome"), s, strict=True)) for s in steps]}
        )
        replace_block("life-cycle", text)


def _walk(client: httpx.Client, data: Path, epochs: int) -> Iterator[tuple[str, float, str]]:
    """Each step with its seconds and what came of it."""
    with _timed("import of half of the pictures") as done:
        counts = import_archive(client, zip_of_half(data))
        done(f"{counts['added']} pictures, {counts['good_parts']} good parts, {counts['errors']} errors")
    yield done.step
    with _timed("training") as done:
        asked = {"epochs": epochs, "model_name": "half-of-tiles"}
        start_training(client, asked)
        state = until(client, "/api/v1/training/status", lambda s: s["state"] in {"completed", "failed", "cancelled"})
        if state["state"] != "completed":
            raise RuntimeError(f"training {state['state']}: {state['message']}")
        version = candidate(client)
        done(f"version {version}: {_figures(state['metrics'])}")
    yield done.step
    with _timed("gate") as done:
        gate = judge(client, version, {})
        done(f"{gate['outcome']}: {'; '.join(gate['reasons']) or 'nothing speaks against it'}")
    yield done.step
    if gate["outcome"] == "blocked":
        with _timed("gate with an override") as done:
            done(judge(client, version, OVERRIDE)["outcome"])
        yield done.step
    else:
        with _timed("waiting for serving to follow") as done:
            until(client, "/api/v1/models", lambda m: deployed(m) == version)
            done(f"version {version} serves")
        yield done.step
    first = "1"
    for name, path in (
        ("roll back", f"/api/v1/models/{first}/rollback"),
        ("roll forward", f"/api/v1/models/{version}/rollback"),
    ):
        with _timed(name) as done:
            answer = call(client, "POST", path)
            done(f"version {answer['version']} serves, {_verdict(client, data)}")
        yield done.step


class _Step:
    """What a step says of itself when it is done."""

    def __init__(self, name: str) -> None:
        self._name, self._started_s = name, time.monotonic()
        self.step: tuple[str, float, str] = (name, 0.0, "")

    def __call__(self, outcome: str) -> None:
        self.step = (self._name, round(time.monotonic() - self._started_s, 2), outcome)
        typer.echo(f"{self._name}: {outcome} ({self.step[1]} s)", err=True)


@contextmanager
def _timed(name: str) -> Iterator[_Step]:
    yield _Step(name)


def zip_of_half(data: Path, seed: int = 7) -> bytes:
    """A zip archive of a random half of a COCO folder, good and defective parts alike."""
    names = sorted(str(image["file_name"]) for image in json.loads((data / "annotations.json").read_text())["images"])
    random.Random(seed).shuffle(names)  # noqa: S311 - a split, no secret
    return zip_of(data, set(names[: len(names) // 2]))


def zip_of(data: Path, names: Collection[str]) -> bytes:
    """A zip archive of these pictures of a COCO folder, with their labels."""
    coco = json.loads((data / "annotations.json").read_text())
    chosen = [image for image in coco["images"] if image["file_name"] in names]
    ids = {image["id"] for image in chosen}
    labels = {**coco, "images": chosen, "annotations": [a for a in coco["annotations"] if a["image_id"] in ids]}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("annotations.json", json.dumps(labels))
        for image in chosen:
            archive.write(data / "images" / image["file_name"], f"images/{image['file_name']}")
    return buffer.getvalue()


def import_archive(client: httpx.Client, archive: bytes) -> dict[str, Any]:
    files = {"file": ("half.zip", archive, "application/zip")}
    started = call(client, "POST", "/api/v1/datasets/import", files=files)
    state = until(client, f"/api/v1/datasets/imports/{started['id']}", lambda s: s["state"] != "running")
    if state["state"] != "finished":
        raise RuntimeError(f"import failed: {state['detail']}")
    counts: dict[str, Any] = state["counts"]
    return counts


def start_training(client: httpx.Client, asked: dict[str, Any]) -> None:
    """Starts it as soon as Prefect answers, which takes longer than the API at a first start."""
    deadline_s = time.monotonic() + _JOBS_DEADLINE_S
    while (
        response := client.post("/api/v1/training/start", json=asked)
    ).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        if time.monotonic() > deadline_s:
            raise RuntimeError(response.text)
        time.sleep(_POLL_S)
    if response.is_error:
        raise RuntimeError(response.text)


def judge(client: httpx.Client, version: str, body: dict[str, str]) -> dict[str, Any]:
    call(client, "POST", f"/api/v1/models/{version}/promote", json=body)
    state = until(
        client, f"/api/v1/models/{version}/gate", lambda s: s["state"] in {"completed", "failed", "cancelled"}
    )
    if state["state"] != "completed":
        raise RuntimeError(f"gate {state['state']}: {state}")
    judged: dict[str, Any] = state
    return judged


def _verdict(client: httpx.Client, data: Path) -> str:
    picture = min((data / "images").glob("crack*.jpg"))
    answer = call(client, "POST", "/api/v1/inspect", files={"file": (picture.name, picture.read_bytes(), "image/jpeg")})
    return f"{picture.name} by version {answer['model_version']}: {answer['decision']}"


def candidate(client: httpx.Client) -> str:
    versions = call(client, "GET", "/api/v1/models")["models"]
    return str(next(v["version"] for v in versions if "candidate" in v["aliases"]))


def deployed(models: dict[str, Any]) -> str | None:
    return next((str(v["version"]) for v in models["models"] if v["active"]), None)


def _figures(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in sorted(metrics.items()) if "mAP50" in name)


def call(client: httpx.Client, method: str, path: str, **arguments: Any) -> Any:
    response = client.request(method, path, **arguments)
    if response.is_error:
        raise RuntimeError(f"{method} {path}: {response.status_code} {response.text[:500]}")
    return response.json()


def until(client: httpx.Client, path: str, reached: Callable[[Any], bool]) -> Any:
    deadline_s = time.monotonic() + _STEP_DEADLINE_S
    while time.monotonic() < deadline_s:
        state = call(client, "GET", path)
        if reached(state):
            return state
        time.sleep(_POLL_S)
    raise RuntimeError(f"{path}: nothing came of it")


if __name__ == "__main__":
    typer.run(main)
