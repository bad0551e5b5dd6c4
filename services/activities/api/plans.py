"""Plans: post, read, change, check."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.activities.api.common import (
    Services,
    answer_with_tag,
    as_problem,
    problems,
    tagged,
)
from services.activities.api.schemas import (
    HistoryOut,
    NewPlanBody,
    PlanBody,
    PlanOut,
    PlanPage,
    PlanPatch,
    SightOut,
    SimilarOut,
)
from services.activities.commands import AmendPlan, ChangeStatus, ClaimPlan, PostPlan
from services.activities.domain.content import Content, Invalid
from services.activities.domain.plan import represent
from services.activities.handlers import plans as handlers
from services.activities.orm import PlanRow
from services.activities.queries import plans as queries
from services.activities.queries.preview import who_would_see
from services.activities.queries.similar import similar_plans
from services.activities.uow.rows import plan_of_row
from services.activities.uow.unit import ActivitiesUnit
from shared.answers import Cursor, IdempotencyKey, IfMatch, IfNoneMatch, Limit, page_of
from shared.auth import Anyone, SignedIn, require
from shared.etags import expected_version
from shared.filters import Filtered
from shared.idempotency import Answer
from shared.paging import DEFAULT_LIMIT, link_next
from shared.visibility import Principal
from shared.web import StrictRoute

router = APIRouter(prefix="/api/v1", tags=["plans"], route_class=StrictRoute)

_STATUS_OF = {"confirm": "confirmed", "complete": "completed", "postpone": "postponed", "cancel": "cancelled"}
_WHEN, _WORDED = frozenset({"start", "end", "period"}), ("precision", "dates_text", "dates_inferred")
_WRITE_ERRORS = problems("malformed", "unauthenticated", "forbidden", "too-large", "unsupported-media-type", "invalid")
_CHANGE_ERRORS = {**_WRITE_ERRORS, **problems("not-found", "conflict", "stale", "precondition-required")}


@router.post("/plans", status_code=201, response_model=PlanOut, responses={**_WRITE_ERRORS, **problems("conflict")})
async def post_plan(request: Request, principal: SignedIn, body: NewPlanBody, key: IdempotencyKey = None) -> Response:
    """Post a plan. Its owner is your organisation, or, for a coordinator, the partner in `on_behalf_of`."""

    async def work(uow: ActivitiesUnit) -> Answer:
        stored = await handlers.post_plan(_to_post(body), uow, principal)
        return answer_with_tag(201, stored, f"/api/v1/plans/{stored['id']}")

    return await Services(request).run(request, principal, work, body=body.model_dump(mode="json"), key=key)


@router.get(
    "/plans",
    response_model=PlanPage,
    response_model_exclude_unset=True,
    responses=problems("malformed", "unknown-parameter"),
)
async def list_plans(
    request: Request,
    principal: Anyone,
    wanted: Filtered,
    response: Response,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Plans that you may see, newest first."""
    async with Services(request).runtime.db.read(principal) as session:
        data, following = await queries.list_plans(session, principal, wanted, page_of(limit, cursor))
    link_next(request, response, following)
    return {"data": data, "next_cursor": following}


@router.post("/plans:check", response_model=SimilarOut, responses=_WRITE_ERRORS)
async def check_plan(request: Request, principal: SignedIn, body: NewPlanBody) -> Any:
    """Similar plans for one that is not posted yet. Stores nothing; answers only from what you may see."""
    require(principal, "read")
    async with Services(request).runtime.db.read(principal) as session:
        content, owner, uow = await _not_posted(request, session, principal, body)
        return await similar_plans(content, owner, uow, principal)


@router.post("/plans:sight", response_model=SightOut, responses=_WRITE_ERRORS)
async def preview_sight(request: Request, principal: SignedIn, body: NewPlanBody) -> Any:
    """Who would see a plan that is not posted yet, for each label. Stores nothing."""
    require(principal, "read")
    async with Services(request).runtime.db.read(principal) as session:
        content, owner, uow = await _not_posted(request, session, principal, body)
        return {"data": await who_would_see(content, owner, uow, principal)}


