"""What one running API holds, handed to the endpoints as a dependency."""

import time
from dataclasses import dataclass, field
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends
from starlette.requests import HTTPConnection

from serving.api_keys.book import KeyBook
from serving.auth.service import AuthService
from serving.auth.sessions import SessionChecker
from serving.auth.tokens import TokenIssuer
from serving.clock import Clock, utc_now
from serving.config.book import ConfigBook
from serving.database import Database
from serving.datasets.importer import ImportRunner
from serving.delivery.deliveries import Deliveries
from serving.events.stream import EventStream
from serving.export.stream import Exports
from serving.jobs.prefect import PrefectJobs
from serving.limits.peers import Peers
from serving.live import LiveInspector
from serving.metrics.registry import Metrics
from serving.model_versions.switch import ModelSwitch
from serving.opcua_status.watch import OpcUaWatch
from serving.openvino.service import LoadedNetworks
from serving.query.service import Questions
from serving.segmenter.service import Segmenter
from serving.settings import Settings
from serving.statistics.service import Statistics
from serving.storage.clock_watch import ClockWatch
from serving.storage.usage import UsageMeter


@dataclass(frozen=True)
class Platform:
    """Everything that lives as long as the API does.

    Attributes:
        settings: The settings, with a signing key.
        config: What may be changed while it runs.
        database: Readers and the writer.
        live: The deployed model.
        switch: Puts another version of the model to use.
        networks: What is loaded beside the deployed model.
        segmenter: Turns boxes and clicks on pictures of the review queue into polygons.
        imports: Brings data sets in.
        jobs: The long jobs, which Prefect owns.
        metrics: What `/metrics` shows.
        tokens: Makes and verifies tokens.
        sessions: Says whether the user behind a token is still welcome.
        api_keys: Finds the API key of a secret.
        auth: Login, refresh, logout.
        login_slots: How many passwords are checked at once.
        registry_slots: How many requests wait for the registry at once; the others wait without holding a thread.
        peers: Says which address a request came from.
        usage: Counts what lies on the disk.
        statistics: Counts what was inspected.
        exports: What exports share.
        events: Tells what happened to those who follow.
        questions: Answers questions in plain language.
        deliveries: Tells of alerts by mail and webhook.
        opcua: Says whether the OPC UA server is alive.
        clock: The present in UTC.
        clock_watch: Notices when the clock is set forward.
        started_s: When it was opened, on the monotonic clock.
    """

    settings: Settings
    config: ConfigBook
    database: Database
    live: LiveInspector
    switch: ModelSwitch
    networks: LoadedNetworks
    segmenter: Segmenter
    imports: ImportRunner
    jobs: PrefectJobs
    metrics: Metrics
    tokens: TokenIssuer
    sessions: SessionChecker
    api_keys: KeyBook
    auth: AuthService
    login_slots: CapacityLimiter
    registry_slots: CapacityLimiter
    peers: Peers
    usage: UsageMeter
    statistics: Statistics
    events: EventStream
    questions: Questions
    deliveries: Deliveries
    opcua: OpcUaWatch
    exports: Exports = field(default_factory=Exports)
    clock: Clock = utc_now
    clock_watch: ClockWatch = field(default_factory=ClockWatch)
    started_s: float = field(default_factory=time.monotonic)


async def get_platform(connection: HTTPConnection) -> Platform:
    """The platform of the application that received the request.

    A coroutine though it waits for nothing: FastAPI runs plain functions in a thread, at every request.
    """
    platform = connection.app.state.platform
    if not isinstance(platform, Platform):
        msg = "the application has not started"
        raise TypeError(msg)
    return platform


PlatformDep = Annotated[Platform, Depends(get_platform)]
