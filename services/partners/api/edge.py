"""From a request to the unit of work and back: the one way in which every write of this service enters."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, cast

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.partners.domain import errors
from services.partners.uow import LANE, PartnersUnitOfWork
from shared.answers import committed, runtime_of
from shared.etags import etag, stale
from shared.idempotency import Answer
from shared.problem import MEDIA_TYPE, FieldError, Problem, not_found
from shared.refusal import problem_response
from shared.visibility import Principal

Work = Callable[[PartnersUnitOfWork], Awaitable[Answer]]

NO_STORE = {"Cache-Control": "no-store"}


class FieldErrorOut(BaseModel):
    pointer: str
    code: str
    detail: str


class ProblemOut(BaseModel):
    """RFC 9457"""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldErrorOut] | None = None
    trace_id: str | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for its OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    return {status: {"description": "problem", "model": ProblemOut, "content": content} for status in statuses}


async def write(
    request: Request,
    principal: Principal,
    work: Work,
    *,
    body: BaseModel | None = None,
    key: str | None = None,
    lane: str | None = LANE,
) -> Response:
    """Run `work` in one transaction that commits here, and send what it answers."""
    runtime = runtime_of(request)

    def unit(session: AsyncSession) -> PartnersUnitOfWork:
        confirms = timedelta(days=request.app.state.settings.confirmation_days)
        return PartnersUnitOfWork(session, runtime.clock, request.app.state.ids, actor=principal.id, confirms=confirms)

    sent = body.model_dump(mode="json", exclude_unset=True) if body else None
    try:
        return await committed(request, principal, unit, work, body=sent, key=key, lane=lane)
    except IntegrityError:
        # The rules looked first, so this is the constraint behind them. Its text quotes values: it goes nowhere.
        raise Problem("conflict", "Something with the same unique value was stored meanwhile.") from None


def shown(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")


def tagged(version: int, body: Mapping[str, Any], **headers: str) -> dict[str, str]:
    return {"ETag": etag(version, body), **headers}


def codes_of(name: str, text: str | None, known: Callable[[str], bool]) -> frozenset[str]:
    """A comma-separated filter. Raises a 400 problem that names the parameter."""
    values = frozenset(part.strip() for part in (text or "").split(",") if part.strip())
    for value in sorted(values):
        if not known(value):
            detail = f"{value[:60]!r} is not a known code"
            raise Problem("malformed", f"?{name}: {detail}", [FieldError(f"?{name}", "unknown_code", detail)])
    return values


def to_problem(error: errors.Rejected) -> Problem:
    """What the domain refuses, as the API says it."""
    faults = [FieldError(fault.pointer, fault.code, fault.detail) for fault in error.faults]
    detail = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults[:3])
    if isinstance(error, errors.Invalid):
        return Problem("invalid", detail, faults)
    if isinstance(error, errors.Conflict):
        return Problem("conflict", detail, faults)
    if isinstance(error, errors.Missing):
        return not_found(error.noun)
    if isinstance(error, errors.Stale):
        return stale(f"it is at version {error.current} now; read it again")
    if isinstance(error, errors.Unproven):
        return Problem("unauthenticated", error.detail)
    if isinstance(error, errors.Refused):
        return Problem("forbidden", error.detail)
    return Problem("not-found", "No such invitation, or it has been used, withdrawn or has expired.")


async def on_rejected(_: Request, error: Exception) -> Response:
    return problem_response(to_problem(cast(errors.Rejected, error)))
