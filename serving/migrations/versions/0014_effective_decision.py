"""Indexes of the verdicts that hold, and of those that people overruled.

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
    effective = sa.text("coalesce(overruled_to, decision)")
    op.create_index("ix_inspections_effective", "inspections", [effective, "created_at"])
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
    op.drop_index("ix_inspections_effective", "inspections")
