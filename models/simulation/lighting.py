"""The lamp over the simulated line: uneven across the picture, drifting slowly from part to part."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.simulation.geometry import IMAGE_SHAPE_HW


@dataclass(frozen=True, slots=True)
class Lamp:
    """The light over one part: overall gain, colour and direction."""

    gain: float
    tint_rgb: tuple[float, float, float]
    azimuth_rad: float
    slope: float


def lamp_at(seed: int, index: int) -> Lamp:
    """Return the lamp over part `index`: three slow waves, so that neighbours look alike and the shift does not.

    The periods (some 340 to 1,900 parts) stand for warming up, daylight and ageing; the amplitudes keep metal off the
    ends of the 8-bit range.
    """
    phase = np.random.default_rng((seed, 0x1A39)).uniform(0.0, 2.0 * np.pi, 4)
    warm = float(np.sin(2.0 * np.pi * index / 900.0 + phase[0]))
    gain = 1.0 + 0.10 * float(np.sin(2.0 * np.pi * index / 340.0 + phase[1])) + 0.05 * warm
    azimuth = float(phase[2] + 0.8 * np.sin(2.0 * np.pi * index / 1900.0 + phase[3]))
    return Lamp(gain, (1.0 + 0.03 * warm, 1.0, 1.0 - 0.04 * warm), azimuth, 0.16)


def illumination(lamp: Lamp, brush_angle_rad: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return the light on every pixel, (H, W) float32 around 1: a slope, and the band that brushed metal mirrors."""
    height, width = IMAGE_SHAPE_HW
    ys, xs = np.mgrid[0:12, 0:16].astype(np.float32)
    across = (xs / 15.0 - 0.5) * np.cos(lamp.azimuth_rad) + (ys / 11.0 - 0.5) * np.sin(lamp.azimuth_rad)
    along_brush = (xs / 15.0 - 0.5) * np.cos(brush_angle_rad) + 0.75 * (ys / 11.0 - 0.5) * np.sin(brush_angle_rad)
    centre, spread = rng.uniform(-0.35, 0.35), rng.uniform(0.14, 0.24)
    band = rng.uniform(0.06, 0.2) * np.exp(-(((along_brush - centre) / spread) ** 2))
    coarse = (lamp.gain * (1.0 + lamp.slope * across + band)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
