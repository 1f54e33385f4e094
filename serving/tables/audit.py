"""The audit log: who did what, when, from where. Rows are added and never changed."""

from datetime import datetime

from sqlmodel import Field, SQLModel, Text


class AuditEntry(SQLModel, table=True):
    """One privileged act. Its MAC covers everything in the row and the MAC of the row before."""

    __tablename__ = "audit_log"

    # Given by us, without holes: a missing number is a deleted entry.
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(index=True)
    actor_kind: str = Field(max_length=16)  # user | api_key | platform | command | anonymous
    actor_id: str = Field(index=True, max_length=64)
    actor_name: str = Field(index=True, max_length=64)
    address: str | None = Field(default=None, max_length=64)
    request_id: str | None = Field(default=None, max_length=64)
    action: str = Field(index=True, max_length=64)
    subject: str = Field(index=True, max_length=200)
    # JSON as text, exactly as the MAC covers it; a JSON column would write it anew.
    before: str | None = Field(default=None, sa_type=Text)
    after: str | None = Field(default=None, sa_type=Text)
    mac: str = Field(max_length=64)
