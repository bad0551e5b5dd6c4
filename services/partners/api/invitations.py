"""`/api/v1/invitations`: how a person gets a key. Made by administrators, redeemed by whoever holds the code."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.partners.api.access import key_made
from services.partners.api.edge import (
    NO_STORE,
    problems,
    shown,
    write,
)
from services.partners.api.schemas import InvitationIn, InvitationMade, InvitationOut, KeyMade, ListOf, RedeemIn
from services.partners.commands import Invite, Redeem
from services.partners.domain.access import Invitation
from services.partners.handlers.invitations import invite, redeem, withdraw_invitation
from services.partners.queries import people as queries
from services.partners.uow import PartnersUnitOfWork
from shared.answers import Cursor, IdempotencyKey, Limit, page_of, runtime_of
from shared.auth import SignedIn, require
from shared.idempotency import Answer, check_key
from shared.paging import DEFAULT_LIMIT, encode_cursor, link_next
from shared.problem import not_found
from shared.visibility import PUBLIC
from shared.web import StrictRoute

router = APIRouter(prefix="/api/v1", tags=["invitations"], route_class=StrictRoute)


@router.post("/invitations", status_code=201, response_model=InvitationMade, responses=problems(401, 403, 409, 422))
async def post_invitation(
    request: Request, principal: SignedIn, body: InvitationIn, key: IdempotencyKey = None
) -> Response:
    """Invite somebody new, or give somebody known a new key (administrators). The code is shown this once.

    An open invitation of the same person is withdrawn; redeeming revokes the person's earlier keys.
    """
    require(principal, "admin")
    person = body.model_dump(exclude={"person", "expires_in_days"}, exclude_unset=True)
    command = Invite(
        days=body.expires_in_days or request.app.state.settings.invitation_days,
        person=body.person,
        values=None if body.person else person,
    )

    async def work(uow: PartnersUnitOfWork) -> Answer:
        invitation, code = await invite(command, uow)
        out = _out(invitation, request)
        body = InvitationMade(**dict(out), code=code, path=f"/join/{code}")
        kept = body.model_copy(update={"code": None, "path": None})
        headers = {"Location": f"/api/v1/invitations/{invitation.id}", **NO_STORE}
        return Answer(201, shown(body), headers, keep=shown(kept))

    return await write(request, principal, work, body=body, key=key)


@router.get("/invitations", response_model=ListOf[InvitationOut], responses=problems(400, 401, 403))
async def list_invitations(
    request: Request,
    response: Response,
    principal: SignedIn,
    person: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ListOf[InvitationOut]:
    require(principal, "admin")
    async with runtime_of(request).db.read() as session:
        found, last = await queries.invitations(session, principal, page_of(limit, cursor), person=person)
    following = encode_cursor((last,)) if last else None
    link_next(request, response, following)
    return ListOf(data=[_out(each, request) for each in found], next_cursor=following)


@router.get("/invitations/{invitation}", response_model=InvitationOut, responses=problems(401, 403, 404))
async def get_invitation(request: Request, principal: SignedIn, invitation: str) -> InvitationOut:
    require(principal, "admin")
    async with runtime_of(request).db.read() as session:
        found = await queries.invitation(session, principal, invitation)
    if found is None:
        raise not_found("invitation")
    return _out(found, request)


@router.post("/invitations/{invitation}:withdraw", response_model=InvitationOut, responses=problems(401, 403, 404, 409))
async def post_withdrawal(
    request: Request, principal: SignedIn, invitation: str, key: IdempotencyKey = None
) -> Response:
    """The code does not work any more (administrators)."""
    require(principal, "admin")

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return Answer(200, shown(_out(await withdraw_invitation(invitation, uow), request)))

    return await write(request, principal, work, key=key)


@router.post("/invitations:redeem", status_code=201, response_model=KeyMade, responses=problems(404, 422))
async def post_redemption(request: Request, body: RedeemIn, key: IdempotencyKey = None) -> Response:
    """Turn a code into an API key, once, without signing in. A code that does not work never says why.

    Only a POST: programs that follow links in mail, to look what is behind them, must not use the code up.
    """
    check_key(key, required=False)
    command = Redeem(body.code, request.app.state.settings.key_days)
    if key is not None:
        # All the world shares the principal "public": with the code mixed in, nobody meets another's key.
        key = hashlib.sha256(f"{body.code}\n{key}".encode("utf-8", "surrogatepass")).hexdigest()

    async def work(uow: PartnersUnitOfWork) -> Answer:
        made, text = await redeem(command, uow)
        return key_made(made, text)

    # No lane: a flood of wrong codes must not hold up the registry. The rows that matter are locked.
    return await write(request, PUBLIC, work, body=body, key=key, lane=None)


def _out(invitation: Invitation, request: Request) -> InvitationOut:
    state = invitation.state(runtime_of(request).clock.now())
    return InvitationOut(
        id=invitation.id,
        person=invitation.person,
        state=state,
        created_at=invitation.created_at,
        created_by=invitation.created_by,
        expires_at=invitation.expires_at,
        redeemed_at=invitation.redeemed_at,
        withdrawn_at=invitation.withdrawn_at,
    )
