"""What every inspection goes through: a place, a worker thread, the deployed model, and the pictures' folder."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from models.bundle import load_bundle
from models.errors import InferenceError, ModelError
from models.golden import open_tested_runtime
from models.intake import MEDIA_TYPES, Picture, read_image, sniff
from models.recipe import Recipe
from models.runtime import Runtime, Verdict
from registry.errors import NothingDeployedError, RegistryError
from registry.local_store import LocalStore
from registry.version import DEPLOYED
from serving.cameras.factory import open_camera
from serving.cameras.guard import GuardedCamera
from serving.database import Database
from serving.errors import StorageUnavailable
from serving.images.links import ImageLinks
from serving.inspections.idempotency import InFlight
from serving.inspections.repair import Repair
from serving.live.admission import Admission
from serving.live.alarm import CameraAlarm, StorageAlarm, VerdictAlarm
from serving.live.deadline import Deadline, require_in_time
from serving.live.holder import LoadedModel, ModelHolder
from serving.live.judged import Judged
from serving.live.pool import InferencePool
from serving.live.precedence import Precedence
from serving.media.store import MediaStore, StoredPicture
from serving.secrets_file import derived_key
from serving.settings import Settings
from serving.stations.book import StationBook
from serving.trial import try_bundle

T = TypeVar("T")
_log = structlog.get_logger(__name__)

# A line sends one picture per takt: a longer queue only makes answers late, it saves nobody.
_WAITING_PER_CORE: Final = 16
# While these decode or wait for the disk, the cores compute.
SPARE_WORKERS: Final = 2
_MOST_WAITING_BYTES: Final = 256 * 1024 * 1024
_SAVING_THREADS: Final = 4
_OVERDUE_S: Final = 5.0  # a disk that answers so late may as well be gone


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture on disk, and the milliseconds from the call until it was there."""

    picture: StoredPicture
    store_ms: float


def _verdict_of(runtime: Runtime, picture: Picture, recipe: Recipe) -> Verdict:
    try:
        return runtime.inspect(picture, recipe)
    except ModelError:
        raise
    except Exception as error:
        raise InferenceError(f"inference failed: {type(error).__name__}") from error


