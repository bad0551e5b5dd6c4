"""People, their keys and invitations, and the keys that sign tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.partners import orm
from services.partners.domain import focal_points
from services.partners.domain.access import ApiKey, Invitation, SigningKey
from services.partners.domain.organisations import Organisation
from services.partners.domain.people import ADMINISTRATOR, Person
from services.partners.queries.rows import lists, paged
from services.partners.uow import api_key_of, invitation_of, organisation_of, person_of, signing_key_of
from shared.paging import Page
from shared.tokens import public_part
from shared.visibility import Principal

# SQLModel's class attributes are typed as the values of a row; in statements they are columns.
_organisation: Any = orm.OrganisationRow
_person: Any = orm.PersonRow
_api_key: Any = orm.ApiKeyRow
_invitation: Any = orm.InvitationRow
_password: Any = orm.PasswordRow
_signing_key: Any = orm.SigningKeyRow

_SHOWN = 50


async def people(
    session: AsyncSession, _: Principal, page: Page, *, role: str | None = None, partner: str | None = None
) -> tuple[list[Person], str | None]:
    """In the order in which they were added. For administrators: the route sees to it."""
    statement = select(_person)
    if role:
        statement = statement.where(lists(_person.roles, role))
    if partner:
        statement = statement.where(lists(_person.partners, partner))
    rows, following = await paged(session, statement, _person.id, page)
    return [person_of(row) for row in rows], following


async def person(session: AsyncSession, principal: Principal, person_id: str) -> Person | None:
    """Oneself, or for an administrator anybody; None for whoever is not there or not to be seen."""
    if person_id != principal.person and "admin" not in principal.grants:
        return None
    row = (await session.execute(select(_person).where(_person.id == person_id))).scalars().first()
    return row and person_of(row)


async def confirmers_of(session: AsyncSession, person: Person, now: datetime) -> list[tuple[Person, str]]:
    """Whom a focal point may ask to confirm the role."""
    ours = [lists(_person.partners, partner) for partner in person.partners]
    rows = await session.execute(
        select(_person).where(_person.active, or_(lists(_person.roles, ADMINISTRATOR), *ours)).order_by(_person.id)
    )
    return focal_points.confirmers(person, [person_of(row) for row in rows.scalars()], now)


async def to_confirm(session: AsyncSession, principal: Principal, now: datetime) -> list[Person]:
    """Focal points whose time is near or over and whom the principal may confirm, the most urgent first."""
    if not principal.grants & {"post", "admin"}:
        return []
    statement = select(_person).where(_person.active, _person.confirmed_until <= now + focal_points.WARNED)
    if "admin" not in principal.grants:
        statement = statement.where(
            or_(*(lists(_person.partners, each) for each in sorted(principal.partners)), false())
        )
    rows = await session.execute(statement.order_by(_person.confirmed_until, _person.id))
    found = [person_of(row) for row in rows.scalars()]
    return [each for each in found if focal_points.may_confirm(principal, each)][:_SHOWN]


async def organisations_of(session: AsyncSession, person: Person) -> list[Organisation]:
    found = await session.execute(select(_organisation).where(_organisation.id.in_(person.partners)))
    by_id = {row.id: organisation_of(row) for row in found.scalars()}
    return [by_id[each] for each in person.partners if each in by_id]


async def api_keys(session: AsyncSession, _: Principal, person_id: str, page: Page) -> tuple[list[ApiKey], str | None]:
    rows, following = await paged(session, select(_api_key).where(_api_key.person == person_id), _api_key.id, page)
    return [api_key_of(row) for row in rows], following


async def used(session: AsyncSession, keys: Sequence[str]) -> dict[str, datetime]:
    """When this service last saw each key that works, to the hour."""
    known = orm.known.api_key.c
    found = await session.execute(select(known.id, known.used_at).where(known.id.in_(keys), known.used_at.is_not(None)))
    return {row.id: row.used_at for row in found}


async def password_of(session: AsyncSession, person_id: str) -> str | None:
    """The hash. For verifying only."""
    return (await session.execute(select(_password.hash).where(_password.person == person_id))).scalar_one_or_none()


async def sign_in_of(session: AsyncSession, email_key: str) -> tuple[str, str] | None:
    """Who has this address and a password: person id and hash. For verifying only."""
    statement = select(_person.id, _password.hash).join(_password, _password.person == _person.id)
    row = (await session.execute(statement.where(_person.email_key == email_key, _person.active))).first()
    return None if row is None else (row[0], row[1])


async def key_by_hash(session: AsyncSession, key_hash: str) -> ApiKey | None:
    row = (await session.execute(select(_api_key).where(_api_key.hash == key_hash))).scalars().first()
    return row and api_key_of(row)


async def came_of_invitation(session: AsyncSession, key: ApiKey) -> bool:
    """Whether the key is the one that a redeemed invitation gave."""
    found = await session.execute(
        select(_invitation.id).where(_invitation.person == key.person, _invitation.key == key.id)
    )
    return found.first() is not None


async def invitations(
    session: AsyncSession, _: Principal, page: Page, *, person: str | None = None
) -> tuple[list[Invitation], str | None]:
    statement = select(_invitation)
    if person:
        statement = statement.where(_invitation.person == person)
    rows, following = await paged(session, statement, _invitation.id, page)
    return [invitation_of(row) for row in rows], following


async def invitation(session: AsyncSession, _: Principal, invitation_id: str) -> Invitation | None:
    row = (await session.execute(select(_invitation).where(_invitation.id == invitation_id))).scalars().first()
    return row and invitation_of(row)


async def signing_keys(session: AsyncSession) -> list[SigningKey]:
    """With their private parts: for signing only."""
    found = await session.execute(select(_signing_key).order_by(_signing_key.id))
    return [signing_key_of(row) for row in found.scalars()]


async def key_set(session: AsyncSession, _: Principal, now: datetime) -> dict[str, Any]:
    """RFC 7517: the public parts of all keys that verifiers accept now, those that do not sign yet included."""
    keys = await signing_keys(session)
    return {"keys": [public_part(key.jwk) for key in keys if key.published(now)]}
