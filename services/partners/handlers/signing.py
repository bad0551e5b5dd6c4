"""The keys that sign tokens, and the tokens themselves."""

from datetime import datetime, timedelta

from services.partners import events
from services.partners.domain import access
from services.partners.domain.access import SigningKey
from services.partners.domain.errors import Refused
from services.partners.uow import PartnersUnitOfWork
from shared.clock import Clock
from shared.registry import GRANTS
from shared.tokens import generate_key, sign
from shared.visibility import Principal


async def first_signing_key(uow: PartnersUnitOfWork) -> bool:
    """At the very first start: published and used at once. False where there is one already."""
    if await uow.signing_keys.where():
        return False
    await _publish(uow, uow.clock.now())
    return True


async def rotate_signing_key(overlap: timedelta, uow: PartnersUnitOfWork) -> SigningKey:
    """Publish the next key now, sign with it after `overlap`, and retire the present one once its tokens have expired.

    Nothing is left to do later: the times say it all, to us and to the verifiers.
    """
    before = [key for key in await uow.signing_keys.where() if key.not_after is None]
    following = await _publish(uow, uow.clock.now() + overlap)
    for key in before:
        locked = await uow.signing_keys.get(key.id)
        assert locked is not None
        after = access.retired(locked, following.used_from)
        await uow.signing_keys.save(after)
        uow.emit("signing_key.retired", after.id, after.version, events.of_signing_key(after))
        uow.note("signing_key.retired", after.id, after.version)
    return following


async def rotate_if_due(age: timedelta, overlap: timedelta, uow: PartnersUnitOfWork) -> SigningKey | None:
    """Rotate where the newest key has been published for `age`; None where it has not. The caller holds the lane, so of
    two replicas that find it due the second finds a new one."""
    newest = max((key.not_before for key in await uow.signing_keys.where()), default=None)
    if newest is None or uow.clock.now() < newest + age:
        return None
    return await rotate_signing_key(overlap, uow)


def mint_token(
    principal: Principal, asked: tuple[str, ...], keys: list[SigningKey], clock: Clock, api_key: str | None = None
) -> tuple[str, datetime, tuple[str, ...]]:
    """A token for who signed in (with `api_key`): its text, when it expires, what it allows. Raises Invalid or Refused.

    The grants are written out: a token without any would allow everything that the roles allow.
    """
    now = clock.now()
    allowed = frozenset[str]().union(*(GRANTS.get(role, frozenset[str]()) for role in principal.roles))
    scopes = access.narrowed(asked, principal.grants, allowed) or access.in_order(principal.grants)
    key = access.signer(keys, now)
    if key is None or principal.person is None:
        raise Refused("There is no key to sign with yet.")
    text, expires_at = sign(key.jwk, principal.person, frozenset(scopes), now, api_key=api_key)
    return text, expires_at, scopes


async def _publish(uow: PartnersUnitOfWork, used_from: datetime) -> SigningKey:
    kid = uow.ids.new("kid")
    key = SigningKey(id=kid, version=1, jwk=generate_key(kid), not_before=uow.clock.now(), used_from=used_from)
    await uow.signing_keys.add(key)
    uow.emit("signing_key.published", key.id, key.version, events.of_signing_key(key))
    uow.note("signing_key.published", key.id, key.version)
    return key
