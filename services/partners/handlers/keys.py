"""API keys: made, shown once, kept as SHA-256, revoked."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.partners import events, orm
from services.partners.commands import IssueKey
from services.partners.domain import access
from services.partners.domain.access import SHOWN_OF_A_KEY, ApiKey
from services.partners.domain.errors import Missing, Refused, invalid
from services.partners.domain.people import SERVICE
from services.partners.uow import PartnersUnitOfWork
from shared.auth import hash_api_key, new_api_key
from shared.registry import GRANTS
from shared.visibility import Principal

_api_key: Any = orm.ApiKeyRow


async def issue_key(
    command: IssueKey, principal: Principal, key_days: int, uow: PartnersUnitOfWork
) -> tuple[ApiKey, str]:
    """A key for oneself, or by an administrator for a service. Raises Invalid, Conflict or Refused."""
    now = uow.clock.now()
    access.check_expiry(command.expires_at, now)
    origins = access.check_origins(command.origins, command.within)
    own = command.person in (None, principal.person)
    if not own and "admin" not in principal.grants:
        raise Refused("A key for somebody else is made by an administrator, and for services only.")
    person = await uow.people.get(principal.person or "" if command.person is None else command.person)
    if person is None or not person.active:
        raise invalid("#/person", "unknown_person", "nobody active has this id")
    if own:
        allowed = frozenset[str]().union(*(GRANTS.get(role, frozenset[str]()) for role in person.roles))
        scopes = access.narrowed(command.scopes, principal.grants, allowed)
    else:
        if SERVICE not in person.roles:
            raise invalid("#/person", "not_a_service", "people get their key by an invitation, from nobody's hand")
        access.check_scopes(command.scopes)
        scopes = access.in_order(command.scopes)
    access.check_room(await uow.api_keys.where(_api_key.person == person.id), now)
    expires_at = command.expires_at or access.expiry(now, key_days)
    return await make_key(person.id, scopes, command.label, expires_at, uow, origins=origins)


async def make_key(
    person_id: str,
    scopes: tuple[str, ...],
    label: str | None,
    expires_at: datetime | None,
    uow: PartnersUnitOfWork,
    text: str | None = None,
    kind: str = access.KEY,
    *,
    origins: tuple[str, ...] = (),
) -> tuple[ApiKey, str]:
    """The key and its text. The person's row is locked already. text: a key that was given (bootstrap), else drawn."""
    text = text or new_api_key()
    key = ApiKey(
        id=uow.ids.new("key"),
        version=1,
        person=person_id,
        prefix=text[:SHOWN_OF_A_KEY],
        hash=hash_api_key(text),
        created_at=uow.clock.now(),
        scopes=scopes,
        origins=origins,
        label=label,
        kind=kind,
        expires_at=expires_at,
    )
    await uow.api_keys.add(key)
    uow.emit("api_key.issued", key.id, key.version, events.of_api_key(key))
    uow.note("api_key.issued", key.id, key.version, {"person": person_id})
    return key, text


async def revoke_key(key_id: str, principal: Principal, uow: PartnersUnitOfWork) -> ApiKey:
    """One's own, or by an administrator anybody's. Repeating it changes nothing. Raises Missing."""
    key = await uow.api_keys.get(key_id)
    if key is None or (key.person != principal.person and "admin" not in principal.grants):
        raise Missing("key")
    return key if key.revoked_at else await revoke(key, uow)


async def revoke_keys_of(person_id: str, uow: PartnersUnitOfWork, *, forget_labels: bool = False) -> None:
    """All that are not revoked yet, expired ones too. Labels are free text: an erased person's go with the name."""
    for key in await uow.api_keys.where(_api_key.person == person_id):
        now_key = key if key.revoked_at else await revoke(key, uow)
        if forget_labels and now_key.label is not None:
            await uow.api_keys.save(replace(now_key, label=None))


async def revoke(key: ApiKey, uow: PartnersUnitOfWork) -> ApiKey:
    """`key` is not revoked yet."""
    after = access.revoked(key, uow.clock.now())
    await uow.api_keys.save(after)
    uow.emit("api_key.revoked", after.id, after.version, events.of_api_key(after))
    uow.note("api_key.revoked", after.id, after.version, {"person": after.person})
    return after
