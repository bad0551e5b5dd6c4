"""The tables that every service has, built on the service's own MetaData: outbox, inbox, leases, idempotency keys,
the audit, and the read models that `partners.v1` feeds (who is known, with which keys).

They are plain SQLAlchemy tables, not SQLModel classes: a service's `orm.py` calls `Kernel(metadata)` and owns them.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from shared.audit.tables import AuditTables
from shared.db import AutoInt, Json, UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraint names that alembic can find again on both databases."""


class Kernel:
    """The kernel's tables on `metadata`.

    outbox       facts to publish; `published_at IS NULL` is the relay's whole work list, read in order of `seq`
    inbox        (consumer, event) pairs whose effect is committed
    applied      the last `sequence` a consumer applied per subject
    lease        who leads in which role until when, with an epoch that fences
    idempotency  the first answer to a POST with a key, for 24 hours
    audit        one plain row per effect, written in the effect's own transaction; ids only, no names
    auditing     the audit with what makes it checkable (shared/audit)
    """

    def __init__(self, metadata: MetaData) -> None:
        self.outbox = Table(
            "outbox",
            metadata,
            Column("seq", AutoInt, primary_key=True, autoincrement=True),
            Column("event_id", String(64), nullable=False, unique=True),
            Column("topic", String(100), nullable=False),
            Column("key", String(64), nullable=False),
            Column("value", LargeBinary, nullable=False),
            Column("headers", Json, nullable=False),
            Column("created_at", UtcDateTime, nullable=False),
            Column("published_at", UtcDateTime),
            Index(
                "ix_outbox_unpublished",
                "seq",
                postgresql_where=text("published_at IS NULL"),
                sqlite_where=text("published_at IS NULL"),
            ),
            sqlite_autoincrement=True,
        )
        self.inbox = Table(
            "inbox",
            metadata,
            Column("consumer", String(100), primary_key=True),
            Column("event_id", String(200), primary_key=True),
            Column("at", UtcDateTime, nullable=False),
        )
        self.applied = Table(
            "applied",
            metadata,
            Column("consumer", String(100), primary_key=True),
            Column("subject", String(64), primary_key=True),
            Column("sequence", AutoInt, nullable=False, autoincrement=False),
        )
        self.lease = Table(
            "lease",
            metadata,
            Column("role", String(50), primary_key=True),
            Column("holder", String(100), nullable=False),
            Column("epoch", AutoInt, nullable=False, autoincrement=False),
            Column("until", Double, nullable=False),
        )
        self.idempotency = Table(
            "idempotency",
            metadata,
            Column("principal", String(100), primary_key=True),
            Column("key", String(200), primary_key=True),
            Column("fingerprint", String(64), nullable=False),
            Column("status", Integer, nullable=False),
            Column("headers", Json, nullable=False),
            Column("body", Text, nullable=False),
            Column("at", UtcDateTime, nullable=False, index=True),
        )
        self.auditing = AuditTables(metadata)
        self.audit = self.auditing.rows


class RegistryTables:
    """What the other services know of partners, from `partners.v1` alone: it survives restarts and a partners outage."""

    def __init__(self, metadata: MetaData) -> None:
        self.partner = Table(
            "known_partner",
            metadata,
            Column("id", String(64), primary_key=True),
            Column("version", Integer, nullable=False),
            Column("slug", String(100), nullable=False, index=True),
            Column("name", String(500), nullable=False),
            Column("acronym", String(100)),
            Column("status", String(20), nullable=False),
            Column("programmes", Json, nullable=False),
            Column("aliases", Json, nullable=False),
        )
        self.person = Table(
            "known_person",
            metadata,
            Column("id", String(64), primary_key=True),
            Column("version", Integer, nullable=False),
            Column("partners", Json, nullable=False),
            Column("roles", Json, nullable=False),
            Column("scope", Json, nullable=False),
            Column("active", Boolean, nullable=False),
            Column("not_before", UtcDateTime),
            Column("confirmed_until", UtcDateTime),
        )
        self.api_key = Table(
            "known_api_key",
            metadata,
            Column("id", String(64), primary_key=True),
            Column("version", Integer, nullable=False),
            Column("hash", String(64), nullable=False),
            Column("person", String(64), nullable=False, index=True),
            Column("scopes", Json, nullable=False),
            Column("origins", Json, nullable=False),
            Column("expires_at", UtcDateTime),
            Column("revoked", Boolean, nullable=False),
            Column("used_at", UtcDateTime),
            UniqueConstraint("hash"),
        )
        self.signing_key = Table(
            "known_signing_key",
            metadata,
            Column("id", String(64), primary_key=True),
            Column("version", Integer, nullable=False),
            Column("jwk", Json, nullable=False),
            Column("not_before", UtcDateTime, nullable=False),
            Column("not_after", UtcDateTime),
        )
