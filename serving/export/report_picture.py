"""The picture of a part in a PDF, with what was found drawn over it."""

import io
from collections.abc import Sequence
from typing import Final

from reportlab.lib.colors import Color, black, white
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from serving.tables import InspectionDetection

_LARGEST_W: Final = 169 * mm  # A4 within the report's margins
_LARGEST_H: Final = 112 * mm
_MARK: Final = Color(0.85, 0.05, 0.25)
_FILL: Final = Color(0.85, 0.05, 0.25, alpha=0.18)
_REGION_OF_INTEREST: Final = Color(0.05, 0.45, 0.75)
_EMPTY: Final = Color(0.93, 0.93, 0.93)
Point = Sequence[float]


class PictureWithRegions(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """Picture, regions with their numbers, and the region of interest. Without a picture, an empty frame."""

    def __init__(
        self,
        jpeg: bytes | None,
        size_wh_px: tuple[int, int],
        detections: Sequence[InspectionDetection],
        region_of_interest: Sequence[Point],
    ) -> None:
        """Takes the picture, its full size in pixels, and what to draw over it in those pixels."""
        super().__init__()
        width_px, height_px = size_wh_px
        self._scale = min(_LARGEST_W / width_px, _LARGEST_H / height_px)
        self.width, self.height = width_px * self._scale, height_px * self._scale
        self._jpeg = jpeg
        self._detections = detections
        self._region_of_interest = region_of_interest

    def wrap(self, _available_w: float, _available_h: float) -> tuple[float, float]:
        """The size that it takes."""
        return self.width, self.height

    def draw(self) -> None:
        """Draws all of it."""
        canvas: Canvas = self.canv
        if self._jpeg is None:
            canvas.setFillColor(_EMPTY)
            canvas.rect(0, 0, self.width, self.height, stroke=0, fill=1)
        else:
            canvas.drawImage(ImageReader(io.BytesIO(self._jpeg)), 0, 0, self.width, self.height)
        if self._region_of_interest:
            canvas.setStrokeColor(_REGION_OF_INTEREST)
            canvas.setDash(4, 3)
            self._polygon(self._region_of_interest, fill=0)
            canvas.setDash()
        canvas.setLineWidth(1.1)
        for number, found in enumerate(self._detections, start=1):
            canvas.setStrokeColor(_MARK)
            canvas.setFillColor(_FILL)
            for ring in found.mask_polygon:
                self._polygon(ring, fill=1)
            left, top = self._place((found.x_min_px, found.y_min_px))
            right, bottom = self._place((found.x_max_px, found.y_max_px))
            canvas.rect(left, bottom, right - left, top - bottom, stroke=1, fill=0)
            self._number(number, left, top)

    def _number(self, number: int, left: float, top: float) -> None:
        canvas: Canvas = self.canv
        text = str(number)
        width = canvas.stringWidth(text, "Helvetica-Bold", 7) + 3
        top = min(top + 9, self.height)
        canvas.setFillColor(_MARK)
        canvas.rect(left, top - 9, width, 9, stroke=0, fill=1)
        canvas.setFillColor(white)
        canvas.setFont("Helvetica-Bold", 7)
        canvas.drawString(left + 1.5, top - 7, text)
        canvas.setFillColor(black)

    def _polygon(self, ring: Sequence[Point], *, fill: int) -> None:
        path = self.canv.beginPath()
        for index, point in enumerate(ring):
            (path.lineTo if index else path.moveTo)(*self._place(point))
        path.close()
        self.canv.drawPath(path, stroke=1, fill=fill)

    def _place(self, point: Point) -> tuple[float, float]:
        """A pixel on the page: pixels count from the top, pages from the bottom."""
        return point[0] * self._scale, self.height - point[1] * self._scale
