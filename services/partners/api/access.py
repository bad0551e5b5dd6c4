"""`/api/v1/keys`, `/api/v1/tokens`, `/api/v1/signing-keys`."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from services.partners.api.edge import (
    NO_STORE,
    problems,
    shown,
    write,
)
from services.partners.api.schemas import KeyIn, KeyMade, KeyOut, KeySet, ListOf, SigningKeyOut, TokenIn, TokenOut
from services.partners.commands import IssueKey
from services.partners.domain.access import SESSION, ApiKey
from services.partners.handlers.keys import issue_key, revoke_key
from services.partners.handlers.signing import mint_token, rotate_signing_key
from services.partners.queries import people as queries
from services.partners.uow import PartnersUnitOfWork
from shared.answers import Cursor, IdempotencyKey, Limit, page_of, runtime_of
from shared.auth import KEY_PREFIX, Anyone, SignedIn, hash_api_key, holder_of, require, unauthenticated
from shared.idempotency import Answer
from shared.paging import DEFAULT_LIMIT, encode_cursor, link_next
from shared.problem import FieldError, Problem, instant
from shared.visibility import Principal
from shared.web import StrictRoute

router = APIRouter(prefix="/api/v1", tags=["keys and tokens"], route_class=StrictRoute)


@router.post("/keys", status_code=201, response_model=KeyMade, responses=problems(401, 403, 409, 422))
async def post_key(request: Request, principal: SignedIn, body: KeyIn, key: IdempotencyKey = None) -> Response:
    """Another key for yourself, to rotate, or for a service (administrators). Shown this once; two can be live.

    Sign in with an API key: neither a token of ten minutes nor a session of hours must become a key of a year.
    """
    require_key(request)
    _require_standing(principal)
    await _require_kept(request)
    expires_at = instant("#/expires_at", body.expires_at)
    within = holder_of(request).origins
    command = IssueKey(tuple(body.scopes), body.label, expires_at, body.person, tuple(body.origins), within)
    days: int = request.app.state.settings.key_days

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return key_made(*await issue_key(command, principal, days, uow))

    return await write(request, principal, work, body=body, key=key)


@router.get("/keys", response_model=ListOf[KeyOut], responses=problems(400, 401, 403))
async def list_keys(
    request: Request,
    response: Response,
    principal: SignedIn,
    person: Annotated[str | None, Query(max_length=100, description="somebody else's; administrators only")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ListOf[KeyOut]:
    """Your keys, the revoked ones too; of each the first characters, never the key."""
    if person is not None and person != principal.person:
        require(principal, "admin")
    async with runtime_of(request).db.read() as session:
        found, last = await queries.api_keys(session, principal, person or principal.id, page_of(limit, cursor))
        used = await queries.used(session, [each.id for each in found])
    following = encode_cursor((last,)) if last else None
    link_next(request, response, following)
    return ListOf(data=[key_out(each, used.get(each.id)) for each in found], next_cursor=following)


@router.post("/keys/{key_id}:revoke", response_model=KeyOut, responses=problems(401, 404))
async def post_revocation(request: Request, principal: SignedIn, key_id: str, key: IdempotencyKey = None) -> Response:
    """One of your keys, or anybody's (administrators). Tokens made with it, and open streams, end with it."""

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return Answer(200, shown(key_out(await revoke_key(key_id, principal, uow))))

    return await write(request, principal, work, key=key)


@router.post("/tokens", status_code=201, response_model=TokenOut, responses=problems(401, 403, 422))
async def post_token(
    request: Request, principal: SignedIn, body: TokenIn | None = None, key: IdempotencyKey = None
) -> Response:
    """A token of ten minutes for the key in hand; it ends with that key, and is for the same origins. Nothing is stored,
    so a repeat is harmless and makes another."""
    require_key(request)
    _require_standing(principal)
    asked = tuple(body.scopes) if body else ()
    runtime = runtime_of(request)
    async with runtime.db.read() as session:
        keys = await queries.signing_keys(session)
    token, expires_at, scopes = mint_token(principal, asked, keys, runtime.clock, holder_of(request).proof.key)
    out = TokenOut(token=token, expires_at=expires_at, scopes=list(scopes))
    return JSONResponse(shown(out), status_code=201, headers=NO_STORE)


@router.get("/signing-keys", response_model=KeySet, responses=problems(401))
async def get_signing_keys(request: Request, principal: Anyone) -> Response:
    """The public keys by which tokens are verified (RFC 7517)."""
    runtime = runtime_of(request)
    async with runtime.db.read() as session:
        found = await queries.key_set(session, principal, runtime.clock.now())
    return JSONResponse(found, headers={"Cache-Control": "public, max-age=60"})


@router.post("/signing-keys:rotate", status_code=201, response_model=SigningKeyOut, responses=problems(401, 403))
async def post_rotation(request: Request, principal: SignedIn, key: IdempotencyKey = None) -> Response:
    """Publish the next signing key (administrators). It signs once every service has heard of it; the old one retires."""
    require(principal, "admin")
    overlap = timedelta(seconds=request.app.state.settings.signing_overlap)

    async def work(uow: PartnersUnitOfWork) -> Answer:
        made = await rotate_signing_key(overlap, uow)
        return Answer(201, shown(SigningKeyOut(kid=made.id, not_before=made.not_before, used_from=made.used_from)))

    return await write(request, principal, work, key=key)


def key_made(key: ApiKey, text: str) -> Answer:
    """The one answer that shows the key itself."""
    body = KeyMade(**dict(key_out(key)), key=text)
    return Answer(201, shown(body), NO_STORE, keep=shown(body.model_copy(update={"key": None})))


def key_out(key: ApiKey, used_at: datetime | None = None) -> KeyOut:
    lists = {"scopes": list(key.scopes), "origins": list(key.origins)}
    return KeyOut.model_validate(asdict(key) | lists | {"used_at": used_at})


def require_key(request: Request) -> str:
    """The API key in hand. Raises a 403 problem for a token."""
    _, _, credential = request.headers.get("authorization", "").partition(" ")
    if not credential.strip().startswith(KEY_PREFIX):
        detail = "sign in with an API key here; a token does not do"
        raise Problem("forbidden", f"Authorization: {detail}", [FieldError("Authorization", "token", detail)])
    return credential.strip()


async def key_in_hand(request: Request) -> ApiKey:
    """As it is stored. Raises a 403 problem for a token."""
    text = require_key(request)
    async with runtime_of(request).db.read() as session:
        found = await queries.key_by_hash(session, hash_api_key(text))
    if found is None:
        raise unauthenticated()
    return found


def _require_standing(principal: Principal) -> None:
    """Who has lapsed is told why nothing can be made of the key, and whom to ask."""
    if principal.lapsed and not principal.grants:
        require(principal, "read")


async def _require_kept(request: Request) -> None:
    if (await key_in_hand(request)).kind == SESSION:
        detail = "a session does not make a key that outlives it; an invitation gives you one"
        raise Problem("forbidden", f"Authorization: {detail}", [FieldError("Authorization", "session", detail)])
