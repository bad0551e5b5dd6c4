"""The tables of partners: its own, the kernel's, and its copy of the read models that all services authenticate by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Frozen here: what orm.py says later is the business of later migrations.
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
INSTANT = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=20), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("origins", JSON, nullable=False),
        sa.Column("label", sa.String(length=100), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("hash", name="uq_api_key_hash"),
    )
    op.create_index("ix_api_key_person", "api_key", ["person"])

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
        "identifier",
        sa.Column("scheme", sa.String(length=50), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("organisation", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("scheme", "value", name="pk_identifier"),
    )
    op.create_index("ix_identifier_organisation", "identifier", ["organisation"])

    op.create_table(
        "identity",
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("bound_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_identity"),
    )
    op.create_index("ix_identity_person", "identity", ["person"])

    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name="pk_inbox"),
    )
    op.create_table(
        "invitation",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("redeemed_at", INSTANT, nullable=True),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("withdrawn_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_invitation"),
        sa.UniqueConstraint("code_hash", name="uq_invitation_code_hash"),
    )
    op.create_index("ix_invitation_person", "invitation", ["person"])

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
        "name_key",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("organisation", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("key", "organisation", name="pk_name_key"),
    )
    op.create_index("ix_name_key_organisation", "name_key", ["organisation"])

    op.create_table(
        "organisation",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("acronym", sa.String(length=100), nullable=True),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("country", sa.String(length=3), nullable=True),
        sa.Column("countries", JSON, nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=True),
        sa.Column("identifiers", JSON, nullable=False),
        sa.Column("aliases", JSON, nullable=False),
        sa.Column("programmes", JSON, nullable=False),
        sa.Column("searchable", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisation"),
        sa.UniqueConstraint("slug", name="uq_organisation_slug"),
    )
    op.create_index("ix_organisation_parent", "organisation", ["parent"])

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
        "password",
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=200), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("person", name="pk_password"),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("email_key", sa.String(length=800), nullable=True),
        sa.Column("partners", JSON, nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.Column("not_before", INSTANT, nullable=True),
        sa.Column("confirmed_until", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("email_key", name="uq_person_email_key"),
    )
    op.create_table(
        "signing_key",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("jwk", JSON, nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("used_from", INSTANT, nullable=False),
        sa.Column("not_after", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_signing_key"),
    )
    op.create_table(
        "used_id_token",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_used_id_token"),
    )
    op.create_index("ix_used_id_token_expires_at", "used_id_token", ["expires_at"])


def downgrade() -> None:
    op.drop_table("used_id_token")
    op.drop_table("signing_key")
    op.drop_table("person")
    op.drop_table("password")
    op.drop_table("outbox")
    op.drop_table("organisation")
    op.drop_table("name_key")
    op.drop_table("lease")
    op.drop_table("known_signing_key")
    op.drop_table("known_person")
    op.drop_table("known_partner")
    op.drop_table("known_api_key")
    op.drop_table("invitation")
    op.drop_table("inbox")
    op.drop_table("identity")
    op.drop_table("identifier")
    op.drop_table("idempotency")
    op.drop_table("refusal")
    op.drop_table("audit_tile")
    op.drop_table("audit_log")
    op.drop_table("audit_key")
    op.drop_table("audit_checkpoint")
    op.drop_table("audit")
    op.drop_table("applied")
    op.drop_table("api_key")
