"""What can be read of the registry. Who asks is a parameter everywhere; the routes say who may ask at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.partners import orm
from services.partners.domain.access import ApiKey, Invitation, SigningKey
from services.partners.domain.organisations import Organisation
from services.partners.domain.people import Person
from services.partners.uow import api_key_of, invitation_of, organisation_of, person_of, signing_key_of
from shared.paging import Page
from shared.places import fold
from shared.tokens import public_part
from shared.visibility import Principal

# SQLModel's class attributes are typed as the values of a row; in statements they are columns.
_organisation: Any = orm.OrganisationRow
_person: Any = orm.PersonRow
_api_key: Any = orm.ApiKeyRow
_invitation: Any = orm.InvitationRow
_signing_key: Any = orm.SigningKeyRow


@dataclass(frozen=True, slots=True)
class OrganisationFilter:
    """Empty asks for nothing. countries: of the seat or of the work; text: part of any of its names."""

    types: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    text: str = ""


async def organisations(
    session: AsyncSession, _: Principal, asked: OrganisationFilter, page: Page
) -> tuple[list[Organisation], str | None]:
    """In the order of slugs; and the slug to go on after, where there are more. Names of organisations are public."""
    statement = select(_organisation)
    if asked.types:
        statement = statement.where(_organisation.type.in_(asked.types))
    if asked.statuses:
        statement = statement.where(_organisation.status.in_(asked.statuses))
    if asked.countries:
        works_in = [_lists(_organisation.countries, code) for code in sorted(asked.countries)]
        statement = statement.where(or_(_organisation.country.in_(asked.countries), *works_in))
    if text := fold(asked.text):
        statement = statement.where(_organisation.searchable.contains(text, autoescape=True))
    rows, following = await _page(session, statement, _organisation.slug, page)
    return [organisation_of(row) for row in rows], following


async def organisation(session: AsyncSession, _: Principal, reference: str) -> Organisation | None:
    """By id or slug."""
    column = _organisation.id if reference.startswith("org_") else _organisation.slug
    row = (await session.execute(select(_organisation).where(column == reference))).scalars().first()
    return row and organisation_of(row)


async def people(
    session: AsyncSession, _: Principal, page: Page, *, role: str | None = None, partner: str | None = None
) -> tuple[list[Person], str | None]:
    """In the order in which they were added. For administrators: the route sees to it."""
    statement = select(_person)
    if role:
        statement = statement.where(_lists(_person.roles, role))
    if partner:
        statement = statement.where(_lists(_person.partners, partner))
    rows, following = await _page(session, statement, _person.id, page)
    return [person_of(row) for row in rows], following


async def person(session: AsyncSession, principal: Principal, person_id: str) -> Person | None:
    """Oneself, or for an administrator anybody; None for whoever is not there or not to be seen."""
    if person_id != principal.person and "admin" not in principal.grants:
        return None
    row = (await session.execute(select(_person).where(_person.id == person_id))).scalars().first()
    return row and person_of(row)


async def organisations_of(session: AsyncSession, person: Person) -> list[Organisation]:
    found = await session.execute(select(_organisation).where(_organisation.id.in_(person.partners)))
    by_id = {row.id: organisation_of(row) for row in found.scalars()}
    return [by_id[each] for each in person.partners if each in by_id]


async def api_keys(session: AsyncSession, _: Principal, person_id: str, page: Page) -> tuple[list[ApiKey], str | None]:
    rows, following = await _page(session, select(_api_key).where(_api_key.person == person_id), _api_key.id, page)
    return [api_key_of(row) for row in rows], following


async def invitations(
    session: AsyncSession, _: Principal, page: Page, *, person: str | None = None
) -> tuple[list[Invitation], str | None]:
    statement = select(_invitation)
    if person:
        statement = statement.where(_invitation.person == person)
    rows, following = await _page(session, statement, _invitation.id, page)
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


def _lists(column: Any, code: str) -> Any:
    """Whether a JSON list of plain codes holds this one; the same words on both databases."""
    return cast(column, Text).contains(f'"{code}"', autoescape=True)


async def _page(session: AsyncSession, statement: Any, order: Any, page: Page) -> tuple[Sequence[Any], str | None]:
    if page.after:
        statement = statement.where(order > page.after[0])
    rows = (await session.execute(statement.order_by(order).limit(page.limit + 1))).scalars().all()
    return (rows[: page.limit], getattr(rows[page.limit - 1], order.key)) if len(rows) > page.limit else (rows, None)
