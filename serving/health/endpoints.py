"""`GET /api/v1/health`."""

import shutil
import time

from fastapi import APIRouter, Response
from sqlmodel import select

from serving.errors import StorageUnavailable
from serving.health.schemas import Health, ModelHealth, StorageHealth
from serving.platform import Platform, PlatformDep
from serving.version import VERSION

router = APIRouter(prefix="/api/v1", tags=["system"])


@router.get("/health", responses={503: {"model": Health, "description": "No picture can be inspected now."}})
def health(platform: PlatformDep, response: Response) -> Health:
    """Whether a picture sent now would get a verdict that is kept."""
    model = platform.live.model
    storage = _storage(platform)
    healthy = model is not None and storage.available
    if not healthy:
        response.status_code = 503
    return Health(
        status="healthy" if healthy else "unhealthy",
        version=VERSION,
        model=ModelHealth(name=model.name, version=model.version, backend=model.backend) if model else None,
        storage=storage,
        uptime_s=round(time.monotonic() - platform.started_s, 1),
    )


def _storage(platform: Platform) -> StorageHealth:
    waiting = platform.database.writes_waiting
    try:
        platform.live.media.require_usable()
        free_bytes = shutil.disk_usage(platform.settings.data_dir).free
        with platform.database.read() as session:
            session.exec(select(1)).one()
    except (OSError, StorageUnavailable):
        return StorageHealth(available=False, free_bytes=0, writes_waiting=waiting)
    return StorageHealth(available=True, free_bytes=free_bytes, writes_waiting=waiting)
