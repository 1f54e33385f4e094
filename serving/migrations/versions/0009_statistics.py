"""Tallies per quarter of an hour; wider indices on inspections, from which they are counted.

Revision: 0009
Follows: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BY_TIME = ("created_at", "id", "station_id", "decision", "model_version", "part_id", "total_time_ms")


def upgrade() -> None:
    """Take this step."""
    op.drop_index("ix_inspections_created_at", "inspections")
    op.drop_index("ix_inspections_part_id", "inspections")
    op.create_index("ix_inspections_time", "inspections", list(_BY_TIME))
    op.create_index("ix_inspections_part", "inspections", ["part_id", "station_id", "created_at", "id"])
    op.create_table(
        "tallied_quarters",
        sa.Column("start_at", UTCDateTime(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("start_at"),
        sqlite_with_rowid=False,
    )
    stale = sa.text("NOT is_current")
    op.create_index(
        "ix_tallied_quarters_stale", "tallied_quarters", ["start_at"], sqlite_where=stale, postgresql_where=stale
    )
    op.create_table(
        "inspection_tallies",
        sa.Column("start_at", UTCDateTime(), nullable=False),
        sa.Column("station_id", sa.String(64), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("uncertain", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("first_passed", sa.Integer(), nullable=False),
        sa.Column("time_ms", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("start_at", "station_id", "model_version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "defect_tallies",
        sa.Column("start_at", UTCDateTime(), nullable=False),
        sa.Column("station_id", sa.String(64), nullable=False),
        sa.Column("class_name", sa.String(64), nullable=False),
        sa.Column("defects", sa.Integer(), nullable=False),
        sa.Column("measured", sa.Integer(), nullable=False),
        sa.Column("area_mm2", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("start_at", "station_id", "class_name"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take this step back."""
    for name in ("defect_tallies", "inspection_tallies", "tallied_quarters"):
        op.drop_table(name)
    op.drop_index("ix_inspections_part", "inspections")
    op.drop_index("ix_inspections_time", "inspections")
    op.create_index("ix_inspections_part_id", "inspections", ["part_id"])
    op.create_index("ix_inspections_created_at", "inspections", ["created_at"])
