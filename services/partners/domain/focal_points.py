"""Focal points expire unless confirmed: people change their work, and nobody tells the registry.

| who confirms                                                                     | whom                          |
|----------------------------------------------------------------------------------|-------------------------------|
| an administrator                                                                 | anybody else                  |
| a focal point whose own role holds, with a key that may post                     | who posts for no other partner than they do |
| a coordinator: neutral, and no judge of who speaks for a partner                 | nobody                        |
| oneself                                                                          | never                         |

Giving the role, or giving it for one more partner, confirms it, too; taking and giving it to oneself does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.partners.domain.errors import Refused, conflict
from services.partners.domain.people import ADMINISTRATOR, Person
from shared.focal_points import FOCAL_POINT, standing
from shared.visibility import Principal

WARNED = timedelta(days=30)
"""How long before its end somebody is told of it."""

CONFIRMED, DUE, LAPSED = "confirmed", "due", "lapsed"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How it stands with a focal point's role. until: None sets no end."""

    state: str
    until: datetime | None


def confirmation(person: Person, now: datetime) -> Confirmation | None:
    """None for who is no focal point."""
    if FOCAL_POINT not in person.roles:
        return None
    until = person.confirmed_until
    if until is None or now < until - WARNED:
        return Confirmation(CONFIRMED, until)
    return Confirmation(DUE if now < until else LAPSED, until)


def given(person: Person, before: Person | None, by: str, until: datetime) -> Person:
    """The person as amended (or added, without `before`), confirmed until then where that gave them the role or a partner."""
    if FOCAL_POINT not in person.roles:
        return person
    gained = before is None or FOCAL_POINT not in before.roles or set(person.partners) - set(before.partners)
    renewed = by == person.id and person.confirmed_until is not None
    return replace(person, confirmed_until=until) if gained and not renewed else person


def may_confirm(principal: Principal, person: Person) -> bool:
    if principal.person == person.id or FOCAL_POINT not in person.roles:
        return False
    return "admin" in principal.grants or _colleague(principal, person)


def confirmed(person: Person, principal: Principal, until: datetime, now: datetime) -> Person:
    """The next version. Raises Conflict or Refused; whom the principal may not know of is the caller's to hide."""
    if principal.person == person.id:
        raise Refused("Nobody confirms themselves: GET /api/v1/me says who can.")
    if not person.active:
        raise conflict("#", "inactive", "this person is deactivated; activate first")
    if FOCAL_POINT not in person.roles:
        raise conflict("#/roles", "no_focal_point", "this person is no focal point; only that role is confirmed")
    return replace(person, confirmed_until=until, version=person.version + 1, updated_at=now)


def confirmers(person: Person, others: Iterable[Person], now: datetime) -> list[tuple[Person, str]]:
    """Whom to ask, each with the role that lets them: colleagues first, then administrators."""
    colleagues: list[tuple[Person, str]] = []
    administrators: list[tuple[Person, str]] = []
    for other in others:
        held = standing(other.roles, other.partners, other.confirmed_until, now)
        if other.id == person.id or not other.active:
            continue
        if FOCAL_POINT in held.roles and held.partners >= set(person.partners):
            colleagues.append((other, FOCAL_POINT))
        elif ADMINISTRATOR in held.roles:
            administrators.append((other, ADMINISTRATOR))
    return colleagues + administrators


def _colleague(principal: Principal, person: Person) -> bool:
    own = FOCAL_POINT in principal.roles and "post" in principal.grants
    return own and bool(person.partners) and principal.partners >= set(person.partners)
