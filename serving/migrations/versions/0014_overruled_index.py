"""An index of the verdicts that people overruled.

Revision: 0014
Follows: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take this step."""
    overruled = sa.text("overruled_to IS NOT NULL")
    op.create_index(
        "ix_inspections_overruled",
        "inspections",
        ["created_at", "station_id", "decision", "overruled_to"],
        sqlite_where=overruled,
        postgresql_where=overruled,
    )


def downgrade() -> None:
    """Take this step back."""
    op.drop_index("ix_inspections_overruled", "inspections")
