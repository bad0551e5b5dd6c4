"""What narrows lists in SQL repeats the label table: it must let through all that `sight` shows, on both databases, and
pages must not tell of what lies between."""

import random
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlmodel import col

from services.activities.domain.plan import Plan
from services.activities.domain.reading import read
from services.activities.orm import PlanRow
from services.activities.queries import plans as queries
from services.activities.uow.unit import ActivitiesUnit
from shared.clock import SystemClock
from shared.db import Database
from shared.filters import Filter
from shared.ids import Uuid7Ids
from shared.paging import Page, decode_cursor
from shared.reader import SERVICE
from shared.visibility import LABELS, PUBLIC, RED, Outcome, Principal, Scope, sight
from tests.support.activities import training
from tests.support.schema import migrate_database

PLANS, READERS = 500, 80
PARTNERS, PEOPLE = [f"org_{n}" for n in range(5)], [f"per_{n}" for n in range(8)]
COUNTRIES, REGIONS = ("KEN", "UGA", "LKA", "THA", "FRA"), ("002", "014", "035", "150", "001")
THEMES = ("malware", "fraud", "darknet")
ROLES = ("focal_point", "coordinator", "administrator", "reader", "donor", "service")
CLOCK = SystemClock()
IDS = Uuid7Ids(CLOCK)


def some(rng: random.Random, values: tuple[str, ...] | list[str], most: int) -> list[str]:
    return rng.sample(values, rng.randint(0, most))


def random_plan(rng: random.Random) -> Plan:
    label = rng.choice(LABELS)
    body = training(
        tlp=label,
        venues=[{"country": country} for country in some(rng, COUNTRIES, 2)],
        beneficiary_regions=some(rng, REGIONS[1:4], 1),
        beneficiary_countries=some(rng, COUNTRIES, 1),
        themes=some(rng, THEMES, 2),
        status=rng.choice(["draft", "tentative", "confirmed"]),
        partners=[{"organisation": each} for each in some(rng, PARTNERS, 2)],
        funders=[{"organisation": each} for each in some(rng, PARTNERS, 1)],
        named_people=some(rng, PEOPLE, 2) if label == RED else [],
    )
    activity = IDS.new("act")
    return Plan(IDS.new("plan"), 1, rng.choice(PARTNERS), rng.choice(PEOPLE), True, activity, activity,
                read(body, CLOCK.now().date()), CLOCK.now(), CLOCK.now())  # fmt: skip


def random_readers(rng: random.Random) -> Iterator[Principal]:
    yield PUBLIC
    for _ in range(READERS - 1):
        yield Principal(
            person=rng.choice(PEOPLE),
            partners=frozenset(some(rng, PARTNERS, 2)),
            roles=frozenset(some(rng, ROLES, 2)) | (frozenset({"coordinator"}) if rng.random() < 0.5 else frozenset()),
            scope=Scope(
                frozenset(some(rng, COUNTRIES, 2)), frozenset(some(rng, REGIONS, 1)), frozenset(some(rng, THEMES, 1))
            ),
        )


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    """No service runs on it: thousands of plans of one week would keep the matching lane busy for minutes."""
    await migrate_database(database_url, "activities")
    made = Database(database_url)
    yield made
    await made.dispose()


async def test_what_is_in_sight_passes_and_pages_tell_of_nothing_else(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(7)
    stored = [random_plan(rng) for _ in range(PLANS)]
    async with db.write(SERVICE) as session:
        uow = ActivitiesUnit(session, CLOCK, IDS, actor="per_0")
        for plan in stored:
            await uow.store(replace(plan), "plan.posted", [])
        await uow.flush()
    monkeypatch.setattr(queries, "SCAN", 23)  # many steps to a page, as in a large table
    passed_in_vain = seen_by_all = 0
    async with db.read(SERVICE) as session:
        for number, reader in enumerate(random_readers(rng)):
            seen = {plan.id for plan in stored if sight(reader, plan.facts) is Outcome.FULL}
            passing = select(col(PlanRow.id)).where(queries.may_be_visible(reader))
            passed = set((await session.execute(passing)).scalars())
            assert seen <= passed, (reader, seen - passed)
            seen_by_all += len(seen)
            passed_in_vain += len(passed - seen)
            if number % 20:
                continue
            limit, listed, after = rng.randint(30, 200), [], None
            while True:
                page, cursor = await queries.list_plans(session, reader, Filter(), Page(limit, after))
                listed += [plan["id"] for plan in page]
                if cursor is None:
                    break
                assert len(page) == limit, "a page that ends early tells of what is hidden behind it"
                after = decode_cursor(cursor, length=1)
                assert after == (listed[-1],)
            assert listed == sorted(seen, reverse=True)
    # the filter is worth having, and this test is no wall of refusals
    assert seen_by_all > PLANS * READERS * 0.1
    assert passed_in_vain < seen_by_all * 0.5
