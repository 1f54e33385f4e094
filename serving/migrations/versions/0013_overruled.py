"""Verdicts that people overruled.

Revision: 0013
Follows: 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0013"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take this step."""
    op.add_column("inspections", sa.Column("overruled_to", sa.String(16), nullable=True))
    op.add_column("inspections", sa.Column("overrule_reason", sa.String(500), nullable=True))
    op.add_column("inspections", sa.Column("overruled_by", sa.String(64), nullable=True))
    op.add_column("inspections", sa.Column("overruled_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    """Take this step back."""
    for name in ("overruled_at", "overruled_by", "overrule_reason", "overruled_to"):
        op.drop_column("inspections", name)
