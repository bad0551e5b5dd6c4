"""The tables of notifications: feed, visibility facts, alerts and marks; the kernel's; its read models of partners."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.row_security import own, raised, razed, seen

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Frozen here: what orm.py says later is the business of later migrations.
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
INSTANT = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_SIDES_SEEN = "FROM alert_side AS side JOIN plan_facts AS plan ON plan.plan = side.plan WHERE side.alert = alert.id"
_BULK = "plan.facts ->> 'label' <> 'RED'"
READABLE = {
    "plan_facts": seen("facts"),
    # RED is in no bulk. An event of a plan goes with the plan; one with sides, which carries no content, with any of them
    "feed": f"""label IS DISTINCT FROM 'RED' AND CASE WHEN sides IS NULL
        THEN EXISTS (SELECT FROM plan_facts AS plan WHERE plan.plan = feed.subject AND {_BULK})
        ELSE EXISTS (SELECT FROM plan_facts AS plan WHERE plan.plan = ANY (
            ARRAY(SELECT jsonb_array_elements(feed.sides) ->> 'plan')) AND {_BULK}) END""",  # noqa: S608 - words of ours
    # two sides that are seen, or one that is one's own: the alert may then be a blind one
    "alert": f"""(SELECT count(*) {_SIDES_SEEN}) > 1
        OR EXISTS (SELECT {_SIDES_SEEN} AND {own("plan.owner")} AND NOT (plan.facts ->> 'draft')::boolean)""",
}


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", BIG, autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("overlap_kind", sa.String(length=20), nullable=True),
        sa.Column("band", sa.String(length=20), nullable=True),
        sa.Column("severity", sa.String(length=20), nullable=True),
        sa.Column("sides", JSON, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("raised_version", BIG, autoincrement=False, nullable=False),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.Column("told_version", BIG, autoincrement=False, nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
    )

    op.create_table(
        "alert_side",
        sa.Column("alert", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("alert", "plan", name="pk_alert_side"),
    )
    op.create_index("ix_alert_side_plan", "alert_side", ["plan"])

    op.create_table(
        "applied",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("sequence", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("consumer", "subject", name="pk_applied"),
    )
    op.create_table(
        "audit",
        sa.Column("seq", BIG, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("trace_id", sa.String(length=32), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", BIG, autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
        sa.UniqueConstraint("leaf", name="uq_audit_leaf"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_index(
        "ix_audit_unsealed",
        "audit",
        ["seq"],
        postgresql_where=sa.text("leaf IS NULL"),
        sqlite_where=sa.text("leaf IS NULL"),
    )

    op.create_table(
        "audit_checkpoint",
        sa.Column("size", BIG, autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_audit_checkpoint"),
    )
    op.create_table(
        "audit_key",
        sa.Column("kid", sa.String(length=8), nullable=False),
        sa.Column("verifier", sa.String(length=300), nullable=False),
        sa.Column("used_from", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("kid", name="pk_audit_key"),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("size", BIG, autoincrement=False, nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    op.create_table(
        "audit_tile",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", BIG, autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name="pk_audit_tile"),
    )
    op.create_table(
        "refusal",
        sa.Column("minute", INSTANT, nullable=False),
        sa.Column("principal", sa.String(length=100), nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("status", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "principal", "route", "status", name="pk_refusal"),
    )

    op.create_table(
        "feed",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("log_id", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", BIG, autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("sequence", BIG, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("time", INSTANT, nullable=False),
        sa.Column("partner", sa.String(length=64), nullable=True),
        sa.Column("label", sa.String(length=20), nullable=True),
        sa.Column("sides", JSON, nullable=True),
        sa.Column("columns", JSON, nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feed"),
        sa.UniqueConstraint("event_id", name="uq_feed_event_id"),
        sa.UniqueConstraint("log_id", "topic", "partition", "offset", name="uq_feed_log_id_topic_partition_offset"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feed_log_id_time", "feed", ["log_id", "time"])
    op.create_index("ix_feed_subject_sequence", "feed", ["subject", "sequence"])

    op.create_table(
        "feed_log",
        sa.Column("seq", BIG, autoincrement=True, nullable=False),
        sa.Column("log_id", sa.String(length=200), nullable=False),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_feed_log"),
        sa.UniqueConstraint("log_id", name="uq_feed_log_log_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "feed_position",
        sa.Column("log_id", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_offset", BIG, autoincrement=False, nullable=False),
        sa.Column("kept_from", BIG, autoincrement=False, nullable=False),
        sa.Column("kept_since", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("log_id", "topic", "partition", name="pk_feed_position"),
    )
    op.create_table(
        "idempotency",
        sa.Column("principal", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("principal", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_at", "idempotency", ["at"])

    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name="pk_inbox"),
    )
    op.create_table(
        "known_api_key",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("origins", JSON, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_known_api_key"),
        sa.UniqueConstraint("hash", name="uq_known_api_key_hash"),
    )
    op.create_index("ix_known_api_key_person", "known_api_key", ["person"])

    op.create_table(
        "known_partner",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("acronym", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("programmes", JSON, nullable=False),
        sa.Column("aliases", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_known_partner"),
    )
    op.create_index("ix_known_partner_slug", "known_partner", ["slug"])

    op.create_table(
        "known_person",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partners", JSON, nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("not_before", INSTANT, nullable=True),
        sa.Column("confirmed_until", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_known_person"),
    )
    op.create_table(
        "known_signing_key",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("jwk", JSON, nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("not_after", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_known_signing_key"),
    )
    op.create_table(
        "lease",
        sa.Column("role", sa.String(length=50), nullable=False),
        sa.Column("holder", sa.String(length=100), nullable=False),
        sa.Column("epoch", BIG, autoincrement=False, nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("role", name="pk_lease"),
    )
    op.create_table(
        "mark",
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("alert", sa.String(length=64), nullable=False),
        sa.Column("seen_version", BIG, autoincrement=False, nullable=False),
        sa.Column("done_version", BIG, autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("person", "alert", name="pk_mark"),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", BIG, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("published_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.UniqueConstraint("event_id", name="uq_outbox_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["seq"],
        postgresql_where=sa.text("published_at IS NULL"),
        sqlite_where=sa.text("published_at IS NULL"),
    )

    op.create_table(
        "plan_facts",
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("version", BIG, autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("columns", JSON, nullable=True),
        sa.PrimaryKeyConstraint("plan", name="pk_plan_facts"),
    )
    op.create_index("ix_plan_facts_owner", "plan_facts", ["owner"])

    op.create_table(
        "stream_ticket",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("proof", JSON, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_stream_ticket"),
    )
    op.create_index("ix_stream_ticket_expires_at", "stream_ticket", ["expires_at"])

    if op.get_bind().dialect.name == "postgresql":
        for statement in raised((), READABLE):
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in razed((), READABLE):
            op.get_bind().exec_driver_sql(statement)
    for table in (
        "stream_ticket",
        "plan_facts",
        "outbox",
        "mark",
        "lease",
        "known_signing_key",
        "known_person",
        "known_partner",
        "known_api_key",
        "inbox",
        "idempotency",
        "feed_position",
        "feed_log",
        "feed",
        "refusal",
        "audit_tile",
        "audit_log",
        "audit_key",
        "audit_checkpoint",
        "audit",
        "applied",
        "alert_side",
        "alert",
    ):
        op.drop_table(table)  # with its indexes
