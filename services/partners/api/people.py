"""`/api/v1/people` for administrators, `/api/v1/me` for everybody with a key."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response

from services.partners.api.edge import (
    problems,
    shown,
    tagged,
    write,
)
from services.partners.api.schemas import (
    ConfirmationOut,
    ConfirmerOut,
    ListOf,
    Me,
    MyPartner,
    PersonIn,
    PersonOut,
    PersonPatch,
    ToConfirm,
)
from services.partners.commands import AddPerson, AmendPerson
from services.partners.domain.focal_points import CONFIRMED, confirmation
from services.partners.domain.people import ROLES, Person
from services.partners.events import ScopeState
from services.partners.handlers import people as handlers
from services.partners.queries import people as queries
from services.partners.uow import PartnersUnitOfWork
from shared.answers import Cursor, IdempotencyKey, IfMatch, IfNoneMatch, Limit, conditional, page_of, runtime_of
from shared.auth import Myself, SignedIn, require
from shared.etags import expected_version
from shared.idempotency import Answer
from shared.paging import DEFAULT_LIMIT, encode_cursor, link_next
from shared.problem import FieldError, Problem, not_found
from shared.web import StrictRoute

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=StrictRoute)


@router.get("/me", response_model=Me, responses=problems(401))
async def get_me(request: Request, principal: Myself) -> Me:
    """Who the key or token in hand speaks for, what it allows, and whether a focal point's role is to be confirmed."""
    now = runtime_of(request).clock.now()
    async with runtime_of(request).db.read() as session:
        person = await queries.person(session, principal, principal.id)
        if person is None:
            raise not_found("person")
        partners = await queries.organisations_of(session, person)
        stands = confirmation(person, now)
        asked = await queries.confirmers_of(session, person, now) if stands and stands.state != CONFIRMED else []
        waiting = await queries.to_confirm(session, principal, now)
    return Me(
        id=person.id,
        name=person.name,
        email=person.email,
        partners=[MyPartner.model_validate(each) for each in partners],
        roles=list(person.roles),
        scope=ScopeState.model_validate(person.scope),
        grants=sorted(principal.grants),
        confirmation=stands
        and ConfirmationOut(
            state=stands.state,
            until=stands.until,
            confirmers=[ConfirmerOut(person=each.id, name=each.name, role=role) for each, role in asked],
        ),
        to_confirm=[
            ToConfirm(person=each.id, name=each.name, until=each.confirmed_until)
            for each in waiting
            if each.confirmed_until
        ],
    )


@router.get("/people", response_model=ListOf[PersonOut], responses=problems(400, 401, 403))
async def list_people(
    request: Request,
    response: Response,
    principal: SignedIn,
    role: Annotated[str | None, Query(max_length=50)] = None,
    partner: Annotated[str | None, Query(max_length=100, description="organisation id")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ListOf[PersonOut]:
    require(principal, "admin")
    if role is not None and role not in ROLES:
        detail = f"one of {', '.join(ROLES)}"
        raise Problem("malformed", f"?role: {detail}", [FieldError("?role", "unknown_code", detail)])
    async with runtime_of(request).db.read() as session:
        found, last = await queries.people(session, principal, page_of(limit, cursor), role=role, partner=partner)
    following = encode_cursor((last,)) if last else None
    link_next(request, response, following)
    return ListOf(data=[_out(each) for each in found], next_cursor=following)


@router.get("/people/{person}", response_model=PersonOut, responses=problems(401, 404))
async def get_person(request: Request, principal: SignedIn, person: str, if_none_match: IfNoneMatch = None) -> Response:
    """Oneself, or for administrators anybody."""
    async with runtime_of(request).db.read() as session:
        found = await queries.person(session, principal, person)
    if found is None:
        raise not_found("person")
    return conditional(found.version, shown(_out(found)), if_none_match)


@router.post("/people", status_code=201, response_model=PersonOut, responses=problems(401, 403, 409, 422))
async def post_person(request: Request, principal: SignedIn, body: PersonIn, key: IdempotencyKey = None) -> Response:
    """Add a person without a key (administrators). An invitation gives the key; a service gets one by POST /keys."""
    require(principal, "admin")
    command = AddPerson(body.model_dump(exclude_unset=True))

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return _answer(201, await handlers.add_person(command, uow))

    return await write(request, principal, work, body=body, key=key)


@router.patch("/people/{person}", response_model=PersonOut, responses=problems(401, 403, 404, 409, 412, 415, 422, 428))
async def patch_person(
    request: Request,
    principal: SignedIn,
    person: str,
    body: Annotated[PersonPatch, Body(media_type="application/merge-patch+json")],
    if_match: IfMatch = None,
) -> Response:
    """Amend a person (administrators). Changed roles hold from the next request on, whatever the token says."""
    require(principal, "admin")
    command = AmendPerson(person, expected_version(if_match), body.model_dump(exclude_unset=True))

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return _answer(200, await handlers.amend_person(command, uow))

    return await write(request, principal, work, body=body)


@router.post("/people/{person}:confirm", response_model=PersonOut, responses=problems(401, 403, 404, 409))
async def confirm_person(request: Request, principal: SignedIn, person: str, key: IdempotencyKey = None) -> Response:
    """A focal point goes on being one: for a year, unless set otherwise. By an administrator, or by a confirmed focal point
    of every partner that the other posts for; never by oneself."""

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return _answer(200, await handlers.confirm_person(person, principal, uow))

    return await write(request, principal, work, key=key)


@router.post("/people/{person}:deactivate", response_model=PersonOut, responses=problems(401, 403, 404, 409))
async def deactivate_person(request: Request, principal: SignedIn, person: str, key: IdempotencyKey = None) -> Response:
    """Revoke all keys and refuse all tokens of the person (administrators). Takes no If-Match: it must work at once."""
    require(principal, "admin")

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return _answer(200, await handlers.deactivate_person(person, uow))

    return await write(request, principal, work, key=key)


@router.post("/people/{person}:activate", response_model=PersonOut, responses=problems(401, 403, 404, 409))
async def activate_person(request: Request, principal: SignedIn, person: str, key: IdempotencyKey = None) -> Response:
    """The way back from deactivate (administrators); the person needs a new invitation for a new key."""
    require(principal, "admin")

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return _answer(200, await handlers.activate_person(person, uow))

    return await write(request, principal, work, key=key)


@router.post("/people/{person}:erase", response_model=PersonOut, responses=problems(401, 403, 404, 409))
async def erase_person(request: Request, principal: SignedIn, person: str, key: IdempotencyKey = None) -> Response:
    """Remove name and address for good, here and wherever else they are held (administrators). The id stays, as a trace."""
    require(principal, "admin")

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return _answer(200, await handlers.erase_person(person, uow))

    answer = await write(request, principal, work, key=key)
    await runtime_of(request).db.scrub()
    return answer


def _out(person: Person) -> PersonOut:
    return PersonOut.model_validate(person)


def _answer(status: int, person: Person) -> Answer:
    body = shown(_out(person))
    headers = tagged(person.version, body)
    if status == 201:
        headers["Location"] = f"/api/v1/people/{person.id}"
    return Answer(status, body, headers)
