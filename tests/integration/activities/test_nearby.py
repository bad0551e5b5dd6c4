"""The scans of plan_key give what candidates.py says in words: the same plans on both databases, nearest first where cut."""

import random
from collections import defaultdict
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.activities.matching.candidates import ENOUGH, MAX_CANDIDATES, NEARNESS, RARITY, Ranges, ranges, rows
from services.activities.matching.codes import signed64
from services.activities.matching.features import Features, pack
from services.activities.orm import PlanKeyRow, PlanRow, metadata
from services.activities.uow.nearby import nearby
from shared.db import Database
from shared.reader import SERVICE
from tests.support.roles import owner_of
from tests.unit.activities.matching_plans import features

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = date(2026, 3, 9)
COUNTRIES = (("Nairobi", "KEN"), ("Mombasa", "KEN"), ("Kampala", "UGA"), ("Lima", "PER"))
PACKED: dict[str, bytes] = {}
TITLES = (
    "Darknet markets",
    "Electronic evidence for police",
    "Ransomware response",
    "Course",
    "Mobile device forensics",
)


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    one = Database(owner_of(database_url))
    async with one.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield one
    await one.dispose()


async def keep(db: Database, plans: list[Features]) -> None:
    async with db.write(SERVICE) as session:
        for one in plans:
            session.add(_row(one))
        await session.flush()
        for one in plans:
            number = signed64(one.plan_id)
            session.add_all(PlanKeyRow(key=key, day=day, plan=number) for key, day in rows(one).rows)
            PACKED[one.plan_id] = pack(one)


def _row(one: Features) -> PlanRow:
    plain: dict[str, Any] = dict.fromkeys(("posted_by", "activity", "home"), "x")
    return PlanRow(
        id=one.plan_id, number=signed64(one.plan_id), version=1, owner="org_a", claimed=True, tlp="GREEN", status=one.status, type="training", content={},
        facts={}, cluster=one.plan_id, features=pack(one), checked="checked", created_at=NOW, updated_at=NOW, **plain,
    )  # fmt: skip


def some_plan(number: int, chance: random.Random) -> Features:
    start = DAY + timedelta(chance.randint(-150, 150))
    dated: dict[str, Any] = {"start": start, "end": start + timedelta(chance.choice((0, 2, 4, 120)))}
    if chance.random() < 0.1:
        dated = {"start": None, "end": None}
    city, country = chance.choice(COUNTRIES)
    return features(
        f"plan_{number:04}", "org_a", title=chance.choice(TITLES), venues=((city, country),),
        beneficiary_countries=(country,), reference=chance.choice((None, None, f"R-{number % 7}")),
        audiences=tuple(chance.sample(("investigators", "judges", "prosecutors"), chance.randint(0, 2))),
        themes=tuple(chance.sample(("darknet", "malware", "electronic_evidence"), chance.randint(0, 2))),
        names=chance.choice((("UNODC",), ("INTERPOL",))), named=chance.choice(((), ("UNODC",), ("World Bank",))), **dated,
    )  # fmt: skip


def in_words(asking: Features, stored: list[Features], asked: Ranges) -> tuple[list[tuple[str, bool]], bool]:
    """The rule of candidates.py over everything in memory: (plan, meets), best first, and whether anything was cut."""
    number = {signed64(one.plan_id): one.plan_id for one in stored}
    left = [(key, day, plan) for plan, one in zip(number, stored, strict=True) for key, day in rows(one).rows]
    worth, far, meets = defaultdict[int, int](int), dict[int, int](), defaultdict[int, bool](bool)
    cut = asked.capped
    for one in asked.ranges:
        mine = [(day, plan) for key, day, plan in left if key == one.key and one.first <= day <= one.last]
        later = sorted(each for each in mine if each[0] >= one.middle)
        earlier = sorted((each for each in mine if each[0] < one.middle), reverse=True)
        kept = list[tuple[int, int]]()
        for side in (later[: one.most + 1], earlier[: one.most + 1]):
            cut = cut or (len(side) > one.most and max(abs(day - one.middle) for day, _ in side) <= one.misses)
            kept += side
        rare = next((more for most, more in RARITY if len(kept) <= most), 0)
        for plan in {plan for _, plan in kept}:
            worth[plan] += one.worth + rare
            meets[plan] |= one.meets
        for day, plan in kept:
            far[plan] = min(far.get(plan, 10**9), abs(day - one.middle))
    for plan, days in far.items():
        worth[plan] += next((more for most, more in NEARNESS if days <= most), 0)
    order = sorted(worth.keys() - {signed64(asking.plan_id)}, key=lambda plan: (-worth[plan], far[plan], plan))
    return [(number[plan], meets[plan]) for plan in order[:MAX_CANDIDATES]], cut or any(
        meets[plan] or worth[plan] >= ENOUGH for plan in order[MAX_CANDIDATES:]
    )


async def found(db: Database, asking: Features, asked: Ranges) -> tuple[list[tuple[str, bool]], bool]:
    async with db.read(SERVICE) as session:
        chosen, stored = await nearby(session, signed64(asking.plan_id), asked)
    ids = {signed64(each): each for each in stored.table.ids}
    assert len(ids) == len(chosen.plans)
    assert {each: stored.table.at(at).packed for at, each in enumerate(stored.table.ids)} == {
        each: PACKED[each] for each in stored.table.ids
    }
    meets = chosen.meets.tolist()
    return [(ids[number], meets[at]) for at, number in enumerate(chosen.plans.tolist())], chosen.capped


async def test_the_database_and_the_rule_choose_the_same_plans_in_the_same_order(db: Database) -> None:
    chance = random.Random(4)
    stored = [some_plan(number, chance) for number in range(250)]
    await keep(db, stored)
    sizes = set[int]()
    for asking in stored[:30]:
        for asked in (ranges(asking), ranges(asking, meeting=True)):
            answer = await found(db, asking, asked)
            assert answer == in_words(asking, stored, asked)
            sizes.add(len(answer[0]))
    assert 0 in sizes
    assert max(sizes) > 100


async def test_a_cut_takes_the_farthest_in_time_and_is_told(db: Database) -> None:
    chance = random.Random(5)
    stored = [some_plan(number, chance) for number in range(250)]
    await keep(db, stored)
    for asking in stored[:20]:
        tight = ranges(asking)
        tight = replace(tight, ranges=tuple(one._replace(most=7, misses=1000) for one in tight.ranges))
        answer = await found(db, asking, tight)
        assert answer == in_words(asking, stored, tight)
        assert answer[1], "a cut must be told"


async def test_more_plans_than_are_compared_with_one_are_cut_by_what_they_share(db: Database) -> None:
    everywhere = [features(f"plan_{number:04}", title="Ransomware", themes=()) for number in range(MAX_CANDIDATES + 20)]
    twin = features("plan_twin", "org_b")
    await keep(db, [*everywhere, twin])
    asked = ranges(features("plan_mine", "org_c"))
    roomy = Ranges(tuple(one._replace(most=10_000) for one in asked.ranges), capped=False)
    chosen, capped = await found(db, features("plan_mine", "org_c"), roomy)
    assert (chosen[0][0], len(chosen), capped) == ("plan_twin", MAX_CANDIDATES, True)
