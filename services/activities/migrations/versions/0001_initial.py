"""The first schema: plans and their history, side tables for matching, alerts, decisions, activities, the kernel.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

from shared.db import AutoInt, Json, UtcDateTime
from shared.row_security import SOMEBODY, own, raised, razed, seen

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Plans that the reader sees: what is asked of `plan` below is itself under the policy of `plan`.
_SIDES_SEEN = "FROM alert_side AS side JOIN plan ON plan.id = side.plan WHERE side.alert = alert.id"
READABLE = {
    "plan": seen("facts"),
    "plan_tag": "EXISTS (SELECT FROM plan WHERE plan.id = plan_tag.plan)",
    # who sees the plan now, and could have seen this version then
    "plan_version": f"""EXISTS (SELECT FROM plan WHERE plan.id = plan_version.plan
        AND {seen("plan_version.facts", owner="plan.owner", poster="plan.posted_by")})""",
    # two sides that are seen, or one that is one's own: the alert may then be a blind one
    "alert": f"""(SELECT count(*) {_SIDES_SEEN}) > 1
        OR EXISTS (SELECT {_SIDES_SEEN} AND {own("plan.owner")} AND plan.status <> 'draft')""",
    "alert_text": f"""{SOMEBODY} AND NOT EXISTS (SELECT FROM alert_side AS side WHERE side.alert = alert_text.alert
        AND NOT EXISTS (SELECT FROM plan WHERE plan.id = side.plan))""",  # noqa: S608 - words of ours
    "decision": f"""{SOMEBODY} AND NOT EXISTS (SELECT FROM jsonb_object_keys(versions) AS about (plan)
        WHERE NOT EXISTS (SELECT FROM plan WHERE plan.id = about.plan))""",  # noqa: S608
    "activity": "(SELECT count(*) FROM plan WHERE plan.activity = activity.id) > 1",
}
CLOSED = ("plan_key", "match", "met", "verdict", "outbox", "idempotency")


def upgrade() -> None:

    op.create_table(
        "activity",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("plans", Json, nullable=False),
        sa.Column("joint", sa.Boolean(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("overlap_kind", sa.String(length=20), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("band", sa.String(length=20), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("severity", sa.Integer(), nullable=True),
        sa.Column("capped", sa.Boolean(), nullable=False),
        sa.Column("groups", Json, nullable=False),
        sa.Column("versions", Json, nullable=False),
        sa.Column("first_for", Json, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alert_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("due_at IS NOT NULL"),
            sqlite_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_alert_status"), ["status"], unique=False)

    op.create_table(
        "alert_side",
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("alert", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("plan", "alert", name=op.f("pk_alert_side")),
    )
    with op.batch_alter_table("alert_side", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_side_alert"), ["alert"], unique=False)

    op.create_table(
        "alert_text",
        sa.Column("alert", sa.String(length=64), nullable=False),
        sa.Column("texts", Json, nullable=False),
        sa.PrimaryKeyConstraint("alert", name=op.f("pk_alert_text")),
    )
    op.create_table(
        "met",
        sa.Column("partner", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("alert", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("partner", "plan", name=op.f("pk_met")),
    )
    op.create_table(
        "applied",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("sequence", AutoInt, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("consumer", "subject", name=op.f("pk_applied")),
    )
    op.create_table(
        "audit",
        sa.Column("seq", AutoInt, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("trace_id", sa.String(length=32), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", AutoInt, autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        sa.UniqueConstraint("leaf", name=op.f("uq_audit_leaf")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_subject"), ["subject"], unique=False)
        batch_op.create_index(
            "ix_audit_unsealed",
            ["seq"],
            unique=False,
            postgresql_where=sa.text("leaf IS NULL"),
            sqlite_where=sa.text("leaf IS NULL"),
        )

    op.create_table(
        "audit_checkpoint",
        sa.Column("size", AutoInt, autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_audit_checkpoint"),
    )
    op.create_table(
        "audit_key",
        sa.Column("kid", sa.String(length=8), nullable=False),
        sa.Column("verifier", sa.String(length=300), nullable=False),
        sa.Column("used_from", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kid", name="pk_audit_key"),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("size", AutoInt, autoincrement=False, nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    op.create_table(
        "audit_tile",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", AutoInt, autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name="pk_audit_tile"),
    )
    op.create_table(
        "refusal",
        sa.Column("minute", UtcDateTime(), nullable=False),
        sa.Column("principal", sa.String(length=100), nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("status", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "principal", "route", "status", name="pk_refusal"),
    )

    op.create_table(
        "decision",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("alert", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("pairs", Json, nullable=False),
        sa.Column("versions", Json, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("activity", sa.String(length=64), nullable=True),
        sa.Column("reversed_by", sa.String(length=64), nullable=True),
        sa.Column("reversed_at", UtcDateTime(), nullable=True),
        sa.Column("reversal_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_decision_alert"), ["alert"], unique=False)

    op.create_table(
        "idempotency",
        sa.Column("principal", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("principal", "key", name=op.f("pk_idempotency")),
    )
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_at"), ["at"], unique=False)

    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
    )
    op.create_table(
        "known_api_key",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("origins", Json, nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_api_key")),
        sa.UniqueConstraint("hash", name=op.f("uq_known_api_key_hash")),
    )
    with op.batch_alter_table("known_api_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_api_key_person"), ["person"], unique=False)

    op.create_table(
        "known_partner",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("acronym", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("programmes", Json, nullable=False),
        sa.Column("aliases", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_partner")),
    )
    with op.batch_alter_table("known_partner", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_partner_slug"), ["slug"], unique=False)

    op.create_table(
        "known_person",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partners", Json, nullable=False),
        sa.Column("roles", Json, nullable=False),
        sa.Column("scope", Json, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.Column("confirmed_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_person")),
    )
    op.create_table(
        "known_signing_key",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("jwk", Json, nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("not_after", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_signing_key")),
    )
    op.create_table(
        "lease",
        sa.Column("role", sa.String(length=50), nullable=False),
        sa.Column("holder", sa.String(length=100), nullable=False),
        sa.Column("epoch", AutoInt, autoincrement=False, nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("role", name=op.f("pk_lease")),
    )
    op.create_table(
        "matched_by",
        sa.Column("office", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("office", name=op.f("pk_matched_by")),
    )
    op.create_table(
        "match",
        sa.Column("a", sa.String(length=64), nullable=False),
        sa.Column("b", sa.String(length=64), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("band", sa.String(length=20), nullable=False),
        sa.Column("in_house", sa.Boolean(), nullable=False),
        sa.Column("document", Json, nullable=False),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_match")),
    )
    with op.batch_alter_table("match", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_match_b"), ["b"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("seq", AutoInt, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_event_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_unpublished",
            ["seq"],
            unique=False,
            postgresql_where=sa.text("published_at IS NULL"),
            sqlite_where=sa.text("published_at IS NULL"),
        )

    op.create_table(
        "plan",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("posted_by", sa.String(length=64), nullable=False),
        sa.Column("claimed", sa.Boolean(), nullable=False),
        sa.Column("tlp", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=True),
        sa.Column("start", sa.Date(), nullable=True),
        sa.Column("end", sa.Date(), nullable=True),
        sa.Column("content", Json, nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("activity", sa.String(length=64), nullable=False),
        sa.Column("home", sa.String(length=64), nullable=False),
        sa.Column("cluster", sa.String(length=64), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.Column("checked", sa.String(length=60), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("number", name=op.f("uq_plan_number")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # A turn reads hundreds of these: packed numbers in the row itself, never squeezed or kept apart. A long text moves.
        op.execute("ALTER TABLE plan ALTER COLUMN features SET STORAGE PLAIN")
    with op.batch_alter_table("plan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plan_activity"), ["activity"], unique=False)
        batch_op.create_index(batch_op.f("ix_plan_cluster"), ["cluster"], unique=False)
        batch_op.create_index(batch_op.f("ix_plan_owner"), ["owner"], unique=False)
        batch_op.create_index(batch_op.f("ix_plan_start"), ["start"], unique=False)

    op.create_table(
        "plan_key",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("plan", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "day", "plan", name=op.f("pk_plan_key")),
    )
    with op.batch_alter_table("plan_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plan_key_plan"), ["plan"], unique=False)

    op.create_table(
        "plan_tag",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("kind", "value", "plan", name=op.f("pk_plan_tag")),
    )
    with op.batch_alter_table("plan_tag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plan_tag_plan"), ["plan"], unique=False)

    op.create_table(
        "plan_version",
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("version", AutoInt, autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("changed", Json, nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.PrimaryKeyConstraint("plan", "version", name=op.f("pk_plan_version")),
    )
    with op.batch_alter_table("plan_version", schema=None) as batch_op:
        batch_op.create_index("ix_plan_version_posted", ["owner", "at"], unique=False)

    op.create_table(
        "reread",
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("rescore", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("plan", name=op.f("pk_reread")),
    )
    op.create_table(
        "verdict",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("a", sa.String(length=64), nullable=False),
        sa.Column("b", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("decision", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("kind", "a", "b", "decision", name=op.f("pk_verdict")),
    )
    with op.batch_alter_table("verdict", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_verdict_b"), ["b"], unique=False)
        batch_op.create_index(batch_op.f("ix_verdict_decision"), ["decision"], unique=False)

    op.create_table(
        "weights",
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("document", Json, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("installed_by", sa.String(length=64), nullable=False),
        sa.Column("installed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_weights")),
    )
    with op.batch_alter_table("weights", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_weights_installed_at"), ["installed_at"], unique=False)

    if op.get_bind().dialect.name == "postgresql":
        for statement in raised(CLOSED, READABLE):
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in razed(CLOSED, READABLE):
            op.get_bind().exec_driver_sql(statement)

    with op.batch_alter_table("weights", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_weights_installed_at"))

    op.drop_table("met")
    op.drop_table("alert_text")
    op.drop_table("weights")
    with op.batch_alter_table("verdict", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_verdict_decision"))
        batch_op.drop_index(batch_op.f("ix_verdict_b"))

    op.drop_table("verdict")
    op.drop_table("reread")
    with op.batch_alter_table("plan_version", schema=None) as batch_op:
        batch_op.drop_index("ix_plan_version_posted")

    op.drop_table("plan_version")
    with op.batch_alter_table("plan_tag", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_plan_tag_plan"))

    op.drop_table("plan_tag")
    with op.batch_alter_table("plan_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_plan_key_plan"))

    op.drop_table("plan_key")
    with op.batch_alter_table("plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_plan_start"))
        batch_op.drop_index(batch_op.f("ix_plan_owner"))
        batch_op.drop_index(batch_op.f("ix_plan_cluster"))
        batch_op.drop_index(batch_op.f("ix_plan_activity"))

    op.drop_table("plan")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_unpublished",
            postgresql_where=sa.text("published_at IS NULL"),
            sqlite_where=sa.text("published_at IS NULL"),
        )

    op.drop_table("outbox")
    with op.batch_alter_table("match", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_match_b"))

    op.drop_table("matched_by")
    op.drop_table("match")
    op.drop_table("lease")
    op.drop_table("known_signing_key")
    op.drop_table("known_person")
    with op.batch_alter_table("known_partner", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_partner_slug"))

    op.drop_table("known_partner")
    with op.batch_alter_table("known_api_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_api_key_person"))

    op.drop_table("known_api_key")
    op.drop_table("inbox")
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_at"))

    op.drop_table("idempotency")
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_decision_alert"))

    op.drop_table("decision")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_unsealed")
        batch_op.drop_index(batch_op.f("ix_audit_subject"))

    op.drop_table("audit")
    op.drop_table("refusal")
    op.drop_table("audit_tile")
    op.drop_table("audit_log")
    op.drop_table("audit_key")
    op.drop_table("audit_checkpoint")
    op.drop_table("applied")
    with op.batch_alter_table("alert_side", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_side_alert"))

    op.drop_table("alert_side")
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_status"))
        batch_op.drop_index(
            "ix_alert_due", postgresql_where=sa.text("due_at IS NOT NULL"), sqlite_where=sa.text("due_at IS NOT NULL")
        )

    op.drop_table("alert")
    op.drop_table("activity")
