"""`/api/v1/query`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import require
from serving.auth.principal import Principal
from serving.platform import PlatformDep
from serving.query.schemas import AnswerOut, QuestionIn

router = APIRouter(prefix="/api/v1", tags=["query"])


@router.post("/query")
async def ask(
    platform: PlatformDep,
    user: Annotated[Principal, Depends(require("viewer"))],
    actor: CurrentActor,
    asked: QuestionIn,
) -> AnswerOut:
    """A question in plain language, answered from what was counted, with the figures it rests on."""
    return await platform.questions.answer(user, actor, asked.question)
