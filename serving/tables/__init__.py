"""Every table, one file per aggregate. Importing this package fills `SQLModel.metadata` for Alembic."""

from serving.tables.alerts import Alert, AlertDelivery
from serving.tables.api_keys import ApiKey
from serving.tables.audit import AuditEntry
from serving.tables.audit_sample import AuditDraw, AuditDrawItem
from serving.tables.batch import BatchJob
from serving.tables.config import ConfigRevision
from serving.tables.datasets import Dataset, DatasetImport, DatasetPicture
from serving.tables.events import OutboxEvent
from serving.tables.inspections import Inspection, InspectionDetection
from serving.tables.review import Annotation, ReviewItem
from serving.tables.stations import Station
from serving.tables.statistics import DefectTally, InspectionTally, TalliedQuarter
from serving.tables.storage import PictureRemoval, RetentionPass
from serving.tables.users import RefreshToken, User

__all__ = [
    "Alert",
    "AlertDelivery",
    "Annotation",
    "ApiKey",
    "AuditDraw",
    "AuditDrawItem",
    "AuditEntry",
    "BatchJob",
    "ConfigRevision",
    "Dataset",
    "DatasetImport",
    "DatasetPicture",
    "DefectTally",
    "Inspection",
    "InspectionDetection",
    "InspectionTally",
    "OutboxEvent",
    "PictureRemoval",
    "RefreshToken",
    "RetentionPass",
    "ReviewItem",
    "Station",
    "TalliedQuarter",
    "User",
]
