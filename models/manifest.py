"""What a bundle says of itself: the whole of what a verdict depends on, as validated values."""

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from models.recipe import Thresholds

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class OutputLayout(StrEnum):
    """How the numbers of the outputs are arranged (nc classes, m mask coefficients).

    `yolo_one_to_one`: (1, anchors, 4+nc+m), boxes xyxy, no two for one object (YOLO26, no NMS).
    `yolo_one_to_many`: (1, 4+nc+m, anchors), boxes cxcywh, needs NMS (YOLOv8, YOLO11).
    `yolo_top_k`: (1, k, 6+m), xyxy, score, class index, coefficients (YOLO26 with the selection inside the graph).
    `surface_map`: (1, nc, height/s, width/s), probabilities that a pixel shows a defect of each class, which add up to
    that of any defect; output 1 is (1, 1), the score of the part as a whole.
    """

    YOLO_ONE_TO_ONE = "yolo_one_to_one"
    YOLO_ONE_TO_MANY = "yolo_one_to_many"
    YOLO_TOP_K = "yolo_top_k"
    SURFACE_MAP = "surface_map"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkInput(_Part):
    """Size and normalisation of the network's input."""

    shape_hw: tuple[Annotated[int, Field(ge=32, le=4096)], Annotated[int, Field(ge=32, le=4096)]]
    colour_order: Literal["rgb", "bgr"] = "rgb"
    pad_value: Annotated[int, Field(ge=0, le=255)] = 114
    scale: Annotated[float, Field(gt=0.0)] = 1 / 255


class SurfaceRegions(_Part):
    """How regions are taken from the map of a `surface` bundle.

    Attributes:
        pixel_from: From this probability of any defect on a pixel belongs to a region.
        min_area_px: Regions below this area, in pixels of the network's input, are noise.
        join_gap_px: Pieces no further apart than this, in pixels of the input, are one region: a crack that fades.
    """

    pixel_from: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    min_area_px: Annotated[float, Field(ge=0.0)] = 12.0
    join_gap_px: Annotated[float, Field(ge=0.0, le=64.0)] = 6.0


class NetworkOutput(_Part):
    """Arrangement of the network's outputs and how detections are taken from them."""

    layout: OutputLayout
    mask_coefficients: Annotated[int, Field(ge=0, le=256)] = 0
    min_confidence: Share = 0.01
    nms_iou: Share = 0.6
    max_detections: Annotated[int, Field(ge=1, le=1000)] = 100
    surface: SurfaceRegions | None = None


class ClassThresholds(_Part):
    """Accept below, reject from: see `models.recipe.Thresholds`."""

    accept_below: Share
    reject_above: Share

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        self.to_thresholds()
        return self

    def to_thresholds(self) -> Thresholds:
        """The same as a value of the recipe."""
        return Thresholds(self.accept_below, self.reject_above)


class Artefact(_Part):
    """One runnable file of the bundle, with how far it may differ from the reference.

    Attributes:
        path: Relative path; the weights of an IR lie beside it.
        precision: Precision of the stored weights.
        score_tolerance: Largest difference of a golden detection's score from the reference.
        metrics: What was measured of this artefact.
    """

    path: str
    precision: Literal["fp32", "fp16", "int8"]
    score_tolerance: Share
    metrics: dict[str, Any] = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        return require_inside(value)


class GoldenDetection(_Part):
    """A detection that the reference gives on a golden picture."""

    class_name: str
    confidence: Share
    box_xyxy: tuple[float, float, float, float]


class GoldenPicture(_Part):
    """A picture with the verdict expected of it."""

    path: str
    decision: Literal["pass", "fail", "uncertain"]
    detections: tuple[GoldenDetection, ...]

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        return require_inside(value)


class Manifest(_Part):
    """The manifest of a bundle."""

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
    task: Literal["detect", "segment", "surface"]
    classes: Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]
    input: NetworkInput
    output: NetworkOutput
    thresholds: dict[str, ClassThresholds]
    onnx: Artefact
    openvino_fp16: Artefact | None = None
    openvino_int8: Artefact | None = None
    golden: tuple[GoldenPicture, ...]
    provenance: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    files_sha256: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("class names repeat")
        if set(self.thresholds) != set(self.classes):
            raise ValueError("thresholds must name each class exactly once")
        if (self.task == "segment") != (self.output.mask_coefficients > 0):
            raise ValueError("a segment bundle has mask coefficients, one of another task has none")
        is_map = self.output.layout is OutputLayout.SURFACE_MAP
        if len({self.task == "surface", is_map, self.output.surface is not None}) != 1:
            raise ValueError("a surface bundle, and no other, has the layout surface_map and rules for its regions")
        for path in self.files_sha256:
            require_inside(path)
        return self


def require_inside(path: str) -> str:
    """The same relative path, if it stays inside the bundle.

    Raises:
        ValueError: Absolute, with `..`, or not in its plain POSIX form.
    """
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) != path or "\\" in path or path in {"", "."}:
        raise ValueError(f"not a plain path inside the bundle: {path!r}")
    return path
