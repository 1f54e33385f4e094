"""The audit sample.

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take this step."""
    op.create_table(
        "audit_draws",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("passes", sa.Integer(), nullable=False),
        sa.Column("frame", sa.JSON(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_draws_until", "audit_draws", ["until"])
    op.create_table(
        "audit_draw_items",
        sa.Column("inspection_id", sa.String(36), nullable=False),
        sa.Column("draw_id", sa.String(36), nullable=False),
        sa.Column("item_id", sa.String(36), nullable=True),
        sa.Column("station_id", sa.String(64), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("lot", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["draw_id"], ["audit_draws.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["item_id"], ["review_items.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("inspection_id"),
    )
    op.create_index("ix_audit_draw_items_draw_id", "audit_draw_items", ["draw_id"])
    op.create_index("ix_audit_draw_items_item_id", "audit_draw_items", ["item_id"])


def downgrade() -> None:
    """Take this step back."""
    op.drop_table("audit_draw_items")
    op.drop_table("audit_draws")
