"""The talk with the language model about one question: what it may call, how much, and which answer is let through."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from serving.errors import QueryUnavailable
from serving.query.answering import GIVE_ANSWER, GiveAnswer, answer_of
from serving.query.findings import Finding
from serving.query.language_service import LanguageService, size_of
from serving.query.prompt import correction
from serving.query.refusal import NOT_IN_DATA, NotInData
from serving.query.tools import Toolbox
from serving.query.turn import ToolUseBlock, Turn

T = TypeVar("T")
InThread = Callable[[Callable[[], T]], Awaitable[T]]

MOST_TURNS: Final = 6
MOST_CALLS: Final = 8
MOST_PICTURES: Final = 3
MOST_TOKENS: Final = 60_000
_LONGEST_RESULT: Final = 16_000  # characters
_TOKENS_PER_PICTURE: Final = 800  # 768 x 768 pixels / 750. Source: Anthropic's documentation, "Vision"
_CHARACTERS_PER_TOKEN: Final = 4


@dataclass(slots=True)
class Talk:
    """What came of a talk.

    Attributes:
        answer: The text, made of what the model chose; None where it chose nothing that is there.
        findings: What the tools found.
        calls: Tools called, refused calls among them.
        pictures: Pictures sent.
        tokens: Spent, by the service's count or by ours, whichever is more.
        turns: Of the model.
    """

    answer: str | None = None
    findings: list[Finding] = field(default_factory=list)
    calls: int = 0
    pictures: int = 0
    tokens: int = 0
    turns: int = 0


class Conversation:
    """One question, one talk."""

    def __init__(
        self, service: LanguageService, toolbox: Toolbox, in_thread: InThread[Finding], *, system: str, pictures: bool
    ) -> None:
        """Takes whom to ask, what may be called, and where calls run."""
        self.talk = Talk()
        self._service = service
        self._toolbox = toolbox
        self._in_thread = in_thread
        self._system = system
        self._tools = describe(toolbox, pictures=pictures)
        self._messages: list[dict[str, Any]] = []

    async def answer(self, question: str) -> Talk:
        """The talk that ends with an answer or without one.

        Raises:
            QueryUnavailable: The service fails, or calls tools without end.
            StorageUnavailable: The database does not answer.
        """
        self._messages.append({"role": "user", "content": question})
        was_corrected = False
        while True:
            turn, may_call = await self._next_turn()
            given = next((call for call in turn.calls if call.name == GIVE_ANSWER), None)
            if given is None and turn.calls:
                if not may_call:
                    raise QueryUnavailable("the language model used up its budget without an answer")
                self._messages += [turn.to_message(), await self._results(turn.calls)]
                continue
            if given is None and turn.text.startswith(NOT_IN_DATA.rstrip(".")):
                return self.talk
            problem = self._settle(given)
            if not problem or was_corrected or not may_call:
                return self.talk
            was_corrected = True
            self._correct(turn, given, problem)

    def _settle(self, given: ToolUseBlock | None) -> str:
        """Makes the answer of what was given; says what is wrong with it, and makes none then."""
        if given is None:
            return correction(looked_up=bool(self.talk.findings))
        try:
            self.talk.answer = answer_of(given.input, self.talk.findings, saw_picture=self.talk.pictures > 0)
        except NotInData as error:
            return str(error)
        return ""

    def _correct(self, turn: Turn, given: ToolUseBlock | None, problem: str) -> None:
        if turn.content:
            self._messages.append(turn.to_message())
        if given is None:
            self._messages.append({"role": "user", "content": problem})
            return
        told = {call.id: problem if call is given else "not called: there was an answer" for call in turn.calls}
        results = [
            {"type": "tool_result", "tool_use_id": key, "is_error": True, "content": text[:1000]}
            for key, text in told.items()
        ]
        self._messages.append({"role": "user", "content": results})

    async def _next_turn(self) -> tuple[Turn, bool]:
        """The model's next turn, and whether it could call tools."""
        talk = self.talk
        estimate = size_of(self._messages) // _CHARACTERS_PER_TOKEN + talk.pictures * _TOKENS_PER_PICTURE
        may_call = talk.turns < MOST_TURNS - 1 and talk.calls < MOST_CALLS and talk.tokens + 2 * estimate < MOST_TOKENS
        turn = await self._service.ask(
            self._system, self._messages, self._tools, must_call=None if may_call else GIVE_ANSWER
        )
        talk.turns += 1
        talk.tokens += max(estimate, turn.usage.input_tokens + turn.usage.output_tokens)
        return turn, may_call

    async def _results(self, calls: list[ToolUseBlock]) -> dict[str, Any]:
        return {"role": "user", "content": [await self._result(call) for call in calls]}

    async def _result(self, call: ToolUseBlock) -> dict[str, Any]:
        head = {"type": "tool_result", "tool_use_id": call.id}
        try:
            finding = await self._call(call)
        except NotInData as error:
            return head | {"is_error": True, "content": str(error)[:1000]}
        text = _to_text(finding, len(self.talk.findings) + 1)
        content: list[dict[str, Any]] = [{"type": "text", "text": text}]
        if finding.picture is not None:
            data = base64.b64encode(finding.picture).decode()
            source = {"type": "base64", "media_type": "image/jpeg", "data": data}
            content.append({"type": "image", "source": source})
            self.talk.pictures += 1
        self.talk.findings.append(finding)
        return head | {"content": content}

    async def _call(self, call: ToolUseBlock) -> Finding:
        if self.talk.calls >= MOST_CALLS:
            raise NotInData("no more calls: answer with what was found")
        self.talk.calls += 1
        if call.name not in {tool["name"] for tool in self._tools}:
            raise NotInData(f"there is no such tool. Tools: {', '.join(tool['name'] for tool in self._tools)}")
        if call.name == "look_at_picture" and self.talk.pictures >= MOST_PICTURES:
            raise NotInData("no more pictures: answer with what was found")
        finding = await self._in_thread(lambda: self._toolbox.call(call.name, call.input))
        if len(_to_text(finding, MOST_CALLS)) > _LONGEST_RESULT:
            raise NotInData("that is too much at once: ask for a shorter period or fewer rows")
        return finding


def describe(toolbox: Toolbox, *, pictures: bool) -> list[dict[str, Any]]:
    """The tools as the service wants them described: those that this caller may use, and the one that answers."""
    left_out = set() if pictures else {"look_at_picture"}
    if toolbox.analytics.is_restricted:
        left_out.add("list_model_versions")
    described = [
        {"name": name, "description": tool.description, "input_schema": _schema_of(tool.asks.model_json_schema())}
        for name, tool in toolbox.tools.items()
        if name not in left_out
    ]
    answers = {"name": GIVE_ANSWER, "description": (GiveAnswer.__doc__ or "").strip()}
    return [*described, answers | {"input_schema": _schema_of(GiveAnswer.model_json_schema())}]


def _schema_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in {"title", "description"}}


def _to_text(finding: Finding, number: int) -> str:
    return json.dumps(
        {"result": number, "filters": finding.filters, **finding.values}, ensure_ascii=False, separators=(",", ":")
    )
