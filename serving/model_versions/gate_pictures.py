"""The pictures on which the gate saw two versions decide differently, both views beside each other."""

import re
from typing import Final

from pydantic import ValidationError

from registry.errors import RegistryError, UnknownVersionError
from registry.rest import MlflowRest
from registry.version import GATE_REPORT, TAG_GATE_RUN
from serving.errors import NotFound, RegistryUnavailable
from serving.model_versions.asking import registered_version
from serving.model_versions.gate_schemas import GateReport

# As the flow names them. The report is a file that others may write: it must not lead anywhere else.
_PLACE: Final = re.compile(r"differing/[^/\\\0]{1,200}\.jpg")
_JPEG: Final = b"\xff\xd8\xff"


def differing_picture(rest: MlflowRest, version: str, number: int) -> bytes:
    """The drawing of one part of the gate's report, JPEG. Waits for the registry: call it in a thread.

    Args:
        rest: The registry.
        version: The version that was judged.
        number: Place of the part in `report.differing`, from 0.

    Raises:
        NotFound: No such version, judgement or part, or the gate has not drawn it (it draws the worst 24).
        RegistryUnavailable: MLflow does not answer.
    """
    run_id = registered_version(rest, version).tags.get(TAG_GATE_RUN)
    if not run_id:
        raise NotFound(f"the gate has not judged version {version}")
    try:
        parts = GateReport.model_validate_json(rest.read_run_file(run_id, GATE_REPORT)).differing
        place = parts[number].shown_in if number < len(parts) else None
        if place is None or not _PLACE.fullmatch(place):
            raise NotFound("the gate has drawn no such picture")
        drawing = rest.read_run_file(run_id, place)
    except (UnknownVersionError, ValidationError) as error:
        raise NotFound("the gate's report is lost") from error
    except RegistryError as error:
        raise RegistryUnavailable(str(error)) from error
    if not drawing.startswith(_JPEG):
        raise NotFound("the gate has drawn no such picture")
    return drawing
