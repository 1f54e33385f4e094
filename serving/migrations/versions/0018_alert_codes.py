"""What alerts say, for machines: a code and its figures.

Revision: 0018
Follows: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take this step. Alerts of before keep their English text alone."""
    op.add_column("alerts", sa.Column("code", sa.String(40), nullable=True))
    op.add_column("alerts", sa.Column("params", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("alerts", sa.Column("ended_code", sa.String(40), nullable=True))


def downgrade() -> None:
    """Take this step back."""
    for name in ("ended_code", "params", "code"):
        op.drop_column("alerts", name)
