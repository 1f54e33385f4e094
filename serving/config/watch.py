"""Follows changes of the configuration that other processes made."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from starlette.concurrency import run_in_threadpool

from serving.config.values import RuntimeConfig
from serving.errors import StorageUnavailable
from serving.events.loop import Loop
from serving.platform import Platform

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def following_config(platform: Platform) -> AsyncIterator[None]:
    """Know what holds from the beginning of the block, and follow it within."""
    platform.config.tell_changes(_set_log_level)
    try:
        await run_in_threadpool(platform.config.refresh)
    except StorageUnavailable as error:  # the line starts by the settings; the next look finds what was changed
        _log.warning("config_not_read", error=str(error))
    loop = Loop("config_watch", platform.config.watch, platform.metrics)
    loop.start()
    try:
        yield
    finally:
        await loop.stop()


def _set_log_level(config: RuntimeConfig) -> None:
    root = logging.getLogger()
    root.setLevel(config.log_level)
    # As at the start: below INFO the server would write down tokens.
    logging.getLogger("uvicorn.error").setLevel(max(logging.INFO, root.level))
