"""Other weights are put in force: matching learns what coordinators decided, when an administrator says so."""

from typing import Any

from services.activities.commands import InstallWeights
from services.activities.domain.content import Invalid
from services.activities.matching.weights import SHIPPED, check, document, read
from services.activities.orm import WeightsRow
from services.activities.uow.unit import ActivitiesUnit
from services.activities.uow.weights import digest_of, rescore_everything
from shared.auth import require
from shared.problem import FieldError, Problem
from shared.visibility import Principal


async def install(command: InstallWeights, uow: ActivitiesUnit, principal: Principal) -> dict[str, Any]:
    """Store the table, tell it, and put the plans it concerns on the list for another turn in the lane.

    Raises Invalid for a table that is none, or that no evidence would give; conflict for a version that is taken: what was
    scored by a version must stay what that version says.
    """
    require(principal, "admin")
    try:
        weights = read(command.document)
    except ValueError as error:
        raise Invalid([FieldError("#/document", "invalid", str(error))]) from error
    if wrong := check(weights):
        raise Invalid([FieldError("#/document", "implausible", each) for each in wrong])
    if weights.version == SHIPPED.version or await uow.session.get(WeightsRow, weights.version):
        raise Problem("conflict", f"There is a table {weights.version!r} already; give this one another version.")
    now = uow.clock.now()
    row = WeightsRow(
        version=weights.version,
        digest=digest_of(weights),
        document=document(weights),
        reason=command.reason,
        installed_by=uow.actor,
        installed_at=now,
    )
    uow.session.add(row)
    await uow.session.flush()
    await rescore_everything(uow.session, now.date())
    fact = {"id": weights.version, "version": 1, "digest": row.digest, "by": uow.actor}
    uow.emit("weights.installed", weights.version, 1, fact)
    uow.note("weights.installed", weights.version, 1, {"digest": row.digest})
    return represent(row)


def represent(row: WeightsRow | None) -> dict[str, Any]:
    """The table in force as the API shows it; without a row the shipped one."""
    weights = read(row.document) if row else SHIPPED
    return {
        "version": weights.version,
        "shipped": row is None,
        "installed_by": row.installed_by if row else None,
        "installed_at": row.installed_at.isoformat() if row else None,
        "reason": row.reason if row else None,
        "document": document(weights),
    }
