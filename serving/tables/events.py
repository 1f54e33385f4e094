"""The outbox: what happened, in the order in which it was committed, for followers to read by `seq`."""

from datetime import datetime
from typing import Any

from sqlmodel import JSON, BigInteger, Column, Field, Integer, SQLModel


class OutboxEvent(SQLModel, table=True):
    """One event, written in the transaction of the thing that it tells of."""

    __tablename__ = "events"
    __table_args__ = {"sqlite_autoincrement": True}  # a seq is never handed out twice, also after deletes

    # Only as INTEGER does SQLite count by itself, and there it has 64 bits too.
    seq: int | None = Field(default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite"))
    type: str = Field(index=True, max_length=32)
    created_at: datetime
    data: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
