"""Tallies: what was inspected in each quarter of an hour, counted once, so that nobody has to count it again."""

from datetime import datetime

from sqlmodel import Field, Index, SQLModel, text

_STALE = text("NOT is_current")


class TalliedQuarter(SQLModel, table=True):
    """One quarter of an hour with inspections. It has no row until it is counted or until something in it changes."""

    __tablename__ = "tallied_quarters"
    __table_args__ = (
        Index("ix_tallied_quarters_stale", "start_at", sqlite_where=_STALE, postgresql_where=_STALE),
        {"sqlite_with_rowid": False},
    )

    start_at: datetime = Field(primary_key=True)
    # Raised by whatever changes the quarter afterwards, so that a count begun before is not kept.
    generation: int = 0
    is_current: bool = False


class InspectionTally(SQLModel, table=True):
    """The inspections of one quarter at one station by one version of the model."""

    __tablename__ = "inspection_tallies"
    __table_args__ = {"sqlite_with_rowid": False}

    start_at: datetime = Field(primary_key=True)
    station_id: str = Field(primary_key=True, max_length=64)
    model_version: str = Field(primary_key=True, max_length=64)
    passed: int
    failed: int
    uncertain: int
    # Of parts that were not inspected at the station before.
    first: int
    first_passed: int
    time_ms: float  # of all of them together


class DefectTally(SQLModel, table=True):
    """The defects of one class in one quarter at one station."""

    __tablename__ = "defect_tallies"
    __table_args__ = {"sqlite_with_rowid": False}

    start_at: datetime = Field(primary_key=True)
    station_id: str = Field(primary_key=True, max_length=64)
    class_name: str = Field(primary_key=True, max_length=64)
    defects: int
    measured: int  # of them, those with an area in mm²
    area_mm2: float  # of the measured ones together
