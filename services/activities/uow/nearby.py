"""The stored plans that one plan is held against: bounded range scans on the side tables (matching/candidates.py says which)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.activities.matching import candidates
from services.activities.matching.features import Features
from services.activities.orm import PlanCountryRow, PlanThemeRow, PlanWordRow

MAX_CANDIDATES = 5000
"""Rows read per side table and direction in time; the nearest in date stay (matching/candidates.py), and the answer says `capped`."""


async def nearby(session: AsyncSession, features: Features) -> candidates.Chosen:
    """Stored plans that can match or overlap this one, itself left out: bounded range scans on the side tables."""
    keys = candidates.keys(features)
    found: set[str] = set()
    capped = keys.capped
    if keys.countries:
        one = keys.countries[0]
        where = col(PlanCountryRow.day).between(one.first, one.last)
        where &= col(PlanCountryRow.country).in_([each.country for each in keys.countries])
        capped |= await _near(session, PlanCountryRow, where, one.middle, candidates.MAX_COUNTRY_ROWS, found)
    if keys.themes:
        one = keys.themes[0]
        where = col(PlanThemeRow.day).between(one.first, one.last)
        where &= col(PlanThemeRow.country).in_(sorted({each.country for each in keys.themes}))
        where &= col(PlanThemeRow.theme).in_(sorted({each.theme for each in keys.themes}))
        capped |= await _near(session, PlanThemeRow, where, one.middle, candidates.MAX_THEME_ROWS, found)
    placed = tuple(sorted(found - {features.plan_id}))
    if keys.words:
        capped |= await _by_words(session, keys.words, found)
    return candidates.Chosen(tuple(sorted(found - {features.plan_id})), capped, placed)


async def _near(session: AsyncSession, table: Any, where: Any, middle: Any, limit: int, found: set[str]) -> bool:
    """The plans nearest to the middle day: two scans outward from it, so that a cut never depends on stored order."""
    later = select(table.day, table.plan).where(where, table.day >= middle).order_by(table.day, table.plan)
    earlier = select(table.day, table.plan).where(where, table.day < middle).order_by(table.day.desc(), table.plan)
    halves = [each.limit(MAX_CANDIDATES + 1).subquery() for each in (later, earlier)]
    rows = await session.execute(union_all(*(select(each.c.day, each.c.plan) for each in halves)))
    pairs = [(row.day, row.plan) for row in rows]
    chosen = candidates.choose(pairs, middle, limit)
    found.update(chosen.plan_ids)
    return chosen.capped or len(pairs) > MAX_CANDIDATES


async def _by_words(session: AsyncSession, words: Sequence[candidates.WordRange], found: set[str]) -> bool:
    """One short range of the index per word, all in one statement."""
    table = PlanWordRow
    parts: list[Any] = []
    for number, word in enumerate(words):
        part = (
            select(col(table.plan))
            .where(col(table.word) == word.word, col(table.month).between(word.first, word.last))
            .order_by(col(table.plan))
            .limit(word.limit + 1)
            .subquery()
        )
        parts.append(select(literal(number).label("number"), part.c.plan))
    ids: dict[int, list[str]] = {}
    for row in (await session.execute(union_all(*parts))).all():
        ids.setdefault(row.number, []).append(row.plan)
    for number, plans in ids.items():
        found.update(sorted(plans)[: words[number].limit])
    return any(len(plans) > words[number].limit for number, plans in ids.items())
