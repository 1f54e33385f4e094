"""What a backup asks of the database."""

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, update
from sqlmodel import col, select

from serving.clock import utc_now
from serving.tables import Inspection, RefreshToken, ReviewItem


def stored_pictures(connection: Connection) -> set[str]:
    """The paths below the media folder of every picture that must be there."""
    inspected = select(Inspection.image_path).where(col(Inspection.picture_deleted_at).is_(None))
    imported = select(ReviewItem.image_path).where(col(ReviewItem.inspection_id).is_(None))
    return {*connection.execute(inspected).scalars(), *connection.execute(imported).scalars()}


def revision(connection: Connection) -> str:
    """The revision of the tables, empty where there are none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def end_all_sessions(connection: Connection) -> None:
    """Revoke every refresh token: one that was revoked after the backup must not live again."""
    connection.execute(update(RefreshToken).values(revoked_at=utc_now()))