class LiveInspector:
    """Everything of the inspect path that lives as long as the API. Made by `open`, on the event loop."""

    def __init__(self, settings: Settings, database: Database) -> None:
        cores = settings.inference_workers or os.cpu_count() or 1
        workers = settings.inference_workers or cores + SPARE_WORKERS
        self.models = ModelHolder()
        self.media = MediaStore(settings.media_dir, reserve_bytes=settings.storage_reserve_mb * 2**20)
        self.stations = StationBook(database)
        self.camera = GuardedCamera(
            open_camera(settings),
            CameraAlarm(database),
            timeout_s=settings.camera_timeout_s,
            frozen_frames=settings.camera_frozen_frames,
        )
        self.in_flight = InFlight()
        self.links = ImageLinks(derived_key(settings, "image-links"), settings.image_url_ttl_s)
        self.precedence = Precedence()
        self.admission = Admission(max(4, cores * _WAITING_PER_CORE), _MOST_WAITING_BYTES)
        self._pool = InferencePool(workers, settings.inference_timeout_s)
        self._saving = ThreadPoolExecutor(_SAVING_THREADS, thread_name_prefix="media")
        self.storage_alarm = StorageAlarm(database)
        self.verdict_alarm = VerdictAlarm(database)
        # Inspections whose caller has gone with an error, because their station's deadline passed.
        self.overdue: set[asyncio.Task[Any]] = set()
        self.repair = Repair(database, self.media)
        self._settings = settings

    @classmethod
    async def open(cls, settings: Settings, database: Database) -> "LiveInspector":
        """The inspector with the deployed model loaded; without a model it opens too and answers `NotReady`.

        Raises:
            ConfigurationError: The camera cannot be what the settings ask for.
            StorageUnavailable: The pictures' folder cannot be used.
        """
        inspector = cls(settings, database)
        try:
            await asyncio.to_thread(inspector.media.prepare)
            await asyncio.to_thread(inspector.load_deployed)
        except BaseException:
            inspector.camera.close()
            raise
        inspector.repair.start()
        return inspector

    async def close(self) -> None:
        """Ends the threads and lets go of the camera."""
        self.repair.stop()
        if self.overdue:
            await asyncio.wait(self.overdue, timeout=_OVERDUE_S)
        await asyncio.to_thread(self.camera.close)
        self._pool.close()
        await asyncio.to_thread(self._saving.shutdown)

    def load_deployed(self) -> bool:
        """Whether the deployed bundle is in use now; if not, what was in use stays and the log says why.

        Load, warm up and test on the golden pictures first; only then one assignment puts it to use.
        """
        store = LocalStore(self._settings.bundles_dir)
        store.remove_leftovers()
        try:
            pointer = store.pointer(DEPLOYED)
            if pointer is None:
                raise NothingDeployedError("no model is deployed on this machine")
            model = self.load(store.folder_of(pointer), pointer.version)
        except (ModelError, RegistryError) as error:
            _log.error("model_not_loaded", error=str(error), code=error.code)
            return False
        self.models.swap(model)
        _log.info("model_loaded", model_name=model.name, model_version=model.version, backend=model.backend)
        return True

    def load(self, path: Path, registry_version: str | None) -> LoadedModel:
        """The bundle of a folder, verified, loaded, warmed up and tested on its golden pictures; not in use yet.

        Raises:
            ModelError: It fails on the way.
        """
        settings = self._settings
        runtime = open_tested_runtime(
            load_bundle(path),
            backend="openvino" if settings.openvino_enabled else "onnxruntime",
            precision=settings.openvino_precision,
            device=settings.openvino_device,
            callers=self._pool.workers,
        )
        if runtime.description.fallback_reason is not None:
            _log.warning("model_fell_back", runs=str(runtime.description), why=runtime.description.fallback_reason)
        return LoadedModel(runtime, registry_version)

    def try_out(self, path: Path) -> None:
        """Returns if a process of its own could load the bundle of a folder as `load` does; that takes seconds.

        Raises:
            ModelError: It could not.
        """
        settings = self._settings
        try_bundle(
            path,
            backend="openvino" if settings.openvino_enabled else "onnxruntime",
            precision=settings.openvino_precision,
            device=settings.openvino_device,
            callers=self._pool.workers,
        )

    @property
    def model(self) -> LoadedModel | None:
        """The model in use, None while there is none."""
        return self.models.current

    @property
    def waiting(self) -> int:
        """Pictures that wait for a worker thread."""
        return self._pool.waiting

    @property
    def runtime(self) -> Runtime | None:
        """The runtime of the model in use, None while there is none."""
        model = self.models.current
        return model.runtime if model else None

    async def judge(
        self,
        data: bytes,
        recipe: Recipe,
        picture: Picture | None,
        conclude: Callable[[Judged], T],
        deadline: Deadline | None = None,
    ) -> T:
        """What `conclude` makes of the verdict of the deployed model on one picture, in the thread that judged.

        Args:
            data: The bytes of the picture.
            recipe: The rules of the station.
            picture: The same, decoded, where that is done already.
            conclude: Begins only with a verdict that is in time.
            deadline: The station's; a picture that waited for longer is not looked at any more.

        Raises:
            NotReady: No model is loaded.
            TooLate: The deadline passed before a thread was free.
            ModelError: The picture cannot be used (415, 422), or the network gave no usable answer (503).
        """
        called_s = time.perf_counter()

        def work() -> Judged:
            require_in_time(deadline)
            started_s = time.perf_counter()
            decoded = picture or read_image(data)
            decoded_s = time.perf_counter()
            with self.models.lease() as model:
                verdict = _verdict_of(model.runtime, decoded, recipe)
            timings_ms = {
                "queue": (started_s - called_s) * 1000,
                "decode": (decoded_s - started_s) * 1000,
                **verdict.timings_ms,
            }
            return Judged(
                verdict,
                decoded.shape_hw,
                decoded.media_type,
                model.name,
                model.version,
                model.backend,
                timings_ms,
            )

        return await self._pool.run_then(work, conclude)

    def keep(self, data: bytes, inspection_id: str, day: date) -> "Future[Kept]":
        """The future picture on disk, for good. It is written beside `judge`; `media.settle` or `discard` must follow.

        The future raises `StorageUnavailable` where it cannot be stored. `note_kept` must hear how it went.

        Raises:
            UnsupportedImageError: It is no picture.
        """
        media_type, asked_s = MEDIA_TYPES[sniff(data)], time.perf_counter()

        def save() -> Kept:
            picture = self.media.save(data, media_type, inspection_id, day)
            return Kept(picture, (time.perf_counter() - asked_s) * 1000)

        return self._saving.submit(save)

    def note_kept(self, kept: "Future[Kept]") -> None:
        """Raises or ends the alert of the pictures' folder, by what became of a picture. On the event loop."""
        error = kept.exception()
        if isinstance(error, StorageUnavailable):
            self.storage_alarm.storage_failed(error)
        elif error is None:
            self.storage_alarm.storage_recovered()
