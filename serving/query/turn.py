"""One turn of the language model, taken for what it is: text from a stranger."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_MOST_BLOCKS = 24


class TextBlock(BaseModel):
    """Text."""

    type: Literal["text"]
    text: str


class ToolUseBlock(BaseModel):
    """The wish that a tool be called."""

    type: Literal["tool_use"]
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    input: dict[str, Any]


class ThinkingBlock(BaseModel):
    """What the model thought; it wants that back unchanged."""

    model_config = ConfigDict(extra="allow")

    type: Literal["thinking", "redacted_thinking"]


Block = Annotated[TextBlock | ToolUseBlock | ThinkingBlock, Field(discriminator="type")]


class Usage(BaseModel):
    """Tokens, as the service counts them."""

    input_tokens: Annotated[int, Field(ge=0)] = 0
    output_tokens: Annotated[int, Field(ge=0)] = 0


class Turn(BaseModel):
    """An answer of the service. Whatever else is in it is not looked at."""

    content: Annotated[list[Block], Field(max_length=_MOST_BLOCKS)]
    stop_reason: str | None = None
    usage: Usage = Usage()

    @property
    def calls(self) -> list[ToolUseBlock]:
        """The tools that it wants called."""
        return [block for block in self.content if isinstance(block, ToolUseBlock)]

    @property
    def text(self) -> str:
        """Its text, without characters that cannot be seen."""
        text = "\n".join(block.text for block in self.content if isinstance(block, TextBlock))
        return "".join(c for c in text if c.isprintable() or c == "\n").strip()

    def to_message(self) -> dict[str, Any]:
        """The turn as it is said back to the service."""
        blocks = [block.model_dump() for block in self.content]
        return {"role": "assistant", "content": [block for block in blocks if block.get("text") != ""]}
