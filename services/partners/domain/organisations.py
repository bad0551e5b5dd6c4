"""Organisations: who can plan, fund, host or benefit. An identifier is given by a register and never invented here."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.partners.domain.errors import Fault, Invalid, conflict
from shared.places import fold, is_country, suggest_countries
from shared.vocabulary import LANGUAGES, VOCABULARIES

ACTIVE, INACTIVE = "active", "inactive"
STATUSES = (ACTIVE, INACTIVE)
GOVERNMENT = "10"
"""The type of governments and their bodies (IATI OrganisationType)."""
SLUG = re.compile(r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
MAX_SLUG = 100

# As org-id.guide writes its lists: jurisdiction (ISO alpha-2, or XM, XI, XR for registers of no country), then the list.
_SCHEME = re.compile(r"^[A-Z]{2}(?:-[A-Z0-9]+)+$")
_VALUE = re.compile(r"^[\w./()-]+(?: [\w./()-]+)*$")
_LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$")


@dataclass(frozen=True, slots=True)
class Identifier:
    """What a register calls the organisation: scheme `XM-DAC` (a code of org-id.guide), value `41128`."""

    scheme: str
    value: str


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name. language: BCP 47, or None where it belongs to none."""

    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme under which the organisation plans: `GPML`, and what that stands for."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """type: IATI OrganisationType; country: of the seat, alpha-3; countries: where it works; parent: an organisation's id."""

    id: str
    version: int
    slug: str
    name: str
    type: str
    created_at: datetime
    updated_at: datetime
    acronym: str | None = None
    status: str = ACTIVE
    country: str | None = None
    countries: tuple[str, ...] = ()
    parent: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    aliases: tuple[Alias, ...] = ()
    programmes: tuple[Programme, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Every name under which it may be asked for: name, acronym, aliases, programmes and their codes."""
        programmes = [text for programme in self.programmes for text in (programme.code, programme.name)]
        names = [self.name, self.acronym or "", *(alias.text for alias in self.aliases), *programmes]
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def searchable(self) -> str:
        """Every name, folded: what `?q=` looks in."""
        names = [self.name, self.acronym or "", self.slug, *(alias.text for alias in self.aliases)]
        return "\n".join(dict.fromkeys(fold(name) for name in names if name))


def slug_for(name: str, acronym: str | None, taken: Iterable[str]) -> str:
    """A free slug from the acronym, else from the name: `unodc`, `bank-of-thailand`, `unodc-2`."""
    words = re.findall(r"[a-z0-9]+", fold(acronym or name)) or re.findall(r"[a-z0-9]+", fold(name))
    base = "-".join(words)[: MAX_SLUG - 6].strip("-") or "organisation"
    used, slug, number = frozenset(taken), base, 2
    while slug in used:
        slug, number = f"{base}-{number}", number + 1
    return slug


def amended(organisation: Organisation, changes: Mapping[str, Any], now: datetime) -> Organisation:
    """The next version, after an RFC 7396 patch: None takes a field back to nothing. Raises Invalid."""
    empty: Mapping[str, Any] = {"countries": (), "identifiers": (), "aliases": (), "programmes": ()}
    required = ("name", "type", "status")
    faults = [
        Fault(f"#/{name}", "required", "cannot be removed")
        for name in required
        if name in changes and changes[name] is None
    ]
    if faults:
        raise Invalid(faults)
    values = {name: empty.get(name) if value is None else value for name, value in changes.items()}
    return replace(organisation, **values, version=organisation.version + 1, updated_at=now)


def check(organisation: Organisation) -> None:
    """Everything that can be said of an organisation alone. Raises Invalid with all faults at once."""
    faults = [*_check_codes(organisation), *_check_identifiers(organisation.identifiers), *_check_names(organisation)]
    if faults:
        raise Invalid(faults)


def check_parent(organisation: Organisation, ancestors: Sequence[str]) -> None:
    """ancestors: ids from the parent upwards. Raises Conflict where the organisation would be above itself."""
    if organisation.id in ancestors:
        raise conflict("#/parent", "circular", "an organisation cannot belong to itself, nor to a part of itself")


def _check_codes(organisation: Organisation) -> Iterable[Fault]:
    if not SLUG.match(organisation.slug) or len(organisation.slug) > MAX_SLUG:
        yield Fault("#/slug", "malformed", "lower-case letters, digits and single hyphens, at most 100")
    if organisation.type not in VOCABULARIES["organisation_type"]:
        yield Fault("#/type", "unknown_code", "not a code of the list organisation_type (IATI OrganisationType)")
    if organisation.status not in STATUSES:
        yield Fault("#/status", "unknown_code", "active or inactive")
    if organisation.country is not None and not is_country(organisation.country):
        yield unknown_country("#/country", organisation.country)
    for number, code in enumerate(organisation.countries):
        if not is_country(code):
            yield unknown_country(f"#/countries/{number}", code)
        elif code in organisation.countries[:number]:
            yield Fault(f"#/countries/{number}", "repeated", "stands twice in the list")


def unknown_country(pointer: str, text: str) -> Fault:
    """Names the likely code where there is one, and applies nothing."""
    near = suggest_countries(text[:100])
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return Fault(pointer, "unknown_country", f"not an ISO 3166-1 alpha-3 code{hint}")


def _check_identifiers(identifiers: Sequence[Identifier]) -> Iterable[Fault]:
    for number, each in enumerate(identifiers):
        where = f"#/identifiers/{number}"
        if not _SCHEME.match(each.scheme):
            yield Fault(f"{where}/scheme", "malformed", "a list code of org-id.guide, such as XM-DAC or GB-COH")
        if not _VALUE.match(each.value):
            yield Fault(f"{where}/value", "malformed", "the register's own number or code, without blanks around it")
        elif each.value.upper().startswith(each.scheme + "-"):
            yield Fault(f"{where}/value", "prefixed", "write the value without its scheme: 41128, not XM-DAC-41128")
        if each in identifiers[:number]:
            yield Fault(where, "repeated", "stands twice in the list")


def _check_names(organisation: Organisation) -> Iterable[Fault]:
    if not fold(organisation.name):
        yield Fault("#/name", "required", "needs a character that can be seen")
    if organisation.acronym is not None and not fold(organisation.acronym):
        yield Fault("#/acronym", "malformed", "needs a character that can be seen, or null")
    for number, alias in enumerate(organisation.aliases):
        if not fold(alias.text):
            yield Fault(f"#/aliases/{number}/text", "required", "needs a character that can be seen")
        if alias.language is not None and not _LANGUAGE.match(alias.language):
            examples = ", ".join(LANGUAGES)
            yield Fault(f"#/aliases/{number}/language", "unknown_language", f"a BCP 47 tag such as {examples}")
    codes = [programme.code for programme in organisation.programmes]
    for number, programme in enumerate(organisation.programmes):
        if not fold(programme.code) or not fold(programme.name):
            yield Fault(f"#/programmes/{number}", "required", "needs a code and a name")
        if programme.code in codes[:number]:
            yield Fault(f"#/programmes/{number}/code", "repeated", "stands twice in the list")
