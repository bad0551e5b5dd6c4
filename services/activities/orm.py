# pyright: reportAssignmentType=false
# (SQLModel declares __tablename__ as a declared_attr, and takes a plain string all the same)
"""The tables of this service. A plan's present version, its history, what matching reads, and what people decided."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Optional

from sqlalchemy import BigInteger, Column, Date, Index, Integer, LargeBinary, MetaData, String, text
from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel

from shared.db import AutoInt, Json, UtcDateTime
from shared.kernel import NAMING, Kernel, RegistryTables

metadata = MetaData(naming_convention=NAMING)
kernel = Kernel(metadata)
known = RegistryTables(metadata)


class Base(SQLModel, registry=registry(metadata=metadata)):
    """One registry per service, so that autogenerate sees this service's tables only."""


class PlanRow(Base, table=True):
    """The present version. `facts` says who may see it (shared.visibility.Facts), for row level security (ADR 0016).

    `features` is the packed row that matching compares (services/activities/matching), `number` the plan as that row and
    `plan_key` name it (`codes.signed64` of the id), `cluster` the key of the group that the plan fell into last, `matched`
    the version that had its turn in the lane last; all kept by this service alone.
    """

    __tablename__ = "plan"

    id: str = Field(sa_column=Column(String(64), primary_key=True))
    number: int = Field(sa_column=Column(BigInteger, nullable=False, unique=True))
    version: int
    owner: str = Field(sa_column=Column(String(64), nullable=False, index=True))
    posted_by: str = Field(sa_column=Column(String(64), nullable=False))
    claimed: bool
    tlp: str = Field(sa_column=Column(String(20), nullable=False))
    status: str = Field(sa_column=Column(String(20), nullable=False))
    type: str = Field(sa_column=Column(String(40), nullable=False))
    mode: str | None = Field(default=None, sa_column=Column(String(20)))
    start: date | None = Field(default=None, sa_column=Column(Date, index=True))
    end: date | None = Field(default=None, sa_column=Column(Date))
    content: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    facts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    activity: str = Field(sa_column=Column(String(64), nullable=False, index=True))
    home: str = Field(sa_column=Column(String(64), nullable=False))
    cluster: str = Field(sa_column=Column(String(64), nullable=False, index=True))
    matched: int = 0
    features: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    checked: str = Field(sa_column=Column(String(60), nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class PlanVersionRow(Base, table=True):
    """Every version a plan ever had, with who made it and how; `facts` as of then."""

    __tablename__ = "plan_version"
    __table_args__ = (Index("ix_plan_version_posted", "owner", "at"),)

    plan: str = Field(sa_column=Column(String(64), primary_key=True))
    version: int = Field(sa_column=Column(AutoInt, primary_key=True, autoincrement=False))
    owner: str = Field(sa_column=Column(String(64), nullable=False))
    action: str = Field(sa_column=Column(String(40), nullable=False))
    actor: str = Field(sa_column=Column(String(64), nullable=False))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    changed: list[str] = Field(sa_column=Column(Json, nullable=False))
    content: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    facts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class PlanTagRow(Base, table=True):
    """What lists filter by: (kind, value) of country, theme, audience, partner; `named` narrows who may see it."""

    __tablename__ = "plan_tag"

    kind: str = Field(sa_column=Column(String(10), primary_key=True))
    value: str = Field(sa_column=Column(String(64), primary_key=True))
    plan: str = Field(sa_column=Column(String(64), primary_key=True, index=True))


class PlanKeyRow(Base, table=True):
    """What a plan is found by, day by day (matching/candidates.py). `plan` is its number: of some thousand rows that a turn
    reads nearly all are of plans that it then leaves aside, and a text is five times as long and slower to sort."""

    __tablename__ = "plan_key"

    key: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    day: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    plan: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False, index=True))


class RereadRow(Base, table=True):
    """A plan that waits for another turn in the lane (handlers/timers.py): it names an organisation whose names changed, so
    its features are to be read again; or, with `rescore`, it is matched by other rules or weights than before."""

    __tablename__ = "reread"

    plan: str = Field(sa_column=Column(String(64), primary_key=True))
    rescore: bool = False


class WeightsRow(Base, table=True):
    """A table of weights that was installed; the newest is in force. `digest` names its content."""

    __tablename__ = "weights"

    version: str = Field(sa_column=Column(String(64), primary_key=True))
    digest: str = Field(sa_column=Column(String(32), nullable=False))
    document: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    reason: str | None = None
    installed_by: str = Field(sa_column=Column(String(64), nullable=False))
    installed_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class MatchedByRow(Base, table=True):
    """What the holder of an office (shared/leases.py) matches by: its overlap rules and its release, as one digest."""

    __tablename__ = "matched_by"

    office: str = Field(sa_column=Column(String(20), primary_key=True))
    digest: str = Field(sa_column=Column(String(32), nullable=False))


