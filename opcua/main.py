"""Entry point of the OPC UA process: `python -m opcua.main`; `ussop up` starts it when `OPCUA_ENABLED=true`."""

import asyncio
import gc
import os
import signal
import sys

import structlog

from opcua.logs import configure_logging
from opcua.plant import Plant
from opcua.settings import OpcUaSettings
from serving.client import ClientError, ServiceAccount

_log = structlog.get_logger(__name__)


async def serve(settings: OpcUaSettings, account: ServiceAccount) -> int:
    """The exit code, after SIGINT or SIGTERM or when memory ran out."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sent in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sent, stop.set)
    plant = await Plant.open(settings, account)
    gc.collect()
    gc.freeze()  # the standard's address space never changes: the collector need not walk through it
    async with plant:
        _log.info("opcua_listening", endpoint=settings.endpoint)
        return await plant.run(stop)


def run() -> int:
    """Serve until told to stop."""
    os.umask(0o077)  # keys and certificates belong to this user alone
    settings = OpcUaSettings()
    configure_logging(settings)
    try:
        account = ServiceAccount.read(settings.service_account_file)
        return asyncio.run(serve(settings, account))
    except (ClientError, OSError, ValueError) as error:
        _log.error("opcua_not_started", error=f"{type(error).__name__}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(run())
