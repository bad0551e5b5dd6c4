"""Invitations: a one-use code that gives a person their first key (or the next one, where the last was lost)."""

import hashlib
import secrets
from dataclasses import replace
from typing import Any

from services.partners import orm
from services.partners.commands import AddPerson, Invite, Redeem
from services.partners.domain import access
from services.partners.domain.access import ApiKey, Invitation
from services.partners.domain.errors import Missing, NotRedeemable, conflict, invalid
from services.partners.domain.people import erased
from services.partners.handlers.keys import make_key, revoke_keys_of
from services.partners.handlers.people import add_person, withdraw_invitations_of
from services.partners.uow import PartnersUnitOfWork

CODE_PREFIX = "cvi_"

_invitation: Any = orm.InvitationRow


def hash_code(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


async def invite(command: Invite, uow: PartnersUnitOfWork) -> tuple[Invitation, str]:
    """The invitation and its code, which nobody can read again. One is open per person: an earlier one is withdrawn.

    Raises Missing, Invalid or Conflict.
    """
    now = uow.clock.now()
    if command.person is not None:
        person = await uow.people.get(command.person)
        if person is None:
            raise invalid("#/person", "unknown_person", "nobody has this id")
        if person.erased:
            raise erased()
        if not person.active:
            raise conflict("#/person", "inactive", "this person is deactivated; activate first")
        await withdraw_invitations_of(person.id, uow)
    else:
        person = await add_person(AddPerson(command.values or {}), uow)
    code = CODE_PREFIX + secrets.token_urlsafe(32)
    invitation = Invitation(
        id=uow.ids.new("inv"),
        person=person.id,
        code_hash=hash_code(code),
        created_at=now,
        created_by=uow.actor,
        expires_at=access.expiry(now, command.days),
    )
    await uow.invitations.add(invitation)
    uow.note("invitation.made", invitation.id, 1, {"person": person.id})
    return invitation, code


async def redeem(command: Redeem, uow: PartnersUnitOfWork) -> tuple[ApiKey, str]:
    """The person's key, and its text, which nobody can read again. Earlier keys of the person end here.

    Raises NotRedeemable for every reason alike.
    """
    now = uow.clock.now()
    found = await uow.invitations.where(_invitation.code_hash == hash_code(command.code))
    if not found:
        raise NotRedeemable
    invitation = found[0]
    # The person's row first, as everybody does, so that no two transactions wait for each other.
    person = await uow.people.get(invitation.person)
    if person is None or not person.active or not await uow.spend(invitation, now):
        raise NotRedeemable
    uow.actor = person.id
    uow.note("invitation.redeemed", invitation.id, 1, {"person": person.id})
    await revoke_keys_of(person.id, uow)
    await uow.set_password(person.id, None)  # an invitation is also how somebody gets back in whose password is known
    key, text = await make_key(person.id, (), None, access.expiry(now, command.key_days), uow)
    await uow.invitations.save(replace(invitation, redeemed_at=now, key=key.id))
    return key, text


async def withdraw_invitation(invitation_id: str, uow: PartnersUnitOfWork) -> Invitation:
    """Raises Missing, or Conflict where it is no longer open. Repeating it changes nothing."""
    now = uow.clock.now()
    invitation = await uow.invitations.get(invitation_id)
    if invitation is None:
        raise Missing("invitation")
    state = invitation.state(now)
    if state == "withdrawn":
        return invitation
    if state != "open":
        raise conflict("#", state, f"the invitation is {state}")
    after = replace(invitation, withdrawn_at=now)
    await uow.invitations.save(after)
    uow.note("invitation.withdrawn", after.id, 1, {"person": after.person})
    return after