class MatchRow(Base, table=True):
    """A pair that may be the same activity, `a` < `b`, with its explanation."""

    __tablename__ = "match"

    a: str = Field(sa_column=Column(String(64), primary_key=True))
    b: str = Field(sa_column=Column(String(64), primary_key=True, index=True))
    score: int
    band: str = Field(sa_column=Column(String(20), nullable=False))
    in_house: bool
    document: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class AlertRow(Base, table=True):
    """An alert. `groups` are the activities it is between; `first_for` says of each plan which partners met it first by this
    alert (MetRow); `why` is its explanation, None also where the reader does not see all sides."""

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "ix_alert_due",
            "due_at",
            postgresql_where=text("due_at IS NOT NULL"),
            sqlite_where=text("due_at IS NOT NULL"),
        ),
    )

    id: str = Field(sa_column=Column(String(64), primary_key=True))
    version: int
    kind: str = Field(sa_column=Column(String(20), nullable=False))
    overlap_kind: str | None = Field(default=None, sa_column=Column(String(20)))
    status: str = Field(sa_column=Column(String(20), nullable=False, index=True))
    reason: str | None = Field(default=None, sa_column=Column(String(60)))
    band: str | None = Field(default=None, sa_column=Column(String(20)))
    probability: float | None = None
    severity: int | None = None
    capped: bool = False
    groups: list[list[str]] = Field(sa_column=Column(Json, nullable=False))
    versions: dict[str, int] = Field(sa_column=Column(Json, nullable=False))
    first_for: dict[str, list[str]] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    fingerprint: str = Field(sa_column=Column(String(64), nullable=False))
    due_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    opened_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    why: Optional["AlertTextRow"] = Relationship(
        sa_relationship_kwargs={
            "lazy": "joined", "uselist": False, "cascade": "all", "primaryjoin": "AlertRow.id == foreign(AlertTextRow.alert)"
        }
    )  # fmt: skip

    @property
    def texts(self) -> Mapping[str, Any]:
        return self.why.texts if self.why else {}

    @property
    def group_of(self) -> dict[str, int]:
        """Which of an overlap's two activities each plan is a posting of; 0 for every plan of a duplicate."""
        return {plan: index for index, plans in enumerate(self.groups) for plan in plans}


class AlertTextRow(Base, table=True):
    """What of an alert only full sight of all its sides may read: the sentence, the explanation, what would change it."""

    __tablename__ = "alert_text"

    alert: str = Field(sa_column=Column(String(64), primary_key=True))
    texts: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))


class AlertSideRow(Base, table=True):
    __tablename__ = "alert_side"

    plan: str = Field(sa_column=Column(String(64), primary_key=True))
    alert: str = Field(sa_column=Column(String(64), primary_key=True, index=True))


class MetRow(Base, table=True):
    """By which alert a partner's plans first met somebody else's plan: a hidden one is told of by that alert alone.

    Kept when the alert closes and when plans move away, or a second look could be had by posting again.
    """

    __tablename__ = "met"

    partner: str = Field(sa_column=Column(String(64), primary_key=True))
    plan: str = Field(sa_column=Column(String(64), primary_key=True))
    alert: str = Field(sa_column=Column(String(64), nullable=False))


class DecisionRow(Base, table=True):
    """A decision, reversible for ever. `pairs` are the plan pairs it settled."""

    __tablename__ = "decision"

    id: str = Field(sa_column=Column(String(64), primary_key=True))
    version: int
    alert: str = Field(sa_column=Column(String(64), nullable=False, index=True))
    verdict: str = Field(sa_column=Column(String(20), nullable=False))
    made_by: str = Field(sa_column=Column(String(64), nullable=False))
    made_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    reason: str | None = None
    until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    pairs: list[list[str]] = Field(sa_column=Column(Json, nullable=False))
    versions: dict[str, int] = Field(sa_column=Column(Json, nullable=False))
    fingerprint: str = Field(sa_column=Column(String(64), nullable=False))
    activity: str | None = Field(default=None, sa_column=Column(String(64)))
    reversed_by: str | None = Field(default=None, sa_column=Column(String(64)))
    reversed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    reversal_reason: str | None = None


class VerdictRow(Base, table=True):
    """What people said of a pair, `a` < `b`, and what it was said of (the pair's fingerprint).

    A `distinct` holds as long as the fingerprint does: nobody is asked again unless what was decided on has changed.
    """

    __tablename__ = "verdict"

    kind: str = Field(sa_column=Column(String(20), primary_key=True))
    a: str = Field(sa_column=Column(String(64), primary_key=True))
    b: str = Field(sa_column=Column(String(64), primary_key=True, index=True))
    verdict: str = Field(sa_column=Column(String(20), nullable=False))
    fingerprint: str = Field(sa_column=Column(String(64), nullable=False))
    decision: str = Field(sa_column=Column(String(64), primary_key=True, index=True))


class ActivityRow(Base, table=True):
    """A joint activity: only those with two plans or more (or that had) have a row."""

    __tablename__ = "activity"

    id: str = Field(sa_column=Column(String(64), primary_key=True))
    version: int
    plans: list[str] = Field(sa_column=Column(Json, nullable=False))
    joint: bool
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
