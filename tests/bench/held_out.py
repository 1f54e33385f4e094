"""What a training through REST is worth on real parts it never saw: `python -m tests.bench.held_out --data FOLDER`.

Four fifths of a labelled COCO folder are imported, a training runs from the deployed starter with the API's defaults,
its candidate goes through the gate and is deployed. The last fifth is then inspected over REST; boxes and masks are
compared with the labels, all proposals of the deployed bundle counted. By the grouping it is the last fifth of the
pictures, as the baseline of a bare YOLO had it, or of the parts, of which no picture was imported then.
"""

import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import httpx
import typer

from flows.tasks.coco import Picture
from flows.tasks.error_analysis import analyse_errors
from flows.tasks.evaluate import average_precision, inspect_pictures
from flows.tasks.part_score import auroc
from flows.tasks.rates import clopper_pearson
from flows.tasks.training_data import Grouping, coco_data
from models.bundle import load_bundle
from models.runtime import open_runtime
from registry.local_store import LocalStore
from tests.bench.life_cycle import (
    OVERRIDE,
    call,
    candidate,
    deployed,
    import_archive,
    judge,
    start_training,
    until,
    zip_of,
)
from tests.bench.platform import running_platform
from tests.bench.report import circumstances, replace_block, table, write_json

_BLOCKS: dict[Grouping, str] = {"magnetic-tile": "held-out", "picture": "held-out-pictures"}
_ENDED = {"completed", "failed", "cancelled"}
_PARTS_FOR_LATENCY = 40
_LOGGED_IN_MINUTES = "1440"  # a training is longer than the life of a token


def main(
    data: Annotated[Path, typer.Option(help="COCO folder: annotations.json and images/")],
    grouping: Annotated[Grouping, typer.Option(help="Which pictures show one part")] = "magnetic-tile",
    epochs: Annotated[int, typer.Option(help="Passes over the training pictures")] = 20,
    learning_rate: Annotated[float, typer.Option(help="The largest one")] = 0.001,
    keep: Annotated[Path | None, typer.Option(help="Data folder to keep, to look at both UIs afterwards")] = None,
    write: Annotated[bool, typer.Option(help="Write the results into docs/")] = True,
) -> None:
    """Trains on four fifths, inspects the rest."""
    split = coco_data(data, grouping=grouping, val_share=0.15, test_share=0.2, seed=7)
    asked = {"epochs": epochs, "learning_rate": learning_rate}
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_platform(keep or Path(scratch), ACCESS_TOKEN_MINUTES=_LOGGED_IN_MINUTES) as (client, _),
    ):
        names = {p.path.name for p in (*split.train, *split.val)}
        import_archive(client, zip_of(data, names))
        trained_s, version, outcome = _trained(client, asked)
        answers = [_inspected(client, picture) for picture in split.test]
        store = LocalStore((keep or Path(scratch)) / "bundles")
        results = {
            "training_s": round(trained_s),
            "gate": outcome,
            "version": version,
            **_verdicts(split.test, answers),
            **_times(answers),
            **_places(store.deployed(), split.test),
        }
    facts = circumstances(
        f"python -m tests.bench.held_out --data {data.name} --grouping {grouping} --epochs {epochs}"
        f" --learning-rate {learning_rate:g}"
    )
    rows = [[name.replace("_", " "), _shown(value)] for name, value in results.items()]
    text = f"{facts['date']} · {facts['cpu']} · `{facts['command']}`\n\n{table(['figure', 'measured'], rows)}"
    typer.echo(text)
    if write:
        write_json(_BLOCKS[grouping].replace("-", "_"), {**facts, **results})
        replace_block(_BLOCKS[grouping], text)


def _trained(client: httpx.Client, asked: dict[str, Any]) -> tuple[float, str, str]:
    """Seconds of the training, the new version, which serves now, and what the gate said."""
    started_s = time.monotonic()
    start_training(client, asked)
    state = until(client, "/api/v1/training/status", lambda s: s["state"] in _ENDED)
    if state["state"] != "completed":
        raise RuntimeError(f"training {state['state']}: {state['message']}")
    trained_s, version = time.monotonic() - started_s, candidate(client)
    verdict = judge(client, version, {})
    said = f"{verdict['outcome']}: {'; '.join(verdict['reasons']) or 'nothing speaks against it'}"
    if verdict["outcome"] == "blocked":
        judge(client, version, OVERRIDE)
    until(client, "/api/v1/models", lambda m: deployed(m) == version)
    return trained_s, version, said


