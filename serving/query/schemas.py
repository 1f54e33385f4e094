"""What questions and answers look like on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

LONGEST_QUESTION = 500
Backend = Literal["anthropic", "local"]


class QuestionIn(BaseModel):
    """A question."""

    model_config = ConfigDict(extra="forbid")

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_QUESTION)]


class FiguresOut(BaseModel):
    """What one look into the data brought."""

    tool: str
    values: dict[str, Any]


class FiltersOut(BaseModel):
    """What was looked for, as it was understood: station, beginning and end of the period, and so on."""

    tool: str
    values: dict[str, Any]


class AnswerOut(BaseModel):
    """An answer with what it rests on. Text of `answer` is plain text, never markup."""

    question: str
    answer: str
    backend: Backend
    answered: bool
    """False where the question was turned down: what it asks for is not in the data."""
    figures: list[FiguresOut]
    filters: list[FiltersOut]
    """One for each of `figures`, in the same order."""
    inspection_ids: list[str]
    """The inspections that were looked at one by one."""
