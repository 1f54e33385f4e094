"""The tool by which the language model answers: it names figures, and the words are made here."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from serving.query.facts import sentences_of
from serving.query.findings import Finding
from serving.query.refusal import NotInData
from serving.query.remark import unfounded

GIVE_ANSWER: Final = "give_answer"
_LONGEST_ANSWER: Final = 2_000
_Path = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Fact(BaseModel):
    """Figures of one result."""

    model_config = ConfigDict(extra="forbid")

    result: Annotated[int, Field(ge=1, le=100, description="Number of the result, as it says itself")]
    figures: Annotated[
        list[_Path],
        Field(
            min_length=1,
            max_length=12,
            description="Paths of values: failed, by_class.scratch, rows.0.failed, rows.0, first.failed",
        ),
    ]


class GiveAnswer(BaseModel):
    """Answers the question: say which figures of which results answer it, the most important first.

    The sentences are made from them, with station and period. Without facts, the answer is that it is not in the data.
    """

    model_config = ConfigDict(extra="forbid")

    facts: Annotated[list[Fact], Field(max_length=6)]
    picture_remark: Annotated[
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)] | None,
        Field(description="Only after look_at_picture: what it shows, in the question's language, without any number"),
    ] = None


def answer_of(given: dict[str, Any], findings: Sequence[Finding], *, saw_picture: bool) -> str | None:
    """The answer in words; None where nothing is told.

    Raises:
        NotInData: A figure does not exist, or something is said that no figure is the ground of.
    """
    try:
        wanted = GiveAnswer.model_validate(given)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)[:5]
        told = "; ".join(f"{'.'.join(str(step)[:40] for step in p['loc'])}: {p['msg'][:200]}" for p in problems)
        raise NotInData(f"arguments not allowed: {told}") from error
    sentences = []
    for fact in wanted.facts:
        if fact.result > len(findings):
            raise NotInData(f"there is no result {fact.result}")
        sentences.append(sentences_of(findings[fact.result - 1], fact.figures))
    if wanted.picture_remark is not None:
        sentences.append(_remark(wanted.picture_remark, saw_picture=saw_picture))
    answer = " ".join(dict.fromkeys(filter(None, sentences)))
    if len(answer) > _LONGEST_ANSWER:
        raise NotInData("that is too long: name fewer figures")
    return answer or None


def _remark(remark: str, *, saw_picture: bool) -> str:
    if not saw_picture:
        raise NotInData("a remark is for pictures alone, and none was looked at")
    if problems := unfounded(remark):
        told = ", ".join(repr(text[:40]) for text in problems[:8])
        raise NotInData(f"a remark has no numbers, no amounts and no links: leave out {told}")
    shown = "".join(character for character in remark if character.isprintable())
    return f'The language model says of the picture: "{shown}"'
