"""What matching goes by: the weights in force, the rules of this installation, the release; and what a change of it takes."""

import json
from dataclasses import asdict
from hashlib import blake2b
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import structlog
from sqlalchemy import literal, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.activities.domain.alerts import LIVE
from services.activities.matching.overlap_rules import Rules
from services.activities.matching.weights import SHIPPED, Weights, check, document, read
from services.activities.orm import AlertRow, AlertSideRow, MatchedByRow, MatchRow, PlanRow, RereadRow, WeightsRow
from shared.db import insert

log = structlog.get_logger()
_read: dict[str, Weights] = {}
"""Tables by digest: one is read once in a process, and asked for in every turn of the lane."""


def digest_of(weights: Weights) -> str:
    return blake2b(json.dumps(document(weights), sort_keys=True).encode(), digest_size=16).hexdigest()


async def in_force(session: AsyncSession) -> tuple[Weights, WeightsRow | None]:
    """The newest table that was installed here and that this release understands; else the shipped one, and None."""
    newest = select(col(WeightsRow.version), col(WeightsRow.digest)).order_by(
        col(WeightsRow.installed_at).desc(), col(WeightsRow.version).desc()
    )
    found = (await session.execute(newest.limit(1))).first()
    if found is None:
        return SHIPPED, None
    row = await session.get_one(WeightsRow, found.version) if found.digest not in _read else None
    if row is not None:
        _read[found.digest] = _understood(row.document)
    weights = _read[found.digest]
    return (weights, row or await session.get(WeightsRow, found.version)) if weights is not SHIPPED else (SHIPPED, None)


def _understood(stored: dict[str, Any]) -> Weights:
    """A table of another release may lack a level of this one: then the shipped table stands in, and the log says so."""
    weights = read(stored)
    if not (wrong := check(weights)):
        return weights
    log.warning("weights.not_understood", version=weights.version, why=wrong, in_force=SHIPPED.version)
    return SHIPPED


def digest_of_rules(rules: Rules) -> str:
    """Names what this process matches by, beside the weights that are installed: its rules and its release. A release is its
    version and, for who runs it from the sources, the files of the engine."""
    digest = blake2b(version("convene").encode(), digest_size=16)
    for file in sorted(files("services.activities.matching").iterdir(), key=lambda one: one.name):
        if file.name.endswith((".py", ".json")):
            digest.update(file.read_bytes())
    table = {kind: asdict(rule) for kind, rule in rules.by_kind.items()}
    digest.update(json.dumps(table, sort_keys=True, default=sorted).encode())
    return digest.hexdigest()


async def rescore_if_other(session: AsyncSession, office: str, digest: str, today: Any) -> bool:
    """Where the last holder of this office matched by other rules: put all that is not over on the list for another turn.

    Asked by the holders of both offices that match: whichever passes last from an old release to a new one, what the old
    one did is done again.
    """
    before = await session.get(MatchedByRow, office)
    if before is not None and before.digest == digest:
        return False
    if before is None:
        session.add(MatchedByRow(office=office, digest=digest))
    else:
        before.digest = digest
    await session.flush()
    await rescore_everything(session, today)
    return True


async def rescore_everything(session: AsyncSession, today: Any) -> None:
    """Put on the list for another turn: every plan of a stored match or of an alert that waits, and every plan that is not
    over yet."""
    waiting = select(col(AlertRow.id)).where(col(AlertRow.status).in_(sorted(LIVE)))
    plans = union(
        select(col(MatchRow.a)),
        select(col(MatchRow.b)),
        select(col(AlertSideRow.plan)).where(col(AlertSideRow.alert).in_(waiting)),
        select(col(PlanRow.id)).where(or_(col(PlanRow.end).is_(None), col(PlanRow.end) >= today)),
    ).subquery()
    # SQLite reads ON CONFLICT behind a bare SELECT as a join
    rows = select(plans.c[0], literal(value=True)).where(literal(value=True))
    listed = insert(session, RereadRow.__table__).from_select(["plan", "rescore"], rows)  # pyright: ignore
    await session.execute(listed.on_conflict_do_update(index_elements=["plan"], set_={"rescore": True}))