def _inspected(client: httpx.Client, picture: Picture) -> dict[str, Any]:
    files = {"file": (picture.path.name, picture.path.read_bytes(), "image/jpeg")}
    answer: dict[str, Any] = call(client, "POST", "/api/v1/inspect", files=files)
    return answer


def _verdicts(pictures: tuple[Picture, ...], answers: list[dict[str, Any]]) -> dict[str, Any]:
    """The shares of wrong verdicts, with their exact 95 % intervals."""
    decided = {
        good: Counter(a["decision"] for p, a in zip(pictures, answers, strict=True) if p.is_good == good)
        for good in (True, False)
    }
    good, defective = decided[True], decided[False]
    return {
        "escape": _rate(defective["pass"], defective.total()),
        "overkill": _rate(good["fail"], good.total()),
        "uncertain_defective": _rate(defective["uncertain"], defective.total()),
        "uncertain_good": _rate(good["uncertain"], good.total()),
    }


def _rate(count: int, of: int) -> str:
    rate = clopper_pearson(count, of)
    return f"{count}/{of} = {rate.share:.1%} [{rate.low:.1%}, {rate.high:.1%}]"


def _times(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """What served, and the median times of an inspection as the answers say them."""
    return {
        "served_by": answers[0]["backend"],
        "median_ms_of_the_network": median(answer["timings_ms"]["inference"] for answer in answers),
        "median_ms_to_the_verdict": median(answer["total_time_ms"] for answer in answers),
    }


def _places(folder: Path, pictures: tuple[Picture, ...]) -> dict[str, Any]:
    """How well defects are found and outlined by the bundle that serves, at its own thresholds."""
    bundle = load_bundle(folder)
    runtime = open_runtime(bundle, backend="onnxruntime", threads=1)
    inspected = inspect_pictures(runtime, pictures)
    thresholds = {name: limits.to_thresholds() for name, limits in bundle.manifest.thresholds.items()}
    errors = analyse_errors(inspected, thresholds, bundle.manifest.classes)
    highest = [(p.picture.is_good, max((d.confidence for d in p.detections), default=0.0)) for p in inspected]
    boxes = average_precision(inspected, bundle.manifest.classes, "bbox")
    return {
        "part_auroc": errors.auroc,
        "auroc_of_highest_confidence": auroc(
            [s for good, s in highest if good], [s for good, s in highest if not good]
        ),
        "box_mAP50": boxes.ap50,
        "mask_mAP50": average_precision(inspected, bundle.manifest.classes, "segm").ap50,
        "mask_iou_of_found": errors.mask_iou,
        "box_AP50_by_class": {name: round(value, 3) for name, value in boxes.per_class_ap50.items()},
        "own_test_parts": _own(bundle.manifest.metrics["test"]),
        "task": bundle.manifest.task,
        "input_px": bundle.manifest.input.shape_hw,
        "ms_per_picture_one_thread": _ms(runtime, pictures[:_PARTS_FOR_LATENCY]),
    }


def _own(figures: dict[str, Any]) -> dict[str, Any]:
    """The same of the test parts that the platform set aside by itself, as they stand in the bundle."""
    verdicts = figures["verdicts"]
    return {
        "pictures": figures["pictures"],
        "auroc": round(figures["part_auroc"], 3),
        **{name: f"{verdicts[name]['count']}/{verdicts[name]['of']}" for name in ("escape", "overkill")},
        "box_mAP50": round(figures["box"]["ap50"], 3),
        "mask_iou": round(figures["mask_iou_found"], 3),
    }


def _ms(runtime: Any, pictures: tuple[Picture, ...]) -> float:
    started_s = time.perf_counter()
    inspect_pictures(runtime, pictures)
    return 1000 * (time.perf_counter() - started_s) / len(pictures)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return json.dumps(value) if isinstance(value, dict | list | tuple) else str(value)


if __name__ == "__main__":
    typer.run(main)
