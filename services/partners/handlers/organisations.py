"""Register and amend organisations."""

from dataclasses import replace
from typing import Any

from services.partners import events
from services.partners.commands import AmendOrganisation, RegisterOrganisation
from services.partners.domain import organisations as domain
from services.partners.domain.errors import Conflict, Fault, Missing, Stale, conflict, invalid
from services.partners.domain.organisations import Organisation
from services.partners.uow import PartnersUnitOfWork

_LONGEST_LINE = 20
"""More levels of parents than any organisation has; ends the walk upwards whatever the rows say."""


async def register_organisation(command: RegisterOrganisation, uow: PartnersUnitOfWork) -> Organisation:
    """Raises Invalid, or Conflict where the slug or an identifier is another's."""
    values: dict[str, Any] = dict(command.values)
    parent: str | None = values.pop("parent", None)
    now, taken = uow.clock.now(), await uow.slugs()
    slug = command.slug or domain.slug_for(values["name"], values.get("acronym"), taken)
    organisation = Organisation(id=uow.ids.new("org"), version=1, slug=slug, created_at=now, updated_at=now, **values)
    domain.check(organisation)
    if slug in taken:
        raise conflict("#/slug", "taken", "another organisation has this slug")
    organisation = await _placed(organisation, parent, uow)
    await _check_identifiers(organisation, uow)
    await uow.organisations.add(organisation)
    await uow.hold(organisation)
    await uow.index_names(organisation)
    _tell("organisation.registered", organisation, uow)
    return organisation


async def amend_organisation(command: AmendOrganisation, uow: PartnersUnitOfWork) -> Organisation:
    """Raises Missing, Stale, Invalid or Conflict."""
    before = await uow.organisation(command.reference)
    if before is None:
        raise Missing("organisation")
    if before.version != command.version:
        raise Stale(before.version)
    changes = dict(command.changes)
    parent = changes.pop("parent", before.parent)
    after = domain.amended(before, changes, uow.clock.now())
    domain.check(after)
    after = await _placed(after, parent, uow)
    if replace(after, version=before.version, updated_at=before.updated_at) == before:
        return before
    await _check_identifiers(after, uow)
    await uow.organisations.save(after)
    await uow.hold(after)
    await uow.index_names(after)
    _tell("organisation.amended", after, uow)
    return after


async def _placed(organisation: Organisation, reference: str | None, uow: PartnersUnitOfWork) -> Organisation:
    """With its parent's id, after a look at who is above."""
    if reference is None:
        return replace(organisation, parent=None)
    parent = await uow.organisation(reference)
    if parent is None:
        raise invalid("#/parent", "unknown_organisation", "no organisation has this id or slug")
    line = [parent.id]
    above = parent.parent
    while above and len(line) < _LONGEST_LINE:
        line.append(above)
        next_one = await uow.organisation(above)
        above = next_one.parent if next_one else None
    domain.check_parent(organisation, line)
    return replace(organisation, parent=parent.id)


async def _check_identifiers(organisation: Organisation, uow: PartnersUnitOfWork) -> None:
    if organisation.status != domain.ACTIVE:
        return
    faults: list[Fault] = []
    for number, identifier in enumerate(organisation.identifiers):
        holder = await uow.holder(identifier)
        if holder not in (None, organisation.id):
            faults.append(Fault(f"#/identifiers/{number}", "taken", f"{holder} has this identifier"))
    if faults:
        raise Conflict(faults)


def _tell(name: str, organisation: Organisation, uow: PartnersUnitOfWork) -> None:
    uow.emit(
        name,
        organisation.id,
        organisation.version,
        events.of_organisation(organisation),
        partner=organisation.id,
    )
    uow.note(name, organisation.id, organisation.version)
