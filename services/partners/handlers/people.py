"""Add, amend, deactivate, activate and erase people. No event and no audit row says who they are."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.partners import events, orm
from services.partners.commands import AddPerson, AmendPerson
from services.partners.domain import focal_points
from services.partners.domain import people as domain
from services.partners.domain.errors import Fault, Invalid, Missing, Stale, conflict
from services.partners.domain.organisations import ACTIVE
from services.partners.domain.people import Person, PersonScope
from services.partners.handlers.keys import revoke_keys_of
from services.partners.uow import PartnersUnitOfWork
from shared.visibility import Principal

_person: Any = orm.PersonRow
_invitation: Any = orm.InvitationRow


async def add_person(command: AddPerson, uow: PartnersUnitOfWork) -> Person:
    """Raises Invalid, or Conflict where the address is another's."""
    now = uow.clock.now()
    values: Mapping[str, Any] = command.values
    scope: Mapping[str, Any] = values.get("scope") or {}
    person = Person(
        id=uow.ids.new("per"),
        version=1,
        created_at=now,
        updated_at=now,
        name=values.get("name"),
        email=values.get("email"),
        partners=tuple(values.get("partners") or ()),
        roles=tuple(values.get("roles") or ()),
        scope=PersonScope(**{name: tuple(codes or ()) for name, codes in scope.items()}),
    )
    domain.check(person)
    person = replace(person, partners=await _partners(person.partners, (), uow))
    domain.check(person)
    person = focal_points.given(person, None, uow.actor, uow.confirmed_until)
    await _check_address(person, uow)
    await uow.people.add(person)
    _tell("person.added", person, uow)
    return person


async def amend_person(command: AmendPerson, uow: PartnersUnitOfWork) -> Person:
    """Raises Missing, Stale, Invalid or Conflict (also where nobody would be left to administer)."""
    before = await _get(command.person, uow)
    if before.version != command.version:
        raise Stale(before.version)
    after = domain.amended(before, command.changes, uow.clock.now())
    domain.check(after)
    after = replace(after, partners=await _partners(after.partners, before.partners, uow))
    domain.check(after)
    after = focal_points.given(after, before, uow.actor, uow.confirmed_until)
    if replace(after, version=before.version, updated_at=before.updated_at) == before:
        return before
    await _check_address(after, uow)
    if before.administers and not after.administers:
        await _check_last(before, uow)
    if before.email_key != after.email_key:
        await uow.unbind(after.id)  # it was the old address that said who this is at the provider
    await uow.people.save(after)
    _tell("person.amended", after, uow)
    return after


async def confirm_person(person_id: str, principal: Principal, uow: PartnersUnitOfWork) -> Person:
    """The focal point's role holds anew from now on. Raises Missing (also for whom it is not the principal's to confirm),
    Refused or Conflict."""
    before = await uow.people.get(person_id)
    known = before and (principal.person == before.id or "admin" in principal.grants)
    if before is None or not (known or focal_points.may_confirm(principal, before)):
        raise Missing("person")
    after = focal_points.confirmed(before, principal, uow.confirmed_until, uow.clock.now())
    await uow.people.save(after)
    _tell("person.amended", after, uow, "person.confirmed")
    return after


async def deactivate_person(person_id: str, uow: PartnersUnitOfWork) -> Person:
    """Keys and sessions revoked, no password and no provider's word counts, invitations withdrawn, earlier tokens refused. Repeating it changes nothing."""
    before = await _get(person_id, uow)
    if not before.active:
        return before
    await _check_last(before, uow)
    after = domain.deactivated(before, uow.clock.now())
    await uow.people.save(after)
    await _close(before.id, uow)
    _tell("person.amended", after, uow, "person.deactivated")
    return after


async def activate_person(person_id: str, uow: PartnersUnitOfWork) -> Person:
    """The way back from `deactivate_person`; a new invitation gives a new key."""
    before = await _get(person_id, uow)
    after = domain.activated(before, uow.clock.now())
    if before.active:
        return before
    await uow.people.save(after)
    _tell("person.amended", after, uow, "person.activated")
    return after


async def erase_person(person_id: str, uow: PartnersUnitOfWork) -> Person:
    """Name and address go, here and (by `person.erased`) wherever an address is held. Cannot be taken back.

    Two events: the services that know people only as ids learn from `person.amended` that this one may do nothing more.
    """
    before = await _get(person_id, uow)
    if before.erased:
        return before
    await _check_last(before, uow)
    stripped = domain.stripped(before, uow.clock.now())
    after = replace(stripped, version=stripped.version + 1)
    await uow.people.save(after)
    await _close(before.id, uow, labels=True)
    await uow.forget_answers(before.id)
    uow.emit("person.amended", stripped.id, stripped.version, events.of_person(stripped))
    uow.emit("person.erased", after.id, after.version, events.of_erasure(after))
    uow.note("person.erased", after.id, after.version)
    return after


async def _get(person_id: str, uow: PartnersUnitOfWork) -> Person:
    person = await uow.people.get(person_id)
    if person is None:
        raise Missing("person")
    return person


async def _partners(references: tuple[str, ...], before: tuple[str, ...], uow: PartnersUnitOfWork) -> tuple[str, ...]:
    """Organisation ids for ids or slugs. Only a living organisation can be joined; who is in one already may stay."""
    found: list[str] = []
    faults: list[Fault] = []
    for number, reference in enumerate(references):
        organisation = await uow.organisation(reference)
        if organisation is None:
            faults.append(Fault(f"#/partners/{number}", "unknown_organisation", "no organisation has this id or slug"))
        elif organisation.status != ACTIVE and organisation.id not in before:
            faults.append(Fault(f"#/partners/{number}", "inactive_organisation", "this organisation is inactive"))
        else:
            found.append(organisation.id)
    if faults:
        raise Invalid(faults)
    return tuple(found)


async def _check_address(person: Person, uow: PartnersUnitOfWork) -> None:
    if person.email_key is None:
        return
    other = await uow.people.first(_person.email_key == person.email_key, _person.id != person.id)
    if other:
        raise conflict("#/email", "taken", f"{other.id} has this address; invite that person again instead")


async def _check_last(person: Person, uow: PartnersUnitOfWork) -> None:
    """Somebody must be able to administer tomorrow."""
    if not person.administers:
        return
    others = await uow.people.where(_person.active, _person.id != person.id)
    if not any(other.administers for other in others):
        raise conflict("#/roles", "last_administrator", "nobody else administers; make somebody administrator first")


async def _close(person_id: str, uow: PartnersUnitOfWork, *, labels: bool = False) -> None:
    await revoke_keys_of(person_id, uow, forget_labels=labels)
    await uow.set_password(person_id, None)
    await uow.unbind(person_id)
    await withdraw_invitations_of(person_id, uow)


async def withdraw_invitations_of(person_id: str, uow: PartnersUnitOfWork) -> None:
    now = uow.clock.now()
    for invitation in await uow.invitations.where(_invitation.person == person_id):
        if invitation.state(now) == "open":
            await uow.invitations.save(replace(invitation, withdrawn_at=now))
            uow.note("invitation.withdrawn", invitation.id, 1, {"person": person_id})


def _tell(name: str, person: Person, uow: PartnersUnitOfWork, action: str | None = None) -> None:
    uow.emit(name, person.id, person.version, events.of_person(person))
    uow.note(action or name, person.id, person.version)
