"""`/api/v1/organisations`: read by everybody, written by administrators."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response

from services.partners.api.edge import (
    codes_of,
    problems,
    shown,
    tagged,
    write,
)
from services.partners.api.schemas import (
    CandidateOut,
    ListOf,
    NamesIn,
    OrganisationIn,
    OrganisationOut,
    OrganisationPatch,
    ReasonOut,
    ResolvedNames,
    ResolvedOut,
)
from services.partners.commands import AmendOrganisation, RegisterOrganisation
from services.partners.domain.organisations import STATUSES, Alias, Identifier, Organisation, Programme
from services.partners.handlers.organisations import amend_organisation, register_organisation
from services.partners.matching.resolving import SHIPPED, Candidate, because
from services.partners.queries import organisations as queries
from services.partners.uow import PartnersUnitOfWork
from shared.answers import Cursor, IdempotencyKey, IfMatch, IfNoneMatch, Limit, conditional, page_of, runtime_of
from shared.auth import Anyone, SignedIn, require
from shared.etags import expected_version
from shared.idempotency import Answer
from shared.paging import DEFAULT_LIMIT, encode_cursor, link_next
from shared.places import is_country
from shared.problem import not_found
from shared.vocabulary import VOCABULARIES
from shared.web import StrictRoute

router = APIRouter(prefix="/api/v1/organisations", tags=["organisations"], route_class=StrictRoute)
actions = APIRouter(prefix="/api/v1", tags=["organisations"], route_class=StrictRoute)

_PARTS = {"identifiers": Identifier, "aliases": Alias, "programmes": Programme}


@router.get("", response_model=ListOf[OrganisationOut], responses=problems(400, 401))
async def list_organisations(
    request: Request,
    response: Response,
    principal: Anyone,
    type: Annotated[str | None, Query(max_length=500, description="IATI OrganisationType, comma separated")] = None,
    country: Annotated[
        str | None, Query(max_length=2000, description="alpha-3 of seat or work, comma separated")
    ] = None,
    status: Annotated[str | None, Query(max_length=100, description="active, inactive")] = None,
    q: Annotated[str | None, Query(max_length=200, description="part of a name, acronym, alias or slug")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ListOf[OrganisationOut]:
    asked = queries.OrganisationFilter(
        types=codes_of("type", type, lambda code: code in VOCABULARIES["organisation_type"]),
        countries=codes_of("country", country, is_country),
        statuses=codes_of("status", status, lambda code: code in STATUSES),
        text=q or "",
    )
    async with runtime_of(request).db.read() as session:
        found, last = await queries.organisations(session, principal, asked, page_of(limit, cursor))
    following = encode_cursor((last,)) if last else None
    link_next(request, response, following)
    return ListOf(data=[_out(each) for each in found], next_cursor=following)


@router.get("/{reference}", response_model=OrganisationOut, responses=problems(401, 404))
async def get_organisation(
    request: Request, principal: Anyone, reference: str, if_none_match: IfNoneMatch = None
) -> Response:
    """By id or slug."""
    async with runtime_of(request).db.read() as session:
        found = await queries.organisation(session, principal, reference)
    if found is None:
        raise not_found("organisation")
    return conditional(found.version, shown(_out(found)), if_none_match)


@router.post("", status_code=201, response_model=OrganisationOut, responses=problems(401, 403, 409, 422))
async def post_organisation(
    request: Request, principal: SignedIn, body: OrganisationIn, key: IdempotencyKey = None
) -> Response:
    """Register an organisation (administrators). An identifier is a register's: leave it out rather than make one up."""
    require(principal, "admin")
    values = _values(body.model_dump(exclude={"slug"}))

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return _answer(201, await register_organisation(RegisterOrganisation(values, body.slug), uow))

    return await write(request, principal, work, body=body, key=key)


@router.patch(
    "/{reference}", response_model=OrganisationOut, responses=problems(401, 403, 404, 409, 412, 415, 422, 428)
)
async def patch_organisation(
    request: Request,
    principal: SignedIn,
    reference: str,
    body: Annotated[OrganisationPatch, Body(media_type="application/merge-patch+json")],
    if_match: IfMatch = None,
) -> Response:
    """Amend an organisation (administrators). An inactive one holds its identifiers no longer."""
    require(principal, "admin")
    command = AmendOrganisation(reference, expected_version(if_match), _values(body.model_dump(exclude_unset=True)))

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return _answer(200, await amend_organisation(command, uow))

    return await write(request, principal, work, body=body)


@actions.post("/organisations:resolve", response_model=ResolvedNames, responses=problems(401, 422))
async def resolve_names(request: Request, principal: Anyone, body: NamesIn) -> ResolvedNames:
    """Which organisations names mean as people write them: candidates with a probability and reasons. Stores nothing.

    An import takes the organisation where the outcome is `one`, lets somebody choose where it is `ask`, and offers to
    register where it is `none`."""
    names = body.names or [body.name or ""]
    async with runtime_of(request).db.read() as session:
        found = await queries.shortlisted(session, principal, names)
    answers = await asyncio.to_thread(queries.resolved, found, names, body.limit)
    data = [_resolved(index, each) for index, each in enumerate(answers)]
    return ResolvedNames(data=data, weights=SHIPPED.version)


def _resolved(index: int, found: queries.Resolved) -> ResolvedOut:
    resolution = found.resolution
    candidates = [_candidate(each, found.organisations[each.id]) for each in resolution.candidates]
    taken = candidates[0].id if resolution.outcome == "one" else None
    return ResolvedOut(
        index=index,
        name=found.name,
        outcome=resolution.outcome,
        organisation=taken,
        candidates=candidates,
        capped=found.capped,
    )


def _candidate(candidate: Candidate, organisation: Organisation) -> CandidateOut:
    return CandidateOut(
        id=organisation.id,
        slug=organisation.slug,
        name=organisation.name,
        acronym=organisation.acronym,
        status=organisation.status,
        probability=candidate.probability,
        matched=candidate.name,
        kind=candidate.kind,
        because=because(candidate.rows),
        reasons=[
            ReasonOut(field=row.field, level=row.level, why=row.why, bits=row.weight / 100) for row in candidate.rows
        ],
    )


def _values(fields: dict[str, Any]) -> dict[str, Any]:
    """The body's parts as the domain has them."""
    for name, part in _PARTS.items():
        if fields.get(name) is not None:
            fields[name] = tuple(part(**each) for each in fields[name])
    if fields.get("countries") is not None:
        fields["countries"] = tuple(fields["countries"])
    return fields


def _out(organisation: Organisation) -> OrganisationOut:
    return OrganisationOut.model_validate(asdict(organisation))


def _answer(status: int, organisation: Organisation) -> Answer:
    body = shown(_out(organisation))
    headers = tagged(organisation.version, body)
    if status == 201:
        headers["Location"] = f"/api/v1/organisations/{organisation.id}"
    return Answer(status, body, headers)
