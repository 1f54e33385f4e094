"""What becomes of a question: asked of the backend, within ten seconds, written down."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

import structlog

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.auth.principal import Principal
from serving.errors import QueryDisabled, QueryUnavailable, ServingError
from serving.metrics.registry import Metrics
from serving.query.conversation import Conversation
from serving.query.findings import Finding
from serving.query.language_service import LanguageService
from serving.query.local_answer import answer_locally
from serving.query.metrics import QueryMetrics
from serving.query.prompt import system_prompt
from serving.query.refusal import NOT_IN_DATA
from serving.query.schemas import AnswerOut, Backend, FiguresOut, FiltersOut
from serving.query.sources import Sources
from serving.query.tools import Toolbox

T = TypeVar("T")
_log = structlog.get_logger(__name__)
TIMEOUT_S: Final = 10.0
# So many questions read the database at once, and so many talks are held at once; the others wait.
_THREADS: Final = 2
_TALKS: Final = 8
_KEY_LIKE: Final = re.compile(r"\bsk-[\w-]{8,}")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a backend says.

    Attributes:
        answer: The text.
        is_answer: False for a refusal.
        findings: What it rests on.
        tokens: What it cost.
        pictures: How many left this machine.
    """

    answer: str
    is_answer: bool
    findings: Sequence[Finding] = field(default_factory=tuple)
    tokens: int = 0
    pictures: int = 0


class Questions:
    """Answers questions. Made before the loop runs; `close` ends its threads."""

    def __init__(self, sources: Sources, metrics: Metrics) -> None:
        """Takes what to answer from; nothing is loaded yet."""
        settings = sources.settings
        self._sources = sources
        self._backend: Backend = settings.vlm_backend
        self._is_enabled = settings.vlm_enabled
        self._service = LanguageService(settings)
        self._metrics = QueryMetrics(metrics.registry)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="query")
        self._talks = asyncio.Semaphore(_TALKS)

    def start(self) -> None:
        """Loads what the first question would otherwise wait for, in a thread."""
        if self._is_enabled and self._backend == "anthropic" and self._service.is_configured:
            self._threads.submit(self._load_early)

    async def close(self) -> None:
        """Closes connections and takes no more questions."""
        await self._service.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def answer(self, user: Principal, actor: Actor, question: str) -> AnswerOut:
        """The answer, or the refusal.

        Raises:
            QueryDisabled: Questions are switched off.
            QueryUnavailable: There is no key, or the service fails or is late.
            StorageUnavailable: The database does not answer.
        """
        if not self._is_enabled:
            raise QueryDisabled("questions are switched off (VLM_ENABLED=false)")
        began_s = time.perf_counter()
        outcome, tokens = "error", 0
        try:
            async with asyncio.timeout(TIMEOUT_S):
                found = await self._ask(user, question)
                outcome, tokens = "answered" if found.is_answer else "refused", found.tokens
                await self._write_down(actor, question, found)
        except TimeoutError:
            outcome = QueryUnavailable.code
            raise QueryUnavailable(f"no answer within {TIMEOUT_S:g} s") from None
        except ServingError as error:
            outcome = error.code
            raise
        finally:
            seconds = time.perf_counter() - began_s
            self._metrics.observe(self._backend, outcome, seconds, tokens)
            _log.info("question", backend=self._backend, outcome=outcome, tokens=tokens, seconds=round(seconds, 2))
        return self._to_answer(question, found)

    async def _ask(self, user: Principal, question: str) -> Answered:
        toolbox = Toolbox(self._sources, user)
        if self._backend == "local":
            text, findings = await self._in_thread(partial(answer_locally, question, toolbox))
            return Answered(text, is_answer=bool(findings), findings=findings)
        await self._in_thread(self._service.load)
        system = system_prompt(self._sources.clock(), toolbox.analytics.zone)
        async with self._talks:
            talk = await Conversation(
                self._service, toolbox, self._in_thread, system=system, pictures=self._sources.settings.vlm_pictures
            ).answer(question)
        return Answered(
            answer=NOT_IN_DATA if talk.answer is None else talk.answer,
            is_answer=talk.answer is not None,
            findings=talk.findings,
            tokens=talk.tokens,
            pictures=talk.pictures,
        )

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """The result of `work`. Who gives up waiting leaves the thread at work: there are never more than two."""
        return await asyncio.wrap_future(self._threads.submit(work))

    async def _write_down(self, actor: Actor, question: str, found: Answered) -> None:
        key = self._sources.settings.anthropic_api_key
        asked = question if key is None else question.replace(key.get_secret_value(), "***")
        told = {
            "question": _KEY_LIKE.sub("***", asked),
            "backend": self._backend,
            "answered": found.is_answer,
            "tools": [finding.tool for finding in found.findings],
            "inspections": _ids_of(found.findings),
            "pictures_sent": found.pictures,
            "cost_tokens": found.tokens,
        }
        written = self._sources.database.write(
            partial(record, actor=actor, action="query.asked", subject="query", after=told)
        )
        await asyncio.wrap_future(written)

    def _load_early(self) -> None:
        try:
            self._service.load()
        except ServingError as error:
            _log.warning("language_service_not_loaded", error=str(error))

    def _to_answer(self, question: str, found: Answered) -> AnswerOut:
        return AnswerOut(
            question=question,
            answer=found.answer,
            backend=self._backend,
            answered=found.is_answer,
            figures=[FiguresOut(tool=finding.tool, values=finding.values) for finding in found.findings],
            filters=[FiltersOut(tool=finding.tool, values=finding.filters) for finding in found.findings],
            inspection_ids=_ids_of(found.findings),
        )


def _ids_of(findings: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(inspection_id for finding in findings for inspection_id in finding.inspection_ids))
