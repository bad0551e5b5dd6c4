"""`/api/v1/sign-in`, `/api/v1/sessions`, `/api/v1/me/password`: people sign in, and get an API key that lives for hours.

No answer of a sign-in is kept for an Idempotency-Key, and no request is: a fingerprint of a password is a password to guess.
"""

import hashlib
import math
from datetime import timedelta

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.partners.api.access import key_in_hand, key_made, key_out
from services.partners.api.edge import problems, shown, write
from services.partners.api.schemas import (
    ExchangeIn,
    KeyMade,
    KeyOut,
    PasswordChanged,
    PasswordIn,
    PasswordSignIn,
    ProviderOut,
    SignInOut,
)
from services.partners.domain.errors import Unproven
from services.partners.handlers import sessions as handlers
from services.partners.queries import people as queries
from services.partners.signin.doors import Doors
from services.partners.signin.idtokens import verified
from services.partners.signin.passwords import LONGEST, SHORTEST, Passwords, fits
from services.partners.signin.provider import ProviderDown
from services.partners.uow import PartnersUnitOfWork
from shared.answers import IdempotencyKey, runtime_of
from shared.auth import Anyone, Myself
from shared.idempotency import Answer, check_key
from shared.limits import client_address
from shared.problem import FieldError, Problem, invalid
from shared.tokens import BadToken
from shared.visibility import PUBLIC
from shared.web import StrictRoute

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/api/v1", tags=["signing in"], route_class=StrictRoute)

FRESH = timedelta(hours=1)
"""How long the key of an invitation may set a password without the present one."""


@router.get("/sign-in", response_model=SignInOut, responses=problems(401))
async def get_ways(request: Request, _: Anyone) -> SignInOut:
    """What people can sign in with here, beside a key; of the provider, where to send them."""
    doors = _doors(request)
    found: ProviderOut | None = None
    if doors.provider is not None:
        try:
            told = await doors.provider.addresses()
        except ProviderDown:
            log.warning("provider.down")
        else:
            found = ProviderOut(
                issuer=doors.provider.issuer,
                client_id=doors.provider.client_id,
                authorization_endpoint=told.authorization_endpoint,
                token_endpoint=told.token_endpoint,
            )
    return SignInOut(password=doors.passwords is not None, oidc=found)


@router.post("/sessions", status_code=201, response_model=KeyMade, responses=problems(401, 403, 422, 429))
async def post_session(request: Request, body: PasswordSignIn, key: IdempotencyKey = None) -> Response:
    """Sign in with address and password: a key of kind `session`. An address that nobody has answers like a wrong password."""
    check_key(key, required=False)
    doors = _doors(request)
    passwords = _passwords(doors)
    address = ("address", hashlib.sha256(body.email.casefold().encode()).hexdigest())
    client = ("client", client_address(request.scope, doors.proxies))
    _take(doors, address, client)
    runtime = runtime_of(request)
    async with runtime.db.read() as session:
        found = await queries.sign_in_of(session, body.email.casefold())
    person, stored = found or ("", None)
    if not await passwords.verify(stored, body.password) or stored is None:
        raise Unproven(handlers.WRONG)
    doors.addresses.give_back(address)
    doors.clients.give_back(client)
    rehashed = await passwords.hash(body.password) if passwords.outdated(stored) else None

    async def work(uow: PartnersUnitOfWork) -> Answer:
        return key_made(*await handlers.sign_in(person, stored, rehashed, _lifetime(request), uow))

    return await write(request, PUBLIC, work, lane=None)


