"""What ties a version to what it came from, and the figures that stand beside it, as tags."""

from collections.abc import Mapping
from typing import Any, Final

from models.bundle import Bundle
from registry.version import (
    TAG_BASE_VERSION,
    TAG_DATASET_DIGEST,
    TAG_FLOW_RUN,
    TAG_GIT_COMMIT,
    TAG_METRIC_PREFIX,
    TAG_TEST_SET,
)

TAG_CONVERTED_WITH: Final = "ussop.calibration_digest"
"""Digest of the data set whose pictures calibrated the 8-bit conversion."""
TAG_INT8: Final = "ussop.int8"
"""`shipped`, or why the version stays at 16 bits."""
_FIGURES: Final = {
    "box_ap50": ("test", "box", "ap50"),
    "mask_ap50": ("test", "mask", "ap50"),
    "escape_rate": ("test", "verdicts", "escape", "share"),
    "overkill_rate": ("test", "verdicts", "overkill", "share"),
    "part_auroc": ("test", "part_auroc"),
    "mask_iou_found": ("test", "mask_iou_found"),
    "escape_allowed": ("proof", "escape", "allowed"),
    "escape_at_most": ("proof", "escape", "at_most"),
    "escape_parts_to_prove": ("proof", "escape", "more_parts"),
    "overkill_allowed": ("proof", "overkill", "allowed"),
    "overkill_at_most": ("proof", "overkill", "at_most"),
    "overkill_parts_to_prove": ("proof", "overkill", "more_parts"),
}
_HANDED_ON: Final = (TAG_DATASET_DIGEST, TAG_TEST_SET, TAG_BASE_VERSION, TAG_FLOW_RUN, TAG_GIT_COMMIT)


def handed_on(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a run or version that hold for what is made of it as well."""
    return {key: tags[key] for key in _HANDED_ON if key in tags}


def figures_of(bundle: Bundle) -> dict[str, float]:
    """What the bundle reaches on its test parts, as far as its manifest says."""
    found = {}
    for name, path in _FIGURES.items():
        value: Any = bundle.manifest.metrics
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, int | float):
            found[name] = float(value)
    return found


def tags_of(bundle: Bundle) -> dict[str, str]:
    """The figures as tags, and what became of the 8-bit conversion."""
    tags = {f"{TAG_METRIC_PREFIX}{key}": f"{value:.4f}" for key, value in figures_of(bundle).items()}
    attempts = bundle.manifest.metrics.get("int8_attempts") or [{}]
    if bundle.manifest.openvino_int8 is not None:
        tags[TAG_INT8] = "shipped"
    elif refused := attempts[-1].get("refused"):
        tags[TAG_INT8] = f"stays at 16 bits: {refused}"[:500]
    return tags
