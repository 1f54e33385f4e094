"""Alembic's entry: runs inside `serving.schema` on the connection given there."""

from alembic import context
from sqlmodel import SQLModel

from serving import tables

connection = context.config.attributes["connection"]
assert tables.__all__  # noqa: S101 - the import fills SQLModel.metadata; this keeps it from looking unused

context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