@router.post("/sessions:exchange", status_code=201, response_model=KeyMade, responses=problems(401, 403, 422, 503))
async def post_exchange(request: Request, body: ExchangeIn, key: IdempotencyKey = None) -> Response:
    """Sign in with an ID token of the provider, once: a key of kind `session`. `nonce` is the one it was asked for with."""
    check_key(key, required=False)
    provider = _doors(request).provider
    if provider is None:
        raise Problem("forbidden", "Nobody signs in with an OpenID provider here.")
    try:
        jwk = await provider.key_for(body.id_token)
        proven = verified(
            body.id_token,
            jwk,
            runtime_of(request).clock.now(),
            issuer=provider.issuer,
            client_id=provider.client_id,
            nonce=body.nonce,
            staff=provider.staff,
        )
    except ProviderDown:
        raise Problem("unavailable", "The provider does not answer.", headers={"Retry-After": "30"}) from None
    except BadToken as error:
        log.info("id_token.refused", reason=str(error))
        raise Unproven("This ID token is not valid here, or not any more.") from None
    # the signature is over the first two parts: another spelling of it must not make another token of this one
    signed = hashlib.sha256(body.id_token.rpartition(".")[0].encode()).hexdigest()
    until = proven.expires_at + timedelta(minutes=2)

    async def work(uow: PartnersUnitOfWork) -> Answer:
        made = await handlers.sign_in_proven(
            proven.issuer, proven.subject, proven.email, signed, until, _lifetime(request), uow
        )
        return key_made(*made)

    return await write(request, PUBLIC, work, lane=None)


@router.post("/sessions:end", response_model=KeyOut, responses=problems(401, 403))
async def post_end(request: Request, principal: Myself, key: IdempotencyKey = None) -> Response:
    """Sign out: the session in hand works no longer, anywhere. Keys that you keep are revoked by their id."""
    held = await key_in_hand(request)

    async def work(uow: PartnersUnitOfWork) -> Answer:
        locked = await uow.api_keys.get(held.id)
        ended = await handlers.end_session(locked or held, uow)
        return Answer(200, shown(key_out(ended)))

    return await write(request, principal, work, key=key)


@router.put("/me/password", response_model=PasswordChanged, responses=problems(401, 403, 409, 422, 429))
async def put_password(request: Request, principal: Myself, body: PasswordIn) -> Response:
    """Choose a password: with the present one, or within an hour with the key of an invitation. Your other sessions end."""
    doors = _doors(request)
    passwords = _passwords(doors)
    held = await key_in_hand(request)
    if not fits(body.password):
        raise invalid("#/password", "length", f"{SHORTEST} to {LONGEST} characters")
    runtime = runtime_of(request)
    async with runtime.db.read() as session:
        before = await queries.password_of(session, held.person)
        invited = await queries.came_of_invitation(session, held)
    if not (invited and runtime.clock.now() < held.created_at + FRESH):
        address = ("person", held.person)
        _take(doors, address)
        if not await passwords.verify(before, body.current or ""):
            detail = "not the present one; without it, an invitation gives you a key that sets another within an hour"
            raise Problem("forbidden", f"#/current: {detail}", [FieldError("#/current", "wrong", detail)])
        doors.addresses.give_back(address)
    hashed = await passwords.hash(body.password)

    async def work(uow: PartnersUnitOfWork) -> Answer:
        person = await handlers.change_password(held, before, hashed, uow)
        return Answer(200, shown(PasswordChanged(person=person.id)))

    return await write(request, principal, work, lane=None)


def _doors(request: Request) -> Doors:
    return request.app.state.doors


def _lifetime(request: Request) -> timedelta:
    return timedelta(hours=request.app.state.settings.session_hours)


def _passwords(doors: Doors) -> Passwords:
    if doors.passwords is None:
        raise Problem("forbidden", "Nobody signs in with a password here.")
    return doors.passwords


def _take(doors: Doors, address: tuple[str, str], client: tuple[str, str] | None = None) -> None:
    """One try. Raises a 429 problem, the same for addresses that somebody has and for others."""
    pause = max(doors.addresses.wait(address), doors.clients.wait(client) if client else 0.0)
    if pause:
        detail = "Too many tries with a password. Wait, or ask an administrator for an invitation."
        raise Problem("too-many-requests", detail, headers={"Retry-After": str(math.ceil(pause))})
    doors.addresses.take(address)
    if client:
        doors.clients.take(client)
