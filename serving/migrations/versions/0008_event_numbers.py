"""Numbers of events that do not run out: PostgreSQL's INTEGER ends after 497 days of fifty events a second.

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take this step."""
    if op.get_bind().dialect.name == "postgresql":  # SQLite's INTEGER has 64 bits
        op.alter_column("events", "seq", type_=sa.BigInteger())
        op.execute("ALTER SEQUENCE events_seq_seq AS bigint")


def downgrade() -> None:
    """Take this step back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER SEQUENCE events_seq_seq AS integer")
        op.alter_column("events", "seq", type_=sa.Integer())
