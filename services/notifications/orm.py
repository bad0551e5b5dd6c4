# pyright: reportAssignmentType=false
# (SQLModel declares __tablename__ as a declared_attr, and takes a plain string all the same)
"""The tables of notifications. They hold what events say: ids, and the content of plans; no person's name or address."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Column, Index, MetaData, String, Table, Text, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.db import AutoInt, Json, UtcDateTime
from shared.kernel import NAMING, Kernel, RegistryTables

metadata = MetaData(naming_convention=NAMING)


class Base(SQLModel, registry=registry(metadata=metadata)):
    """Tables of this service, on a MetaData of its own."""


class FeedLogRow(Base, table=True):
    """The logs that were ever projected; the last is the present one while the bus cannot be asked."""

    __tablename__ = "feed_log"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: int | None = Field(default=None, sa_column=Column(AutoInt, primary_key=True, autoincrement=True))
    log_id: str = Field(sa_column=Column(String(200), nullable=False, unique=True))
    first_seen: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class FeedPositionRow(Base, table=True):
    """How far one partition is projected. Its row lock is what makes feed rows visible in offset order.

    kept_from, kept_since   what lies before was pruned; a cursor from there is a 410
    """

    __tablename__ = "feed_position"

    log_id: str = Field(sa_column=Column(String(200), primary_key=True))
    topic: str = Field(sa_column=Column(String(100), primary_key=True))
    partition: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    next_offset: int = Field(sa_column=Column(AutoInt, nullable=False, autoincrement=False))
    kept_from: int = Field(sa_column=Column(AutoInt, nullable=False, autoincrement=False))
    kept_since: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class FeedRow(Base, table=True):
    """One event as it was projected. `id` orders one batch of reading; it is never a cursor (DESIGN 6).

    label      of the plan when it happened; RED rows are there for the hubs, which re-read the facts, and shown to nobody
    columns    for plans: what the event can be filtered by, and what the plan could be before it
    sides      for alerts, decisions and activities: [{plan, version, partner}]
    document   the structured CloudEvent, without visibility facts and filter columns
    """

    __tablename__ = "feed"
    __table_args__ = (
        UniqueConstraint("log_id", "topic", "partition", "offset"),
        UniqueConstraint("event_id"),
        Index("ix_feed_log_id_time", "log_id", "time"),
        Index("ix_feed_subject_sequence", "subject", "sequence"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, sa_column=Column(AutoInt, primary_key=True, autoincrement=True))
    log_id: str = Field(sa_column=Column(String(200), nullable=False))
    topic: str = Field(sa_column=Column(String(100), nullable=False))
    partition: int
    offset: int = Field(sa_column=Column(AutoInt, nullable=False, autoincrement=False))
    event_id: str = Field(sa_column=Column(String(200), nullable=False))
    subject: str = Field(sa_column=Column(String(64), nullable=False))
    sequence: int = Field(sa_column=Column(AutoInt, nullable=False, autoincrement=False))
    name: str = Field(sa_column=Column(String(100), nullable=False))
    time: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    partner: str | None = Field(default=None, sa_column=Column(String(64)))
    label: str | None = Field(default=None, sa_column=Column(String(20)))
    sides: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(Json))
    columns: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(Json))
    document: str = Field(sa_column=Column(Text, nullable=False))


class PlanFactsRow(Base, table=True):
    """Who may see a plan now, and what it can be filtered by: committed together with the feed row that says so."""

    __tablename__ = "plan_facts"

    plan: str = Field(sa_column=Column(String(64), primary_key=True))
    version: int = Field(sa_column=Column(AutoInt, nullable=False, autoincrement=False))
    owner: str = Field(sa_column=Column(String(64), nullable=False, index=True))
    facts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    columns: dict[str, Any] | None = Field(default=None, sa_column=Column(Json))


class AlertRow(Base, table=True):
    """The present state of an alert (domain.Alert): inboxes are derived from it, not fanned out."""

    __tablename__ = "alert"
    id: str = Field(sa_column=Column(String(64), primary_key=True))
    version: int = Field(sa_column=Column(AutoInt, nullable=False, autoincrement=False))
    status: str = Field(sa_column=Column(String(20), nullable=False))
    kind: str = Field(sa_column=Column(String(20), nullable=False))
    overlap_kind: str | None = Field(default=None, sa_column=Column(String(20)))
    band: str | None = Field(default=None, sa_column=Column(String(20)))
    severity: str | None = Field(default=None, sa_column=Column(String(20)))
    sides: list[dict[str, Any]] = Field(sa_column=Column(Json, nullable=False))
    opened_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    raised_version: int = Field(sa_column=Column(AutoInt, nullable=False, autoincrement=False))
    raised_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    told_version: int = Field(sa_column=Column(AutoInt, nullable=False, autoincrement=False))
    decided_by: str | None = Field(default=None, sa_column=Column(String(64)))
    decided_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class AlertSideRow(Base, table=True):
    """Which plans an alert is about, so that a partner's alerts are found without reading all of them."""

    __tablename__ = "alert_side"

    alert: str = Field(sa_column=Column(String(64), primary_key=True))
    plan: str = Field(sa_column=Column(String(64), primary_key=True, index=True))


class MarkRow(Base, table=True):
    """What a person has done with an alert (domain.Marks)."""

    __tablename__ = "mark"

    person: str = Field(sa_column=Column(String(64), primary_key=True))
    alert: str = Field(sa_column=Column(String(64), primary_key=True))
    seen_version: int = Field(sa_column=Column(AutoInt, nullable=False, autoincrement=False))
    done_version: int = Field(sa_column=Column(AutoInt, nullable=False, autoincrement=False))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class StreamTicketRow(Base, table=True):
    """What opens one stream: by its SHA-256, with what its maker proved (shared.registry.Proof). Used, it is gone."""

    __tablename__ = "stream_ticket"

    hash: str = Field(sa_column=Column(String(64), primary_key=True))
    proof: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    expires_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


kernel = Kernel(metadata)
known = RegistryTables(metadata)


def _table(row: type[Base]) -> Table:
    return cast(Table, row.__table__)  # type: ignore[attr-defined]


feed_log, feed_position, feed = _table(FeedLogRow), _table(FeedPositionRow), _table(FeedRow)
plan_facts, alert, alert_side, mark = _table(PlanFactsRow), _table(AlertRow), _table(AlertSideRow), _table(MarkRow)
stream_ticket = _table(StreamTicketRow)
