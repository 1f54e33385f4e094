"""A simulated line of brushed-metal parts: seeded pictures with exact defect masks, and no download.

Pure like the rest of `models`: with one NumPy and one OpenCV version, the same seed and index give the same bytes.
"""

from models.simulation.line import SimulatedLine
from models.simulation.marks import DEFECT_CLASSES
from models.simulation.part import SimulatedDefect, SimulatedPart, render_part

__all__ = ["DEFECT_CLASSES", "SimulatedDefect", "SimulatedLine", "SimulatedPart", "render_part"]
