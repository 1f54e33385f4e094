"""Our recipes and results in the standard's structures. The classes are made from the NodeSet when it is read."""

from datetime import timedelta
from typing import Any, Final

from asyncua import ua

from serving.inspections.schemas import InspectionOut

COMPLETED: Final = 1
FAILED: Final = 4
_T = ua.VariantType


def recipe_of(result: InspectionOut) -> tuple[str, str, str]:
    """Id, version and hash of the recipe that held."""
    station_id, _, revision = str(result.recipe.get("name", "")).rpartition("@")
    return station_id or result.station_id, revision, result.recipe_digest


def internal_recipe(recipe_id: str, version: str, digest: str) -> Any:
    """`RecipeIdInternalDataType`: a versioned, hashed recipe is native to the standard."""
    return _identified(ua.RecipeIdInternalDataType(), recipe_id, version, digest)


def external_recipe(recipe_id: str, version: str, digest: str) -> Any:
    """`RecipeIdExternalDataType`; ours is the same as the internal one."""
    return _identified(ua.RecipeIdExternalDataType(), recipe_id, version, digest)


def configuration(result: InspectionOut) -> Any:
    """`ConfigurationIdDataType`: the model version that decided, on which backend."""
    made = ua.ConfigurationIdDataType()
    made.Id, made.Version = result.model_name, result.model_version
    made.Description = ua.LocalizedText(result.backend)
    return made


def part(part_id: str | None) -> Any:
    """`PartIdDataType`."""
    made = ua.PartIdDataType()
    made.Id = part_id or ""
    return made


def job(job_id: str) -> Any:
    """`JobIdDataType`."""
    made = ua.JobIdDataType()
    made.Id = job_id
    return made


def result_id(value: str) -> Any:
    """`ResultIdDataType`."""
    made = ua.ResultIdDataType()
    made.Id = value
    return made


def processing_times(result: InspectionOut) -> Any:
    """`ProcessingTimesDataType`: the times of the stages, as the inspection tells them."""
    made = ua.ProcessingTimesDataType()
    made.EndTime = result.created_at + timedelta(milliseconds=result.total_time_ms)
    made.StartTime = result.created_at
    made.AcquisitionDuration = result.timings_ms.get("capture", 0.0)
    made.ProcessingDuration = result.total_time_ms
    return made


def content(result: InspectionOut) -> list[ua.Variant]:
    """`ResultContent`: verdict, confidence, classes, areas in mm² (NaN without calibration). Ours to define (12.5)."""
    areas = [float("nan") if found.area_mm2 is None else found.area_mm2 for found in result.detections]
    return [
        ua.Variant(result.decision, _T.String),
        ua.Variant(result.confidence, _T.Float),
        ua.Variant([found.class_name for found in result.detections], _T.String, is_array=True),
        ua.Variant(areas, _T.Float, is_array=True),
    ]


def full_result(result: InspectionOut, job_id: str) -> Any:
    """`ResultDataType`. `ResultState` is about the processing; the verdict is in `ResultContent`."""
    made = ua.ResultDataType()
    made.ResultId = result_id(result.id)
    made.HasTransferableDataOnFile, made.IsPartial, made.IsSimulated = False, False, False
    made.ResultState = COMPLETED
    made.PartId = part(result.part_id)
    made.ExternalRecipeId = external_recipe(*recipe_of(result))
    made.InternalRecipeId = internal_recipe(*recipe_of(result))
    made.InternalConfigurationId = configuration(result)
    made.JobId = job(job_id)
    made.CreationTime = result.created_at
    made.ProcessingTimes = processing_times(result)
    made.ResultContent = content(result)
    return made


def _identified(made: Any, recipe_id: str, version: str, digest: str) -> Any:
    made.Id, made.Version = recipe_id, version
    if digest:
        made.Hash, made.HashAlgorithm = digest.encode("ascii"), "SHA-256, first 12 hexadecimal digits"
    return made
