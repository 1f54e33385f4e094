"""Every table, one file per aggregate. Importing this package fills `SQLModel.metadata` for Alembic."""

from serving.tables.alerts import Alert
from serving.tables.events import OutboxEvent
from serving.tables.inspections import Inspection, InspectionDetection
from serving.tables.stations import Station
from serving.tables.users import RefreshToken, User

__all__ = ["Alert", "Inspection", "InspectionDetection", "OutboxEvent", "RefreshToken", "Station", "User"]
