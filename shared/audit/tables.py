"""The audit's tables, the same in every service's database (shared/kernel.py)."""

import secrets

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, text

from shared.audit.leaves import SECRET_BYTES
from shared.db import AutoInt, Json, UtcDateTime


def _secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


class AuditTables:
    """The tables on `metadata`.

    rows         one per effect, written in the effect's own transaction; `leaf` is its place in the tree, once sealed
    log          one row: the log's id, how many leaves it has, and the signing key where no setting gives one
    tiles        the tree's hashes (shared/audit/tree.py)
    checkpoints  signed notes, kept for ever
    keys         every key that signed one
    refusals     how often somebody was refused something in a minute; unchained, pruned
    """

    def __init__(self, metadata: MetaData) -> None:
        self.rows = Table(
            "audit",
            metadata,
            Column("seq", AutoInt, primary_key=True, autoincrement=True),
            Column("at", UtcDateTime, nullable=False),
            Column("actor", String(100), nullable=False),
            Column("action", String(100), nullable=False),
            Column("subject", String(64), nullable=False, index=True),
            Column("version", Integer, nullable=False),
            Column("detail", Json, nullable=False),
            Column("trace_id", String(32)),
            Column("secret", LargeBinary, nullable=False, default=_secret),
            Column("leaf", AutoInt, unique=True, autoincrement=False),
            Index(
                "ix_audit_unsealed",
                "seq",
                postgresql_where=text("leaf IS NULL"),
                sqlite_where=text("leaf IS NULL"),
            ),
            sqlite_autoincrement=True,
        )
        self.log = Table(
            "audit_log",
            metadata,
            Column("id", String(64), primary_key=True),
            Column("size", AutoInt, nullable=False, autoincrement=False),
            Column("seed", LargeBinary),
        )
        self.tiles = Table(
            "audit_tile",
            metadata,
            Column("level", Integer, primary_key=True, autoincrement=False),
            Column("number", AutoInt, primary_key=True, autoincrement=False),
            Column("hashes", LargeBinary, nullable=False),
        )
        self.checkpoints = Table(
            "audit_checkpoint",
            metadata,
            Column("size", AutoInt, primary_key=True, autoincrement=False),
            Column("at", UtcDateTime, nullable=False),
            Column("note", Text, nullable=False),
        )
        self.keys = Table(
            "audit_key",
            metadata,
            Column("kid", String(8), primary_key=True),
            Column("verifier", String(300), nullable=False),
            Column("used_from", UtcDateTime, nullable=False),
        )
        self.refusals = Table(
            "refusal",
            metadata,
            Column("minute", UtcDateTime, primary_key=True),
            Column("principal", String(100), primary_key=True),
            Column("route", String(200), primary_key=True),
            Column("status", Integer, primary_key=True, autoincrement=False),
            Column("times", Integer, nullable=False),
        )
