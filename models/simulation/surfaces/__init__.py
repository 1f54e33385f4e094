"""Pictures of many surfaces that never existed, with exact masks of their defects: what a network is pretrained on.

The simulated line is one kind of part under one lamp; a network that learned it knows that part. Here material, light,
camera and defect are drawn anew for each picture and far wider than any factory's (domain randomisation), so that what
is left to learn is what defects of surfaces have in common.

Source:
    Tobin et al. (2017), "Domain randomization for transferring deep neural networks from simulation to the real world".
"""

from models.simulation.surfaces.flaws import SURFACE_CLASSES, Surface
from models.simulation.surfaces.picture import SurfaceDefect, SurfacePicture, flaws_on, surface_picture

__all__ = ["SURFACE_CLASSES", "Surface", "SurfaceDefect", "SurfacePicture", "flaws_on", "surface_picture"]
