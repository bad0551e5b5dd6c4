"""What coordinators decided, as labels for `convene weights fit`: levels of likeness and a verdict, no word of a plan."""

from typing import Any

from sqlalchemy import select
from sqlmodel import col

from services.activities.matching.engine import fingerprint, levels_between
from services.activities.orm import VerdictRow
from services.activities.uow.unit import ActivitiesUnit

MOST = 10_000
"""Pairs; their plans are asked for by one parameter each, of which a statement takes 32,766."""


async def labels(uow: ActivitiesUnit) -> list[dict[str, Any]]:
    """The newest verdict on each pair, where the plans still are what was decided on; the newest decisions first, at most MOST.

    An overlap's "distinct" says nothing of whether two plans are one: it is no label.
    """
    said = select(VerdictRow).where(col(VerdictRow.kind) == "duplicate").order_by(col(VerdictRow.decision).desc())
    newest: dict[tuple[str, str], VerdictRow] = {}
    for row in (await uow.session.execute(said.limit(MOST))).scalars():
        newest.setdefault((row.a, row.b), row)
    known = await uow.features({plan for pair in newest for plan in pair})
    found: list[dict[str, Any]] = []
    for (a, b), row in newest.items():
        if a in known and b in known and fingerprint(known[a], known[b]) == row.fingerprint:
            verdict = "same" if row.verdict == "link" else "distinct"
            found.append({"verdict": verdict, "levels": levels_between(known[a], known[b])})
    return found
