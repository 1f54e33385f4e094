"""The application: routes, what guards them, and what lives behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware

from registry.local_store import LocalStore
from serving.alerts.endpoints import router as alerts
from serving.alerts.gauge import OpenAlerts
from serving.alerts.watch import judging_stations
from serving.api_keys.book import KeyBook
from serving.api_keys.endpoints import router as api_keys
from serving.audit.endpoints import router as audit
from serving.auth.endpoints import router as auth
from serving.auth.service import AuthService
from serving.auth.sessions import SessionChecker
from serving.auth.tokens import TokenIssuer
from serving.batch.endpoints import router as batch
from serving.clock import utc_now
from serving.config.book import ConfigBook
from serving.config.endpoints import router as config
from serving.config.watch import following_config
from serving.curation.endpoints import router as curation
from serving.dashboard.mount import add_dashboard
from serving.database import Database, open_database
from serving.datasets.endpoints import router as datasets
from serving.datasets.importer import ImportRunner
from serving.delivery.deliveries import Deliveries, delivering
from serving.delivery.endpoints import router as delivery
from serving.delivery.setup import DeliverySetup
from serving.docs import add_docs
from serving.error_responses import add_error_handlers
from serving.events.endpoints import router as events
from serving.events.job_watch import POLL_S, JobWatch
from serving.events.loop import Loop
from serving.events.stream import EventStream
from serving.export.endpoints import router as export
from serving.health.endpoints import router as health
from serving.images.endpoints import router as images
from serving.inspections.endpoints import router as inspections
from serving.jobs.prefect import PrefectJobs
from serving.limits.body import BodyLimit
from serving.limits.headers import SecurityHeaders
from serving.limits.hosts import HostCheck
from serving.limits.peers import Peers
from serving.limits.rate import RateLimit
from serving.limits.websocket_token import QueryToken
from serving.live import LiveInspector
from serving.metrics.endpoints import router as metrics_page
from serving.metrics.registry import Metrics
from serving.model_versions.endpoints import router as model_versions
from serving.model_versions.follower import Follower
from serving.model_versions.switch import ModelSwitch
from serving.opcua_status.endpoints import router as opcua_status
from serving.opcua_status.watch import OpcUaWatch
from serving.openapi.document import describe, operation_id
from serving.openvino.endpoints import router as openvino
from serving.openvino.service import LoadedNetworks
from serving.platform import Platform
from serving.query.endpoints import router as query
from serving.query.service import Questions
from serving.query.sources import Sources
from serving.request_log import RequestLog
from serving.review.endpoints import router as review
from serving.segmenter.endpoints import router as segmenter
from serving.segmenter.service import Segmenter
from serving.settings import Settings
from serving.stations.endpoints import router as stations
from serving.statistics.endpoints import router as statistics
from serving.statistics.keeper import TallyKeeper
from serving.statistics.service import Statistics
from serving.storage.endpoints import router as storage
from serving.storage.space_watch import SpaceWatch
from serving.storage.usage import UsageMeter
from serving.training.endpoints import router as training
from serving.users.endpoints import router as users
from serving.version import VERSION

# Each password check takes 64 MiB and a core: two at a time leave the line its takt, the others wait in line
# without holding a thread.
_LOGINS_AT_ONCE = 2
_REGISTRY_CALLS_AT_ONCE = 4
ROUTERS = (
    health,
    auth,
    inspections,
    images,
    stations,
    review,
    segmenter,
    curation,
    datasets,
    batch,
    training,
    model_versions,
    openvino,
    opcua_status,
    storage,
    statistics,
    export,
    alerts,
    query,
    delivery,
    audit,
    config,
    events,
    users,
    api_keys,
    metrics_page,
)


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings; nothing is opened before it starts.

    Args:
        settings: With a signing key (`with_secret_key`).

    Raises:
        ConfigurationError: No signing key, or a setting that cannot be used.
    """
    tokens, metrics, peers = TokenIssuer(settings), Metrics(), Peers(settings.trusted_proxies)
    keys, outward = KeyBook(), DeliverySetup.of(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = open_database(settings)
        try:
            live = await LiveInspector.open(settings, database)
            try:
                app.state.platform = platform = _compose(
                    settings, database, live, tokens, keys, metrics, peers, outward
                )
                platform.questions.start()
                try:
                    # The events begin last and end first: nothing is told by halves.
                    async with (
                        following_config(platform),
                        delivering(platform.deliveries),
                        _following(platform),
                        _importing(platform),
                        _watching_space(platform),
                        _tallying(platform),
                        judging_stations(platform),
                        _publishing(platform),
                    ):
                        yield
                finally:
                    await platform.questions.close()
                    await platform.jobs.close()
            finally:
                await live.close()
        finally:
            await run_in_threadpool(database.close)

    app = FastAPI(
        title="Ussop",
        version=VERSION,
        description="CPU-first visual inspection platform: a picture in, a verdict out.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    add_error_handlers(app, ROUTERS)
    _add_routes(app, settings)
    _add_guards(app, settings, tokens, keys, metrics, peers)
    return app


def _add_routes(app: FastAPI, settings: Settings) -> None:
    """Add the API, the pages that describe it, and the dashboard."""
    for router in ROUTERS:
        app.include_router(router)
    add_docs(app)
    add_dashboard(app, settings)
    describe(app, ROUTERS)


def _compose(
    settings: Settings,
    database: Database,
    live: LiveInspector,
    tokens: TokenIssuer,
    keys: KeyBook,
    metrics: Metrics,
    peers: Peers,
    outward: DeliverySetup,
) -> Platform:
    keys.open(database)
    metrics.watch_queue("writes", lambda: database.writes_waiting)
    metrics.watch_queue("inferences", lambda: live.waiting)
    OpenAlerts(database, metrics.registry)
    if live.model is not None:
        metrics.show_model(live.model.name, live.model.version, live.model.backend)
    networks = LoadedNetworks(settings, live)
    regions = Segmenter(settings, networks, live.media)
    sessions = SessionChecker(database)
    metrics.watch_queue("segmentations", lambda: regions.waiting)
    config_book = ConfigBook(settings, database)
    figures = Statistics(database, lambda: config_book.current.zone, utc_now)
    switch = ModelSwitch(
        live,
        database,
        metrics,
        store=LocalStore(settings.bundles_dir),
        registry_url=f"http://127.0.0.1:{settings.mlflow_port}",
    )
    return Platform(
        settings=settings,
        config=config_book,
        database=database,
        live=live,
        switch=switch,
        imports=ImportRunner(settings, database, live.media),
        jobs=PrefectJobs(f"http://127.0.0.1:{settings.prefect_port}"),
        metrics=metrics,
        tokens=tokens,
        sessions=sessions,
        api_keys=keys,
        auth=AuthService(database, tokens, settings.access_token_minutes * 60),
        login_slots=CapacityLimiter(_LOGINS_AT_ONCE),
        networks=networks,
        segmenter=regions,
        registry_slots=CapacityLimiter(_REGISTRY_CALLS_AT_ONCE),
        peers=peers,
        usage=UsageMeter(settings, database),
        statistics=figures,
        events=EventStream(settings, database, live.links, sessions, keys, figures.figures, metrics),
        questions=Questions(Sources(settings, database, figures, live, switch), metrics),
        deliveries=Deliveries(
            outward.targets(lambda: config_book.current.smtp_least_severity), database, metrics, utc_now
        ),
        opcua=OpcUaWatch(settings, database),
    )


@asynccontextmanager
async def _following(platform: Platform) -> AsyncIterator[None]:
    """Follow the registry's alias, and load what the settings name, within the block."""
    poll_s = platform.settings.model_poll_s
    follower = Follower(platform.switch, platform.database, platform.metrics, poll_s=poll_s)
    follower.start()
    platform.segmenter.start()
    try:
        yield
    finally:
        await follower.stop()
        await platform.segmenter.close()
        platform.switch.close()
        platform.networks.close()


@asynccontextmanager
async def _importing(platform: Platform) -> AsyncIterator[None]:
    """Accept imports of data sets within the block."""
    await run_in_threadpool(platform.imports.recover)
    try:
        yield
    finally:
        await run_in_threadpool(platform.imports.close)


@asynccontextmanager
async def _watching_space(platform: Platform) -> AsyncIterator[None]:
    """Watch the free disk within the block."""
    watch = SpaceWatch(
        platform.settings.media_dir,
        platform.database,
        platform.metrics,
        lambda: platform.config.current.storage_alarm_free_percent,
    )
    watch.start()
    try:
        yield
    finally:
        await watch.stop()


@asynccontextmanager
async def _tallying(platform: Platform) -> AsyncIterator[None]:
    """Count what was inspected, quarter by quarter, within the block."""
    keeper = TallyKeeper(platform.database, platform.statistics.tallied, platform.metrics, utc_now)
    keeper.start()
    try:
        yield
    finally:
        await keeper.stop()


@asynccontextmanager
async def _publishing(platform: Platform) -> AsyncIterator[None]:
    """Tell followers what happens within the block."""
    jobs = Loop("job_watch", JobWatch(platform).look, platform.metrics, delay_s=POLL_S)
    opcua = Loop("opcua_watch", platform.opcua.look, platform.metrics)
    platform.events.start()
    jobs.start()
    opcua.start()
    try:
        yield
    finally:
        await opcua.stop()
        await jobs.stop()
        await platform.events.stop()


def _add_guards(
    app: FastAPI, settings: Settings, tokens: TokenIssuer, keys: KeyBook, metrics: Metrics, peers: Peers
) -> None:
    """Add the middleware. The last one added is the first to see a request."""
    app.add_middleware(BodyLimit, settings=settings, tokens=tokens)
    app.add_middleware(RateLimit, settings=settings, tokens=tokens, keys=keys, peers=peers)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Priority"],
            expose_headers=["Idempotency-Replayed", "Retry-After", "X-Request-ID"],
        )
    app.add_middleware(HostCheck, allowed=(*settings.allowed_hosts, settings.api_host))
    app.add_middleware(RequestLog, metrics=metrics)
    app.add_middleware(SecurityHeaders, peers=peers)
    app.add_middleware(QueryToken)  # before anybody can write a URL down