@router.get("/plans/{plan_id}", response_model=PlanOut, responses=problems("not-found"))
async def get_plan(request: Request, principal: Anyone, plan_id: str, if_none_match: IfNoneMatch = None) -> Response:
    async with Services(request).runtime.db.read(principal) as session:
        return tagged(await queries.get_plan(session, principal, plan_id), if_none_match)


@router.get("/plans/{plan_id}/history", response_model=HistoryOut, responses=problems("not-found"))
async def get_history(request: Request, principal: Anyone, plan_id: str) -> Any:
    """Every version of the plan, oldest first."""
    async with Services(request).runtime.db.read(principal) as session:
        return {"data": await queries.get_history(session, principal, plan_id)}


@router.patch("/plans/{plan_id}", response_model=PlanOut, responses=_CHANGE_ERRORS)
async def amend_plan(
    request: Request,
    principal: SignedIn,
    plan_id: str,
    body: Annotated[PlanPatch, Body(media_type="application/merge-patch+json")],
    if_match: IfMatch = None,
) -> Response:
    """Change the fields in the patch; null removes one."""
    expected = expected_version(if_match)
    patch: dict[str, Any] = dict(body.model_extra or {})
    if patch.keys() & _WHEN:
        # other dates bring their own precision and wording, unless the patch says them
        gone = ("start", "end", *_WORDED) if "period" in patch else _WORDED
        patch = dict.fromkeys(gone) | patch

    async def work(uow: ActivitiesUnit) -> Answer:
        stored, changed = await handlers.amend_plan(AmendPlan(plan_id, expected, patch), uow, principal, _validated)
        return await _changed(uow, plan_id, stored, changed)

    return await Services(request).run(request, principal, work)


@router.post("/plans/{plan_id}:{verb}", response_model=PlanOut, responses=_CHANGE_ERRORS)
async def change_plan(
    request: Request,
    principal: SignedIn,
    plan_id: str,
    verb: Literal["confirm", "complete", "postpone", "cancel", "claim"],
    if_match: IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Confirm, complete, postpone or cancel a plan; or claim one that a coordinator posted on your behalf."""
    expected = expected_version(if_match)

    async def work(uow: ActivitiesUnit) -> Answer:
        if verb == "claim":
            return answer_with_tag(200, await handlers.claim_plan(ClaimPlan(plan_id, expected), uow, principal))
        stored, changed = await handlers.change_status(
            ChangeStatus(plan_id, expected, _STATUS_OF[verb]), uow, principal
        )
        return await _changed(uow, plan_id, stored, changed)

    return await Services(request).run(request, principal, work, body={"if_match": expected}, key=key)


async def _not_posted(
    request: Request, session: AsyncSession, principal: Principal, body: NewPlanBody
) -> tuple[Content, str, ActivitiesUnit]:
    """What the plan says, and whose it would be ("" where that is not said). Raises the problem that posting it would be."""
    uow = Services(request).unit(session, principal)
    command = _to_post(body)
    try:
        owner = await handlers.owner_to_check(command, uow, principal)
        return await handlers.read_content(command.body, uow, principal), owner, uow
    except Invalid as error:
        raise as_problem(error) from error


def _to_post(body: NewPlanBody) -> PostPlan:
    document = body.model_dump()
    on_behalf, organisation = document.pop("on_behalf_of"), document.pop("organisation")
    return PostPlan(document, on_behalf or organisation, on_behalf=on_behalf is not None)


async def _changed(uow: ActivitiesUnit, plan_id: str, stored: Mapping[str, Any], changed: bool) -> Answer:
    if not changed:
        row = await uow.session.get_one(PlanRow, plan_id)
        stored = represent(plan_of_row(row), row.checked)
    return answer_with_tag(200, stored)


def _validated(document: Any) -> Mapping[str, Any]:
    """The patched document's types, with pointers into the plan."""
    try:
        return PlanBody.model_validate(document).model_dump()
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None
