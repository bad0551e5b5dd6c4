"""What rows of the audit are about."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.partners import orm
from services.partners.queries.rows import lists
from shared.visibility import Affair, Principal

_person: Any = orm.PersonRow


class PartnerAffairs:
    """What rows of the audit are about: an organisation, or a person with their keys and invitations."""

    def may_concern(self, principal: Principal) -> ColumnElement[bool]:
        of_partner = [lists(_person.partners, partner) for partner in sorted(principal.partners)]
        people = select(_person.id).where(or_(_person.id == principal.person, *of_partner))
        audit = orm.kernel.audit.c
        return or_(
            audit.subject.in_(sorted(principal.partners)),
            audit.subject.in_(people),
            # a key's or an invitation's row says whose it is: it is told when the key itself has long been forgotten
            audit.detail["person"].as_string().in_(people),
        )

    async def of(self, session: AsyncSession, rows: Sequence[Row[Any]]) -> list[Affair | None]:
        people = {str(row.detail.get("person", row.subject)) for row in rows}
        found = await session.execute(select(_person.id, _person.partners).where(_person.id.in_(sorted(people))))
        partners = {row.id: frozenset(row.partners) for row in found}

        def affair(row: Row[Any]) -> Affair:
            if row.subject.startswith("org_"):
                return Affair(partners=frozenset({row.subject}))
            person = str(row.detail.get("person", row.subject))
            return Affair(partners=partners.get(person, frozenset()), people=frozenset({person}))

        return [affair(row) for row in rows]
