"""Sessions: what a sign-in gives is an API key of its own kind, for hours, so that every service knows it already."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Delete, delete, or_

from services.partners import orm
from services.partners.domain import access
from services.partners.domain.access import SESSION, ApiKey
from services.partners.domain.errors import Refused, Unproven, conflict
from services.partners.domain.people import Person
from services.partners.handlers.keys import make_key, revoke
from services.partners.uow import PartnersUnitOfWork

_api_key: Any = orm.ApiKeyRow
_person: Any = orm.PersonRow

WRONG = "This address and password do not go together here."
STRANGER = "Nobody here has an address that your provider has verified for you. Ask an administrator for an invitation."


KEEP_ENDED = timedelta(days=30)
"""How long a session is still listed once it is over."""


def ended_sessions(now: datetime) -> Delete:
    """Sessions that have long been over may be forgotten; the audit tells of them all the same. Keys that people keep are
    not: one that was revoked must never be taken for new (handlers/bootstrap.py)."""
    over = or_(_api_key.expires_at < now - KEEP_ENDED, _api_key.revoked_at < now - KEEP_ENDED)
    return delete(_api_key).where(_api_key.kind == SESSION, over)


async def open_session(person_id: str, lifetime: timedelta, uow: PartnersUnitOfWork) -> tuple[ApiKey, str]:
    """A session of somebody who has just proved who they are, whose row is locked: the key and its text.

    Where as many are live as may be, the oldest ends.
    """
    now = uow.clock.now()
    uow.actor = person_id
    for old in access.outlived(await uow.api_keys.where(_api_key.person == person_id), now):
        await revoke(old, uow)
    return await make_key(person_id, (), None, now + lifetime, uow, kind=SESSION)


async def sign_in(
    person_id: str, proven: str, rehashed: str | None, lifetime: timedelta, uow: PartnersUnitOfWork
) -> tuple[ApiKey, str]:
    """A session for who has typed the password behind the hash `proven`, if it is theirs still. Raises Unproven.

    rehashed: the same password at today's costs, where the stored hash has others.
    """
    person = await uow.people.get(person_id)
    if person is None or not person.active or await uow.password(person.id) != proven:
        raise Unproven(WRONG)
    if rehashed is not None:
        await uow.set_password(person.id, rehashed)
    return await open_session(person.id, lifetime, uow)


async def change_password(key: ApiKey, before: str | None, hashed: str, uow: PartnersUnitOfWork) -> Person:
    """Put `hashed` in the place of `before`, which the caller has proved to know or to be above. Other sessions end.

    Raises Unproven, or Conflict where somebody else was faster, or where there is no address to sign in with.
    """
    person = await uow.people.get(key.person)
    held = await uow.api_keys.get(key.id)
    if person is None or held is None or held.revoked_at:
        raise Unproven(WRONG)
    if person.email is None:
        raise conflict(
            "#", "no_address", "you sign in with an address and a password; an administrator adds your address"
        )
    if await uow.password(person.id) != before:
        raise conflict("#/password", "changed", "it was changed meanwhile")
    await uow.set_password(person.id, hashed)
    for other in await uow.api_keys.where(_api_key.person == person.id):
        if other.kind == SESSION and other.id != key.id and not other.revoked_at:
            await revoke(other, uow)
    uow.note("password.changed", person.id, person.version)
    return person


async def sign_in_proven(
    issuer: str,
    subject: str,
    email: str | None,
    token_hash: str,
    until: datetime,
    lifetime: timedelta,
    uow: PartnersUnitOfWork,
) -> tuple[ApiKey, str]:
    """A session for who a provider says is `subject`. Known by that pair; the first time by the address it has verified.

    Nobody registers themselves. Raises Unproven for a token that was used before, Refused for who is not to be let in.
    """
    if not await uow.use_up(token_hash, until):
        raise Unproven("This ID token has been used; sign in again.")
    found = await uow.identified(issuer, subject)
    if found is not None:
        person = await uow.people.get(found)
    else:
        person = await uow.people.first(_person.email_key == email.casefold()) if email else None
        # who is somebody else there already does not become a second one because an address has changed hands
        if person is not None and (not person.active or await uow.identities(person.id, issuer)):
            person = None
    if person is None or not person.active:
        raise Refused(STRANGER)
    uow.actor = person.id
    if found is None:
        await uow.bind(person.id, issuer, subject)
        uow.note("identity.bound", person.id, person.version)
    return await open_session(person.id, lifetime, uow)


async def end_session(key: ApiKey, uow: PartnersUnitOfWork) -> ApiKey:
    """Sign out: the session in hand ends. Raises Refused for any other key, which its person keeps."""
    if key.kind != SESSION:
        raise Refused("This is a key that you keep, and no session; revoke it where you want it to end.")
    return key if key.revoked_at else await revoke(key, uow)
