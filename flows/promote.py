"""Flow: the gate. A candidate that is no worse than the deployed version takes its place."""

import json
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_image_artifact, create_markdown_artifact
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from flows.benchmark import resolve
from flows.gate import GateJudgement, GateRules, judge
from flows.gate_report import GateRecord, Outcome
from flows.progress import Progress
from flows.settings import FlowSettings
from flows.tasks.coco import Dataset, dataset_digest
from flows.tasks.keep_errors import address_of, show_errors
from models.bundle import Bundle
from registry.local_store import LocalStore
from registry.promotion import GateMark, mark_gate, promote_version, require_deployed
from registry.rest import MlflowRest
from registry.sync import fetch_bundle
from registry.version import CANDIDATE, DEPLOYED, GATE_EXPERIMENT, GATE_REPORT, ModelVersion

if TYPE_CHECKING:
    from flows.tasks.measure_version import Measured

_DRAWINGS = "differing"
_SHEET = "differing.jpg"


@flow(name="promote", timeout_seconds=3600, retries=0, validate_parameters=True)
def promote(
    version: str = CANDIDATE,
    test_set: str = "",
    dataset: str = "",
    latency_budget_ms: Annotated[float, Field(ge=0.0)] = 0.0,
    override_reason: str = "",
    approved_by: str = "",
    allowed_escape: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0,
    allowed_overkill: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0,
) -> Any:
    """The judgement; if nothing speaks against the version, `deployed` points at it afterwards and serving follows.

    Args:
        version: Number or alias of the candidate.
        test_set: COCO folder of pictures that neither version was trained on; empty takes a frozen one.
        dataset: Digest of the frozen data set whose test parts to take; empty takes the candidate's own.
        latency_budget_ms: Longest 95th percentile of one inference; 0 takes the setting GATE_LATENCY_BUDGET_MS.
        override_reason: Why it shall be deployed though the gate blocks; needs `approved_by`.
        approved_by: Who says so. The API lets this through for the right role only, and audits it.
        allowed_escape: Share of escapes that the test parts should prove; 0 takes that of the candidate's thresholds.
        allowed_overkill: The same of overkills.

    Raises:
        ValueError: It is deployed already, there are no pictures to compare on, some of them were trained on, or an
            override lacks its reason or its name.
        DatasetError: The folder is no COCO folder.
        RegistryError: No such version, another one was deployed meanwhile, or the registry does not answer.
    """
    # Here, not above: the host of the flows imports this file to list it, and does without what it stands on.
    from flows.tasks.test_set import read_test_set  # noqa: PLC0415

    if bool(override_reason.strip()) != bool(approved_by.strip()):
        raise ValueError("an override needs both override_reason and approved_by")
    settings = FlowSettings()
    with MlflowRest(settings.mlflow_url) as rest, tempfile.TemporaryDirectory(prefix="ussop-gate-") as scratch:
        candidate, deployed = resolve(rest, version), resolve(rest, DEPLOYED)
        if candidate.version == deployed.version:
            raise ValueError(f"version {candidate.version} is deployed already")
        frozen = settings.data_dir.absolute() / "training" / "datasets"
        pictures = read_test_set(frozen, candidate, folder=test_set, dataset=dataset)
        store = LocalStore(settings.bundles_dir)
        bundles = (fetch_bundle(rest, store, candidate), fetch_bundle(rest, store, deployed))
        measured = _measure((candidate, deployed), bundles, pictures)
        budget_ms = latency_budget_ms or settings.gate_latency_budget_ms
        word = {"override_reason": override_reason, "approved_by": approved_by} if override_reason else {}
        record = _judged(measured, bundles, pictures, budget_ms, word, Path(scratch))
        record = _with_errors(record, measured[0], bundles[0], (allowed_escape, allowed_overkill), Path(scratch))
        require_deployed(rest, deployed)  # before anything is written: a pass against another version says little
        mark = _keep(settings.mlflow_url, record, Path(scratch))
        mark_gate(rest, candidate, mark)
        _show(rest, settings, record, mark, Path(scratch))
        if record.outcome != "blocked":
            promote_version(rest, candidate, replaced=deployed)
    return _ending(candidate.version, record)


def _ending(version: str, record: GateRecord) -> Any:
    """How the run ends: by the name of the outcome, with the reasons."""
    reasons = [word.text for word in record.judgement.reasons]
    get_run_logger().info("version %s: %s. %s", version, record.outcome, "; ".join(reasons))
    return Completed(
        name=record.outcome.capitalize(),
        message="; ".join(reasons) or f"version {version} is deployed",
        data={"version": version, "outcome": record.outcome, "reasons": reasons},
    )


def _judged(
    measured: "tuple[Measured, Measured]",
    bundles: tuple[Bundle, Bundle],
    pictures: Dataset,
    budget_ms: float,
    word: dict[str, str],
    scratch: Path,
) -> GateRecord:
    """The judgement with all that it stands on; what differs is drawn into `scratch`."""
    # Here, not above: the host of the flows imports this file to list it, and does without OpenCV.
    from flows.tasks.compare_golden import golden_binds, golden_differences  # noqa: PLC0415
    from flows.tasks.difference_pictures import draw_differences  # noqa: PLC0415

    golden = golden_differences(*bundles)
    rules = GateRules(budget_ms, golden_binds(*bundles))
    judgement = judge(measured[0].figures, measured[1].figures, rules, golden)
    outcome = _outcome(judgement, is_overridden=bool(word))
    context = {"judged_at": datetime.now(UTC).isoformat(timespec="seconds"), "flow_run_id": flow_run.get_id() or ""}
    (drawings := scratch / _DRAWINGS).mkdir()
    return GateRecord(
        candidate=measured[0].figures,
        deployed=measured[1].figures,
        rules=rules,
        judgement=judgement,
        outcome=outcome,
        test_digest=dataset_digest(pictures),
        test_pictures=len(pictures.pictures),
        golden=golden,
        differing=draw_differences(*measured, bundles, golden, drawings),
        context=context | (word if outcome == "overridden" else {}),
    )


