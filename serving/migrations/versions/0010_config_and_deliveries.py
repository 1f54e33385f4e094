"""Revisions of the configuration; deliveries of alerts.

Revision: 0010
Follows: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take this step."""
    op.create_table(
        "config_revisions",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.Column("overrides", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("reverted_to", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("version"),
    )
    op.add_column("alerts", sa.Column("delivery_stage", sa.Integer(), nullable=False, server_default="0"))
    # Nobody wants to hear of what was over before anybody could be told.
    op.execute("UPDATE alerts SET delivery_stage = 2 WHERE resolved_at IS NOT NULL")
    with op.batch_alter_table("alerts") as alerts:
        alerts.alter_column("delivery_stage", server_default=None)
    unplanned = sa.text("delivery_stage < 2")
    op.create_index(
        "ix_alerts_undelivered", "alerts", ["created_at"], sqlite_where=unplanned, postgresql_where=unplanned
    )
    _create_deliveries()


def downgrade() -> None:
    """Take this step back."""
    op.drop_table("alert_deliveries")
    op.drop_index("ix_alerts_undelivered", "alerts")
    op.drop_column("alerts", "delivery_stage")
    op.drop_table("config_revisions")


def _create_deliveries() -> None:
    op.create_table(
        "alert_deliveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alert_id", sa.String(36), nullable=False),
        sa.Column("dedupe_key", sa.String(160), nullable=False),
        sa.Column("target", sa.String(280), nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("alert", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", UTCDateTime(), nullable=False),
        sa.Column("last_error", sa.String(500), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    for column in ("alert_id", "state", "created_at"):
        op.create_index(f"ix_alert_deliveries_{column}", "alert_deliveries", [column])
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_alert_deliveries_due",
        "alert_deliveries",
        ["target", "next_try_at"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
