"""Organisations, and which of them a written name means: public, both."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.partners import orm
from services.partners.domain.organisations import GOVERNMENT, Organisation
from services.partners.matching import resolving
from services.partners.matching.levels import Where
from services.partners.matching.reading import keys_of, parts_of, read_name, short_names
from services.partners.queries.rows import lists, paged
from services.partners.uow import organisation_of
from shared.paging import Page
from shared.places import fold
from shared.visibility import Principal

# SQLModel's class attributes are typed as the values of a row; in statements they are columns.
_organisation: Any = orm.OrganisationRow
_name_key: Any = orm.NameKeyRow


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
        works_in = [lists(_organisation.countries, code) for code in sorted(asked.countries)]
        statement = statement.where(or_(_organisation.country.in_(asked.countries), *works_in))
    if text := fold(asked.text):
        statement = statement.where(_organisation.searchable.contains(text, autoescape=True))
    rows, following = await paged(session, statement, _organisation.slug, page)
    return [organisation_of(row) for row in rows], following


async def organisation(session: AsyncSession, _: Principal, reference: str) -> Organisation | None:
    """By id or slug."""
    column = _organisation.id if reference.startswith("org_") else _organisation.slug
    row = (await session.execute(select(_organisation).where(column == reference))).scalars().first()
    return row and organisation_of(row)


@dataclass(frozen=True, slots=True)
class Resolved:
    """organisations: of the candidates, by id. capped: too many share a word with the name to have looked at all."""

    name: str
    resolution: resolving.Resolution
    organisations: Mapping[str, Organisation]
    capped: bool


@dataclass(frozen=True, slots=True)
class Shortlists:
    """For each name the organisations to compare it with, and whether others were left out. counted: word -> organisations
    that have it, of `total`."""

    lists: list[tuple[list[resolving.Named], bool]]
    organisations: Mapping[str, Organisation]
    counted: Mapping[str, int]
    total: int


def resolved(found: Shortlists, names: Sequence[str], limit: int = 5) -> list[Resolved]:
    """Which organisations the names may mean, in the order of the names. Milliseconds each, and all of it computing: not for
    the loop."""
    bits = resolving.rarity(found.counted, found.total)
    answers: list[Resolved] = []
    for name, (candidates, capped) in zip(names, found.lists, strict=True):
        resolution = resolving.resolve(name, candidates, bits, limit=limit)
        shown = {each.id: found.organisations[each.id] for each in resolution.candidates}
        answers.append(Resolved(name, resolution, shown, capped))
    return answers


async def shortlisted(session: AsyncSession, _: Principal, names: Sequence[str]) -> Shortlists:
    """Names of organisations are public."""
    shortlists, counted = await _shortlists(session, names)
    organisations: dict[str, Organisation] = {}
    for some in _slices(sorted({each for shortlist, _ in shortlists for each in shortlist})):
        rows = await session.execute(select(_organisation).where(_organisation.id.in_(some)))
        organisations |= {row.id: organisation_of(row) for row in rows.scalars()}
    named = {id_: _named(each) for id_, each in organisations.items()}
    texts = {text for each in named.values() for _, text in each.names}
    words = {word.key for text in texts for known in (True, False) for word in read_name(text, known).words}
    counted |= await _counted(session, words - counted.keys())
    total = (await session.execute(select(func.count()).select_from(_organisation))).scalar_one()
    # one that was registered after its key was read is missed, and found next time
    lists = [([named[id_] for id_ in shortlist if id_ in named], capped) for shortlist, capped in shortlists]
    return Shortlists(lists, organisations, counted, total)


_KEYS_READ = 400
"""Rows of the index read for a name, the rarest keys first."""
_COMPARED = 25
"""Organisations compared with a name: those that share most with it."""
_AT_ONCE = 400
"""Values of one IN: below every database's limit of parameters."""


async def _shortlists(
    session: AsyncSession, names: Sequence[str]
) -> tuple[list[tuple[list[str], bool]], dict[str, int]]:
    """For each name the organisations to compare it with, and whether others were left out; and how many have each key."""
    keys = {name: frozenset(key for text in (name, *parts_of(name)) for key in keys_of(text)) for name in names}
    counted = await _counted(session, frozenset[str]().union(*keys.values()))
    chosen = {name: _rarest(found, counted) for name, found in keys.items()}
    holders = await _holders(session, {key for found in chosen.values() for key in found}, counted)
    shortlists: list[tuple[list[str], bool]] = []
    for name in names:
        telling: defaultdict[str, float] = defaultdict(float)
        for key in chosen[name]:
            for organisation_id in holders.get(key, ()):
                telling[organisation_id] += 1 / counted[key] ** 0.5
        ranked = sorted(telling, key=lambda id_: (-telling[id_], id_))
        cut = any(counted.get(key, 0) > len(holders.get(key, ())) for key in keys[name])
        shortlists.append((ranked[:_COMPARED], cut or len(ranked) > _COMPARED))
    return shortlists, counted


async def _holders(session: AsyncSession, keys: Iterable[str], counted: Mapping[str, int]) -> dict[str, list[str]]:
    """Organisations by key, of each key at most as many as may be read for a name."""
    found: dict[str, list[str]] = {}
    pairs = select(_name_key.key, _name_key.organisation)
    common = [key for key in keys if counted[key] > _KEYS_READ]
    statements = [pairs.where(_name_key.key.in_(some)) for some in _slices(sorted(set(keys) - set(common)))]
    statements += [
        pairs.where(_name_key.key == key).order_by(_name_key.organisation).limit(_KEYS_READ) for key in sorted(common)
    ]
    for statement in statements:
        for key, organisation_id in await session.execute(statement):
            found.setdefault(key, []).append(organisation_id)
    return found


def _rarest(keys: Iterable[str], counted: Mapping[str, int]) -> list[str]:
    """The keys that the budget allows to read, rarest first; the rarest of all in any case."""
    chosen: list[str] = []
    read = 0
    for key in sorted((key for key in keys if key in counted), key=lambda key: (counted[key], key)):
        read += counted[key]
        if chosen and read > _KEYS_READ:
            break
        chosen.append(key)
    return chosen


async def _counted(session: AsyncSession, keys: Iterable[str]) -> dict[str, int]:
    """How many organisations have each key; those that none has are left out."""
    found: dict[str, int] = {}
    for some in _slices(sorted(keys)):
        counts = select(_name_key.key, func.count()).where(_name_key.key.in_(some)).group_by(_name_key.key)
        found |= {row[0]: row[1] for row in await session.execute(counts)}
    return found


def _slices(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE))


def _named(organisation: Organisation) -> resolving.Named:
    """The organisation as it is compared. A word that is short for it stands beside its names, a longer one among them."""
    names = [("name", organisation.name), *(("alias", alias.text) for alias in organisation.aliases)]
    if organisation.acronym:
        names.append(("alias", organisation.acronym))
    acronyms = frozenset(short for _, text in names for short in short_names(text))
    for programme in organisation.programmes:
        names += [("programme", programme.name), ("programme", programme.code)]
    where = Where(organisation.country, frozenset(organisation.countries), organisation.type == GOVERNMENT)
    return resolving.Named(organisation.id, tuple(dict.fromkeys(names)), acronyms, where, organisation.status)
