"""A promptable segmenter of the SAM family: a picture and a box or clicks in, the outline of one region out."""

from models.segmenter.layout import SegmenterLayout, read_layout
from models.segmenter.prompt import Prompt, PromptPoint
from models.segmenter.segmenter import Embedding, PromptableSegmenter, Region

__all__ = ["Embedding", "Prompt", "PromptPoint", "PromptableSegmenter", "Region", "SegmenterLayout", "read_layout"]
