"""People: focal points, coordinators, readers, donors, administrators, and services that act by a key of their own.

Name and address live in this service's database alone. A person who leaves is deactivated; one who asks is erased.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.partners.domain.errors import Fault, Invalid, conflict
from services.partners.domain.organisations import unknown_country
from shared.focal_points import FOCAL_POINT
from shared.places import fold, is_country, is_region
from shared.vocabulary import VOCABULARIES

ADMINISTRATOR, COORDINATOR = "administrator", "coordinator"
READER, DONOR, SERVICE = "reader", "donor", "service"
ROLES = (ADMINISTRATOR, COORDINATOR, FOCAL_POINT, READER, DONOR, SERVICE)
_FOR_A_PARTNER = frozenset({FOCAL_POINT, DONOR})

# One @, something on either side, nothing that could end a header or a line. More is the mail server's business.
_EMAIL = re.compile(r"^[^\s@<>(),;:\"\\\x00-\x1f\x7f]+@[^\s@<>(),;:\"\\\x00-\x1f\x7f]+$")


@dataclass(frozen=True, slots=True)
class PersonScope:
    """What a coordinator looks after. countries: alpha-3; regions: M49 (`001` is the world); no themes means all."""

    countries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.countries or self.regions or self.themes)


@dataclass(frozen=True, slots=True)
class Person:
    """partners: organisation ids. not_before: tokens issued earlier are refused. confirmed_until:
    of a focal point (domain/focal_points.py). An erased person has no name any more."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    name: str | None
    email: str | None = None
    partners: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    scope: PersonScope = field(default_factory=PersonScope)
    active: bool = True
    erased: bool = False
    not_before: datetime | None = None
    confirmed_until: datetime | None = None

    @property
    def email_key(self) -> str | None:
        """Under which the address is unique. Case is folded in both parts: nobody runs two mailboxes that differ by it."""
        return self.email.casefold() if self.email else None

    @property
    def administers(self) -> bool:
        return self.active and ADMINISTRATOR in self.roles


def amended(person: Person, changes: Mapping[str, Any], now: datetime) -> Person:
    """The next version, after an RFC 7396 patch (`scope` is patched name by name). Raises Invalid or Conflict."""
    if person.erased:
        raise erased()
    if "name" in changes and changes["name"] is None:
        raise Invalid([Fault("#/name", "required", "cannot be removed; erase the person instead")])
    values: dict[str, Any] = dict(changes)
    for name in ("partners", "roles"):
        if name in values:
            values[name] = tuple(values[name] or ())
    if "scope" in values:
        patch: Mapping[str, Any] | None = values["scope"]
        values["scope"] = (
            PersonScope()
            if patch is None
            else replace(person.scope, **{name: tuple(codes or ()) for name, codes in patch.items()})
        )
    return replace(person, **values, version=person.version + 1, updated_at=now)


def deactivated(person: Person, now: datetime) -> Person:
    """No key and no token of the person works from now on."""
    return replace(person, active=False, not_before=now, version=person.version + 1, updated_at=now)


def activated(person: Person, now: datetime) -> Person:
    """May act again, by a new key; what was revoked stays revoked. Raises Conflict."""
    if person.erased:
        raise erased()
    return replace(person, active=True, version=person.version + 1, updated_at=now)


def stripped(person: Person, now: datetime) -> Person:
    """The first half of erasing: deactivated, and without a name, an address, roles or partners."""
    return replace(
        deactivated(person, now),
        name=None,
        email=None,
        partners=(),
        roles=(),
        scope=PersonScope(),
        confirmed_until=None,
        erased=True,
    )


def erased() -> Exception:
    return conflict("#", "erased", "this person has been erased")


def check(person: Person) -> None:
    """Everything that can be said of a person alone. Raises Invalid with all faults at once."""
    faults = [*_check_name(person), *_check_roles(person), *_check_scope(person.scope)]
    if faults:
        raise Invalid(faults)


def _check_name(person: Person) -> Iterable[Fault]:
    if not fold(person.name or ""):
        yield Fault("#/name", "required", "needs a character that can be seen")
    if person.email is not None and not _EMAIL.match(person.email):
        yield Fault("#/email", "malformed", "not an e-mail address")


def _check_roles(person: Person) -> Iterable[Fault]:
    if not person.roles:
        yield Fault("#/roles", "required", f"at least one of {', '.join(ROLES)}")
    for number, role in enumerate(person.roles):
        if role not in ROLES:
            yield Fault(f"#/roles/{number}", "unknown_code", f"one of {', '.join(ROLES)}")
        elif role in person.roles[:number]:
            yield Fault(f"#/roles/{number}", "repeated", "stands twice in the list")
    if _FOR_A_PARTNER & set(person.roles) and not person.partners:
        yield Fault("#/partners", "required", "a focal point or donor belongs to at least one partner")
    coordinates = COORDINATOR in person.roles
    if coordinates and not (person.scope.countries or person.scope.regions):
        yield Fault("#/scope", "required", "a coordinator looks after countries or regions; region 001 is the world")
    if person.scope and not coordinates:
        yield Fault("#/scope", "not_allowed", "only a coordinator has a scope; send null")
    for number, partner in enumerate(person.partners):
        if partner in person.partners[:number]:
            yield Fault(f"#/partners/{number}", "repeated", "stands twice in the list")


def _check_scope(scope: PersonScope) -> Iterable[Fault]:
    for number, code in enumerate(scope.countries):
        if not is_country(code):
            yield unknown_country(f"#/scope/countries/{number}", code)
    for number, code in enumerate(scope.regions):
        if not is_region(code):
            yield Fault(
                f"#/scope/regions/{number}",
                "unknown_region",
                "no M49 region, nor a group such as ASEAN; 001 is the world",
            )
    for number, code in enumerate(scope.themes):
        if code not in VOCABULARIES["theme"]:
            yield Fault(f"#/scope/themes/{number}", "unknown_code", "not a code of the list theme")
    for name in ("countries", "regions", "themes"):
        codes: tuple[str, ...] = getattr(scope, name)
        for number, code in enumerate(codes):
            if code in codes[:number]:
                yield Fault(f"#/scope/{name}/{number}", "repeated", "stands twice in the list")
