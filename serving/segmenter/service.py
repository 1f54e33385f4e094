"""The segmenter at work: one picture at a time, on a thread of its own that gives way to the line."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog

from models.errors import ModelError
from models.intake import read_image
from models.segmenter import Embedding, Prompt, Region
from serving.errors import InvalidRequest, NotFound, NotReady, Overloaded
from serving.live.pool import InferencePool
from serving.media.store import MediaStore
from serving.openvino.service import LoadedNetworks
from serving.priority import take_low_priority
from serving.segmenter.embeddings import EmbeddingCache
from serving.segmenter.pair import Pair, SegmenterPair
from serving.segmenter.schemas import RegionOut, SegmenterStatus, SegmentOut
from serving.settings import Settings
from serving.tables import ReviewItem

# A few people click at the same time; a longer queue only makes answers late.
MOST_WAITING: Final = 8
_DEADLINE_S: Final = 60.0
# MobileSAM's embedding has 4 MiB.
_MOST_CACHED_BYTES: Final = 128 * 1024 * 1024
_log = structlog.get_logger(__name__)


class Segmenter:
    """Segments pictures of the review queue. Used from the event loop."""

    def __init__(self, settings: Settings, networks: LoadedNetworks, media: MediaStore) -> None:
        """Takes what it works on; nothing is loaded yet."""
        self._pair = SegmenterPair(settings, networks)
        self._media = media
        self._embeddings = EmbeddingCache(_MOST_CACHED_BYTES)
        self._pool = InferencePool(1, _DEADLINE_S, name="segmenter", initializer=take_low_priority)
        self._inside = 0
        self._loading: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Requests inside, at work or waiting."""
        return self._inside

    def start(self) -> None:
        """Loads the files that the settings name, beside everything else; the first click need not wait for it."""
        if self._pair.is_configured() and not self._pair.is_ready() and not self._is_loading():
            self._loading = asyncio.create_task(self._load())

    async def close(self) -> None:
        """Takes no more work; what is under way is left to the end of the process."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        self._pool.close()

    def status(self) -> SegmenterStatus:
        """Whether it can be used. Files that were missing are looked for again, for the next time."""
        problem = self._pair.problem()
        if problem:
            self.start()
        backend = None if problem else self._pair.backend()
        return SegmenterStatus(available=problem is None, reason=problem, backend=backend)

    def require_possible(self) -> None:
        """Refuses at once where nothing is loaded and no files are set.

        Raises:
            NotReady: So it is; the message says what to set.
        """
        if absence := self._pair.absence():
            raise NotReady(absence)

    async def segment(self, item: ReviewItem, prompts: Sequence[Prompt]) -> SegmentOut:
        """A region for each prompt.

        Args:
            item: The picture's row in the queue.
            prompts: In pixels of the picture.

        Raises:
            InvalidRequest: A prompt lies outside the picture.
            Overloaded: Too many requests wait.
            NotReady: There are no networks, or none that can be used.
            NotFound: The picture's file is gone.
            ModelError: A network gave no usable answer, or not in time.
        """
        require_inside(prompts, shape_hw=(item.height_px, item.width_px))
        if self._inside >= MOST_WAITING:
            raise Overloaded("too many pictures wait for the segmenter")
        item_id, sha256, path, called_s = item.id, item.image_sha256, item.image_path, time.perf_counter()
        self._inside += 1
        try:
            return await self._pool.run(lambda: self._work(item_id, sha256, path, prompts, called_s))
        finally:
            self._inside -= 1

    def _work(self, item_id: str, sha256: str, path: str, prompts: Sequence[Prompt], called_s: float) -> SegmentOut:
        started_s = time.perf_counter()
        pair = self._pair.current()
        loaded_s = time.perf_counter()
        embedding = self._embeddings.find(pair.generation, sha256)
        cached = embedding is not None
        if embedding is None:
            embedding = self._embed(pair, path)
            self._embeddings.keep(pair.generation, sha256, embedding)
        encoded_s = time.perf_counter()
        regions = [pair.segmenter.segment(embedding, prompt) for prompt in prompts]
        done_s = time.perf_counter()
        height, width = embedding.shape_hw
        spans_s = {
            "queue": started_s - called_s,
            "load": loaded_s - started_s,
            "encode": encoded_s - loaded_s,
            "decode": done_s - encoded_s,
            "total": done_s - called_s,
        }
        return SegmentOut(
            id=item_id,
            regions=[_to_out(region, width, height) for region in regions],
            backend=f"{pair.encoder.runs_on}, {pair.decoder.runs_on}",
            embedding_cached=cached,
            timings_ms={name: round(span * 1000, 2) for name, span in spans_s.items()},
        )

    def _embed(self, pair: Pair, path: str) -> Embedding:
        file = self._media.find(path)
        if file is None:
            raise NotFound("the picture's file is gone")
        try:
            data = file.read_bytes()
        except OSError as error:
            raise NotFound(f"the picture cannot be read: {error.strerror}") from error
        return pair.segmenter.embed(read_image(data).pixels_rgb)

    def _is_loading(self) -> bool:
        return self._loading is not None and not self._loading.done()

    async def _load(self) -> None:
        try:
            await self._pool.run(self._pair.current)
        except (NotReady, ModelError) as error:
            _log.warning("segmenter_not_loaded", error=str(error))


def require_inside(prompts: Sequence[Prompt], *, shape_hw: tuple[int, int]) -> None:
    """Refuses prompts that do not lie in the picture.

    Raises:
        InvalidRequest: A box is empty or turned around, or something lies outside.
    """
    height, width = shape_hw
    for number, prompt in enumerate(prompts, start=1):
        corners = [(point.x_px, point.y_px, f"point {i}") for i, point in enumerate(prompt.points, start=1)]
        if prompt.box_xyxy is not None:
            x_min, y_min, x_max, y_max = prompt.box_xyxy
            what = f"box {number}"
            if x_max <= x_min or y_max <= y_min:
                raise InvalidRequest(f"{what} is empty or turned around; it is left, top, right, bottom")
            corners += [(x_min, y_min, what), (x_max, y_max, what)]
        for x, y, what in corners:
            if not (0 <= x <= width and 0 <= y <= height):
                raise InvalidRequest(f"{what} reaches ({x:g}, {y:g}), outside the picture of {width} x {height} px")


def _to_out(region: Region, width: int, height: int) -> RegionOut:
    """A region as an annotation could have it: nothing of it outside the picture, not by a rounding error either."""

    def inside(x: float, y: float) -> tuple[float, float]:
        return min(max(round(x, 2), 0.0), float(width)), min(max(round(y, 2), 0.0), float(height))

    outline = region.outline
    box = None
    if outline.box_xyxy is not None:
        box = (*inside(*outline.box_xyxy[:2]), *inside(*outline.box_xyxy[2:]))
    return RegionOut(
        polygons=[[inside(x, y) for x, y in ring] for ring in outline.rings],
        box=box,
        score=round(region.score, 4),
        area_px=round(outline.area_px, 2),
    )
