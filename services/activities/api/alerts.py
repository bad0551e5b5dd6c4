"""Alerts, decisions, activities and the vocabularies."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.activities.api.common import (
    Services,
    answer_with_tag,
    problems,
    tagged,
)
from services.activities.api.schemas import (
    ActivityOut,
    ActivityPage,
    AlertPage,
    DecisionBody,
    DecisionOut,
    ReversalBody,
)
from services.activities.commands import Decide, Reverse
from services.activities.handlers import decisions as handlers
from services.activities.orm import DecisionRow
from services.activities.queries import activities as activity_queries
from services.activities.queries import alerts as queries
from services.activities.uow.unit import ActivitiesUnit
from shared.answers import Cursor, IdempotencyKey, IfMatch, IfNoneMatch, Limit, page_of
from shared.auth import Anyone, SignedIn
from shared.etags import expected_version
from shared.idempotency import Answer
from shared.leases import MATCHING
from shared.paging import DEFAULT_LIMIT, link_next
from shared.problem import instant
from shared.visibility import Principal
from shared.vocabulary import as_json
from shared.web import StrictRoute

router = APIRouter(prefix="/api/v1", route_class=StrictRoute)

_DECIDE_ERRORS = problems(
    "malformed",
    "unauthenticated",
    "forbidden",
    "not-found",
    "conflict",
    "stale",
    "too-large",
    "invalid",
    "unsupported-media-type",
)


@router.get("/alerts", tags=["alerts"], response_model=AlertPage, responses=problems("malformed", "unauthenticated"))
async def list_alerts(
    request: Request,
    principal: SignedIn,
    response: Response,
    status: Literal["live", "open", "waiting", "snoozed", "escalated", "decided", "closed", "all"] = "live",
    kind: Literal["duplicate", "overlap"] | None = None,
    plan: Annotated[str | None, Query(max_length=80)] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Alerts that concern you, newest first; without `status`, those that wait for a decision."""
    services = Services(request)
    async with services.runtime.db.read(principal) as session:
        data, following = await queries.list_alerts(
            services.unit(session, principal),
            principal,
            status=status,
            kind=kind,
            plan=plan,
            page=page_of(limit, cursor),
        )
    link_next(request, response, following)
    return {"data": data, "next_cursor": following}


@router.get(
    "/alerts/{alert_id}",
    tags=["alerts"],
    response_model=dict[str, Any],
    responses=problems("not-found", "unauthenticated"),
)
async def get_alert(
    request: Request, principal: SignedIn, alert_id: str, if_none_match: IfNoneMatch = None
) -> Response:
    """One alert: its sides, why it was raised, what would change it, and what was decided."""
    services = Services(request)
    async with services.runtime.db.read(principal) as session:
        return tagged(await queries.get_alert(services.unit(session, principal), principal, alert_id), if_none_match)


@router.post(
    "/alerts/{alert_id}/decisions",
    tags=["decisions"],
    status_code=201,
    response_model=DecisionOut,
    responses=_DECIDE_ERRORS,
)
async def decide(
    request: Request,
    principal: SignedIn,
    alert_id: str,
    body: DecisionBody,
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """Decide an alert. `Idempotency-Key` is required; `If-Match` makes sure that it is the alert you read."""
    command = Decide(
        alert=alert_id,
        verdict=body.verdict,
        plans=tuple(body.plans),
        reason=body.reason,
        until=instant("#/until", body.until),
        expected_version=expected_version(if_match) if if_match else None,
    )

    async def work(uow: ActivitiesUnit) -> Answer:
        made = await handlers.decide(command, uow, principal)
        return await _made(made["id"], uow, principal)

    return await Services(request).run(
        request, principal, work, body=body.model_dump(mode="json"), key=key, key_required=True, lane=MATCHING
    )


async def _made(decision_id: str, uow: ActivitiesUnit, principal: Principal) -> Answer:
    """The decision as a later GET shows it to the same reader."""
    shown = await queries.shown_decision(await uow.session.get_one(DecisionRow, decision_id), uow, principal)
    assert shown  # nobody decides on what they may not read
    return answer_with_tag(201, shown, f"/api/v1/decisions/{decision_id}")


@router.get(
    "/decisions/{decision_id}",
    tags=["decisions"],
    response_model=DecisionOut,
    responses=problems("not-found", "unauthenticated"),
)
async def get_decision(request: Request, principal: SignedIn, decision_id: str) -> Response:
    services = Services(request)
    async with services.runtime.db.read(principal) as session:
        return tagged(await queries.get_decision(services.unit(session, principal), principal, decision_id), None)


@router.post(
    "/decisions/{decision_id}/reversal",
    tags=["decisions"],
    status_code=201,
    response_model=DecisionOut,
    responses=_DECIDE_ERRORS,
)
async def reverse(
    request: Request,
    principal: SignedIn,
    decision_id: str,
    body: ReversalBody | None = None,
    key: IdempotencyKey = None,
) -> Response:
    """Take a decision back, newest first where several speak of the same plans."""

    async def work(uow: ActivitiesUnit) -> Answer:
        await handlers.reverse(Reverse(decision_id, body.reason if body else None), uow, principal)
        return await _made(decision_id, uow, principal)

    return await Services(request).run(
        request, principal, work, body=body.model_dump() if body else None, key=key, key_required=True, lane=MATCHING
    )


@router.get("/activities", tags=["activities"], response_model=ActivityPage, responses=problems("malformed"))
async def list_activities(
    request: Request, principal: Anyone, response: Response, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Any:
    """Joint activities of which you see two plans or more."""
    services = Services(request)
    async with services.runtime.db.read(principal) as session:
        unit = services.unit(session, principal)
        data, following = await activity_queries.list_activities(unit, principal, page_of(limit, cursor))
    link_next(request, response, following)
    return {"data": data, "next_cursor": following}


@router.get(
    "/activities/{activity_id}", tags=["activities"], response_model=ActivityOut, responses=problems("not-found")
)
async def get_activity(
    request: Request, principal: Anyone, activity_id: str, if_none_match: IfNoneMatch = None
) -> Response:
    """One activity with its owners, and for each field the plan it comes from and what the others say."""
    services = Services(request)
    async with services.runtime.db.read(principal) as session:
        unit = services.unit(session, principal)
        return tagged(await activity_queries.get_activity(unit, principal, activity_id), if_none_match)


@router.get("/vocabularies", tags=["vocabularies"], response_model=dict[str, Any])
async def vocabularies() -> Any:
    """The controlled lists, versioned, with labels in the six UN languages."""
    return as_json()
