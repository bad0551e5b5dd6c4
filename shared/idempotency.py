"""Idempotency keys: the answer to a POST is stored in the transaction of its effect, and replayed to a repeat.

Two requests with one key at the same instant: the second waits on the first's row (a unique key), then replays. The same
key with another body is a 422. Kept for 24 hours (draft-ietf-httpapi-idempotency-key-header, and Stripe's practice).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock
from shared.db import affected, insert
from shared.problem import FieldError, Problem

KEEP = timedelta(hours=24)
MAX_KEY = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: status, JSON body and the headers that belong to it (Location, ETag).

    keep: what is stored, and what a repeat gets, where the body shows a secret once: a key kept only as its hash must not
    lie in this table in plain text.
    """

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    keep: Mapping[str, Any] | None = None


def fingerprint(method: str, path: str, body: Any) -> str:
    """Same request, same text: method, path and the body with sorted keys."""
    raw = json.dumps([method, path, body], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


def check_key(key: str | None, *, required: bool) -> None:
    """Raises a problem that names the header."""
    if key is None and required:
        detail = "required here, so that a repeat after a lost answer is harmless"
        raise Problem("malformed", f"Idempotency-Key: {detail}", [FieldError("Idempotency-Key", "required", detail)])
    if key is not None and not (1 <= len(key) <= MAX_KEY and key.isprintable()):
        detail = f"1 to {MAX_KEY} printable characters"
        raise Problem("malformed", f"Idempotency-Key: {detail}", [FieldError("Idempotency-Key", "malformed", detail)])


async def recall(
    session: AsyncSession, table: Table, principal: str, key: str, print_: str, clock: Clock
) -> Answer | None:
    """Claim the key in this transaction; the stored answer where it was used before. Raises 422 on another request."""
    columns = table.c
    mine = (columns.principal == principal) & (columns.key == key)
    await session.execute(delete(table).where(mine, columns.at < clock.now() - KEEP))
    claim = insert(session, table).values(
        principal=principal, key=key, fingerprint=print_, status=0, headers={}, body="", at=clock.now()
    )
    if await affected(session, claim.on_conflict_do_nothing()) == 1:
        return None
    row = (await session.execute(select(table).where(mine))).one()
    if row.fingerprint != print_:
        raise Problem(
            "idempotency-mismatch",
            "Idempotency-Key: used before with another request; take a new key for a new request.",
            [FieldError("Idempotency-Key", "mismatch", "used before with another request")],
        )
    return Answer(row.status, json.loads(row.body), {**row.headers, "Idempotent-Replayed": "true"})


async def remember(session: AsyncSession, table: Table, principal: str, key: str, answer: Answer) -> None:
    """Store the answer beside its effect."""
    body = answer.body if answer.keep is None else answer.keep
    await session.execute(
        update(table)
        .where(table.c.principal == principal, table.c.key == key)
        .values(status=answer.status, headers=dict(answer.headers), body=json.dumps(body))
    )