def _with_errors(
    record: GateRecord, candidate: "Measured", bundle: Bundle, allowed: tuple[float, float], scratch: Path
) -> GateRecord:
    """The record with the candidate's error analysis, whose files lie in `scratch`, and what the test parts prove."""
    # Here, not above: scipy, pycocotools and matplotlib come with it.
    from flows.tasks.error_report import error_markdown, error_metrics, write_errors  # noqa: PLC0415
    from flows.tasks.threshold_report import allowed_of, proof_words, proofs_of  # noqa: PLC0415

    title = f"Version {record.candidate.version} on {record.test_pictures} test parts"
    analysis = write_errors(candidate.inspected, bundle.manifest, scratch, title)
    wanted = allowed_of(bundle.manifest.metrics)
    escape, overkill = (given or usual for given, usual in zip(allowed, wanted, strict=True))
    proofs = proofs_of(record.candidate, escape=escape, overkill=overkill)
    figures = {f"candidate.{name}_at_most": found.at_most for name, found in proofs.items()}
    figures |= {f"candidate.{name}_parts_to_prove": float(found.more_parts) for name, found in proofs.items()}
    judgement = record.judgement
    return replace(
        record,
        judgement=replace(judgement, remarks=(*judgement.remarks, *proof_words(proofs))),
        more_metrics=figures | error_metrics(analysis),
        more_lines=tuple(error_markdown(analysis)),
    )


def _outcome(judgement: GateJudgement, *, is_overridden: bool) -> Outcome:
    if judgement.passed:
        return "passed"
    return "overridden" if is_overridden and not judgement.unfit else "blocked"


def _measure(
    versions: tuple[ModelVersion, ModelVersion], bundles: tuple[Bundle, Bundle], pictures: Dataset
) -> "tuple[Measured, Measured]":
    # Here, not above: scipy and pycocotools come with it.
    from flows.tasks.measure_version import measure_version  # noqa: PLC0415

    total = 2 * len(pictures.pictures)
    with Progress("promote-progress", f"{total // 2} pictures by both versions", total) as progress:
        done = iter(range(1, total + 1))
        first, second = (
            measure_version(found.version, bundle, pictures, lambda: progress.reached(next(done)))
            for found, bundle in zip(versions, bundles, strict=True)
        )
    return first, second


def _keep(url: str, record: GateRecord, folder: Path) -> GateMark:
    """What to write on the version, after figures and pictures were kept in a run of their own in MLflow."""
    from flows.tasks.difference_pictures import contact_sheet  # noqa: PLC0415
    from registry.runs import tracked_run  # noqa: PLC0415

    drawn = [folder / part.shown_in for part in record.differing if part.shown_in]
    if drawn:
        (folder / _SHEET).write_bytes(contact_sheet(drawn))
    else:
        shutil.rmtree(folder / _DRAWINGS)
    (folder / GATE_REPORT).write_text(json.dumps(record.to_json(), indent=2), encoding="utf-8")
    (folder / "gate.md").write_text(record.to_markdown(), encoding="utf-8")
    about = {"version": record.candidate.version, "compared_with": record.deployed.version, "outcome": record.outcome}
    params = {**about, "test_set": record.test_digest, "latency_budget_ms": record.rules.latency_budget_ms}
    name = f"version {record.candidate.version} against {record.deployed.version}"
    with tracked_run(url, name=name, params=params, tags=about, experiment=GATE_EXPERIMENT) as run:
        run.log_metrics(record.metrics(), step=0)
        run.log_files(folder)
    return GateMark(
        outcome=record.outcome,
        reasons=tuple(word.text for word in record.judgement.reasons),
        reason_codes=tuple(word.code for word in record.judgement.reasons),
        test_digest=record.test_digest,
        run_id=run.run_id,
        flow_run_id=record.context["flow_run_id"],
        judged_at=record.context["judged_at"],
        override_reason=record.context.get("override_reason", ""),
        approved_by=record.context.get("approved_by", ""),
    )


def _show(rest: MlflowRest, settings: FlowSettings, record: GateRecord, mark: GateMark, folder: Path) -> None:
    """Markdown, the candidate's errors, and a picture of what differs, in Prefect's UI."""
    seen_from_browser = settings.mlflow_url.replace("127.0.0.1", "localhost")
    links = [f"[Figures and pictures in MLflow]({seen_from_browser}{rest.run_page(mark.run_id)}/artifacts)"]
    text = f"Version {record.candidate.version}: {record.outcome}"
    create_markdown_artifact(record.to_markdown(links), key="gate", description=text)
    if any(part.shown_in for part in record.differing):
        address = address_of(rest, settings, mark.run_id, _SHEET)
        create_image_artifact(address, key="gate-differing", description=f"{text}; worst first, candidate on the left")
    show_errors(folder, lambda path: address_of(rest, settings, mark.run_id, path), text)
