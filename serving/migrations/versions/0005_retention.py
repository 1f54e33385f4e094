"""Retention: deleted pictures, holds, passes.

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = ("picture_deleted_at", "hold_reason", "held_by", "held_at")


def upgrade() -> None:
    """Take this step."""
    op.add_column("inspections", sa.Column("picture_deleted_at", UTCDateTime(), nullable=True))
    op.add_column("inspections", sa.Column("hold_reason", sa.String(500), nullable=True))
    op.add_column("inspections", sa.Column("held_by", sa.String(64), nullable=True))
    op.add_column("inspections", sa.Column("held_at", UTCDateTime(), nullable=True))
    stored = "picture_deleted_at IS NULL"
    by_age = ["decision", "created_at", "image_bytes", "picture_deleted_at"]
    _create_partial_index("ix_inspections_pictures", by_age, stored)
    _create_partial_index("ix_inspections_failures", ["station_id", "created_at"], f"decision = 'fail' AND {stored}")
    _create_partial_index("ix_inspections_held", ["held_at"], "held_at IS NOT NULL")
    _create_passes()
    op.create_table(
        "picture_removals",
        sa.Column("image_path", sa.String(255), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("image_path"),
    )


def downgrade() -> None:
    """Take this step back."""
    op.drop_table("picture_removals")
    op.drop_table("retention_passes")
    for name in ("held", "failures", "pictures"):
        op.drop_index(f"ix_inspections_{name}", "inspections")
    for name in reversed(_COLUMNS):
        op.drop_column("inspections", name)


def _create_partial_index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "inspections", columns, sqlite_where=where, postgresql_where=where)


def _create_passes() -> None:
    op.create_table(
        "retention_passes",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("allow_more", sa.Boolean(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("cutoffs", sa.JSON(), nullable=False),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("planned_bytes", sa.BigInteger(), nullable=False),
        sa.Column("planned_by_decision", sa.JSON(), nullable=False),
        sa.Column("deleted", sa.Integer(), nullable=False),
        sa.Column("deleted_bytes", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("position", sa.JSON(), nullable=True),
        sa.Column("reason", sa.String(500), nullable=True),
        sa.Column("started_by", sa.String(64), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_retention_passes_state", "retention_passes", ["state"])
    op.create_index("ix_retention_passes_started_at", "retention_passes", ["started_at"])
