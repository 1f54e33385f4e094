"""The language model over the network: the SDK of Anthropic, held so that it can do nothing but ask and be late.

The SDK takes a second or more to import, so it is imported in a thread, and only where it is used.
"""

import json
import threading
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import structlog
from pydantic import ValidationError

from serving.errors import NotInstalled, QueryUnavailable
from serving.query.turn import Turn
from serving.settings import Settings

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_log = structlog.get_logger(__name__)
MOST_TOKENS_PER_TURN: Final = 2048
_LARGEST_ANSWER_BYTES: Final = 512 * 1024
_LONGEST_WAIT_S: Final = 10.0


class LanguageService:
    """Asks the model. `load` blocks and must come first."""

    def __init__(self, settings: Settings) -> None:
        """Takes the settings; nothing is imported or opened."""
        self._settings = settings
        self._client: AsyncAnthropic | None = None
        self._loading = threading.Lock()

    @property
    def is_configured(self) -> bool:
        """Whether there is a key."""
        return self._settings.anthropic_api_key is not None

    def load(self) -> None:
        """Imports the SDK and makes the client.

        Raises:
            NotInstalled: The SDK is not installed.
            QueryUnavailable: There is no key.
        """
        key = self._settings.anthropic_api_key
        if key is None:
            raise QueryUnavailable("questions need ANTHROPIC_API_KEY, or VLM_BACKEND=local", retry_after_s=None)
        with self._loading:
            if self._client is None:
                self._client = self._new_client(key.get_secret_value())

    def _new_client(self, key: str) -> "AsyncAnthropic":
        try:
            from anthropic import AsyncAnthropic  # noqa: PLC0415 - see above
            from httpx2 import AsyncClient, Timeout  # noqa: PLC0415
        except ImportError as error:
            raise NotInstalled("questions need the package `anthropic`, or VLM_BACKEND=local") from error
        return AsyncAnthropic(
            api_key=key,
            base_url=self._settings.anthropic_base_url,
            max_retries=0,  # ten seconds are for one try
            open_telemetry=False,
            http_client=AsyncClient(
                # A redirect would take the key along to wherever it points.
                follow_redirects=False,
                timeout=Timeout(_LONGEST_WAIT_S),
                headers={"Accept-Encoding": "identity"},
                event_hooks={"response": [_bound]},
            ),
        )

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.close()

    async def ask(
        self,
        system: str,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],
        *,
        must_call: str | None,
    ) -> Turn:
        """The model's next turn.

        Args:
            system: Its rules.
            messages: What was said so far.
            tools: What it may call.
            must_call: The one that it must call now; None leaves it the choice.

        Raises:
            QueryUnavailable: The service cannot be reached, refuses, is late, or answers nonsense.
        """
        if self._client is None:
            raise QueryUnavailable("the language service is not loaded yet")
        from anthropic import APIStatusError, APITimeoutError, APIError  # noqa: I001, PLC0415 - loaded by now

        create = cast("Any", self._client.messages.with_raw_response.create)
        try:
            answer = await create(
                model=self._settings.vlm_model,
                max_tokens=MOST_TOKENS_PER_TURN,
                system=system,
                messages=list(messages),
                tools=list(tools),
                tool_choice={"type": "auto"} if must_call is None else {"type": "tool", "name": must_call},
            )
            return Turn.model_validate_json(answer.http_response.content)
        # What the service says of a failure may repeat what it was sent: neither caller nor log gets it.
        except APIStatusError as error:
            _log.warning("language_service_refused", status=error.status_code)
            raise QueryUnavailable(f"the language service answered {error.status_code}") from None
        except APITimeoutError:
            raise QueryUnavailable("the language service is late") from None
        except APIError as error:
            _log.warning("language_service_failed", kind=type(error).__name__, cause=type(error.__cause__).__name__)
            raise QueryUnavailable("the language service cannot be reached") from None
        except ValidationError as error:
            _log.warning("language_service_talks_nonsense", problems=error.error_count())
            raise QueryUnavailable("the language service gave no usable answer") from None


def size_of(messages: Sequence[dict[str, Any]]) -> int:
    """The number of characters of all messages, pictures left out."""
    return sum(len(json.dumps(_without_pictures(message))) for message in messages)


def _without_pictures(value: Any) -> Any:
    if isinstance(value, dict):
        return {} if value.get("type") == "image" else {key: _without_pictures(inner) for key, inner in value.items()}
    return [_without_pictures(inner) for inner in value] if isinstance(value, list) else value


class _TooLarge(Exception):  # noqa: N818 - never leaves this module
    """Ends the reading of an answer."""


async def _bound(response: Any) -> None:
    """Lets no answer grow beyond what an answer needs, packed or not."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise _TooLarge
    response.stream = _bounded_stream(response.stream)


def _bounded_stream(stream: Any) -> Any:
    from httpx2 import AsyncByteStream  # noqa: PLC0415 - loaded by now

    class Bounded(AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = _LARGEST_ANSWER_BYTES
            async for chunk in stream:
                left -= len(chunk)
                if left < 0:
                    raise _TooLarge
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()
