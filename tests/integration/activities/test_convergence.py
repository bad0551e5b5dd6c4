"""Whatever people do in whatever order: when everything has had its turn in the lane, the live alerts are those that the
present plans and the standing decisions call for, and nobody was told more than once of one change."""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from services.activities.handlers import lane
from services.activities.matching.features import extract, pack, unpack
from services.activities.orm import PlanRow, VerdictRow
from services.activities.uow.rows import plan_of_row
from shared.db import Database
from shared.reader import SERVICE
from tests.integration.activities.oracle import live_alerts
from tests.integration.activities.play import Alerts, Play

STEPS = 60


def seeds(first: int) -> list[object]:
    """Three lives in every run, thirty more in the campaign."""
    campaign = [pytest.param(seed, marks=pytest.mark.campaign) for seed in range(first + 3, first + 33)]
    return [*range(first, first + 3), *campaign]


@pytest.fixture
async def db(tmp_path: Path) -> AsyncGenerator[Database]:
    one = Database(f"sqlite+aiosqlite:///{tmp_path}/play.db")
    yield one
    await one.dispose()


async def wanted(play: Play) -> Alerts:
    rows = await play.plans()
    features = {row.id: unpack(row.features, row.id) for row in rows}
    async with play.db.read(SERVICE) as session:
        unit = play.unit(session, "test")
        for row in rows:
            plan = plan_of_row(row)
            assert pack(extract(await unit.text_of(plan))) == row.features
    return live_alerts(features, {row.id for row in rows if row.tlp == "RED"}, list(play.verdicts.values()))


def held(play: Play, live: Alerts, ought: Alerts) -> None:
    assert live == ought, "\n".join(["", *play.log, "", f"is:    {live}", f"ought: {ought}"])


@pytest.mark.parametrize("seed", seeds(0))
async def test_each_change_is_told_once_and_leaves_the_alerts_that_there_ought_to_be(db: Database, seed: int) -> None:
    play = Play(db, random.Random(seed))
    await play.start()
    before = 0
    for number in range(STEPS):
        await play.step()
        await play.settle()
        told = await play.told()
        twice = [alert for alert, count in Counter(alert for alert, _, _ in told[before:]).items() if count > 1]
        assert twice == [], "\n".join([*play.log, str(told[before:])])
        before = len(told)
        if number % 5 == 4:
            held(play, await play.live(), await wanted(play))
    versions = defaultdict[str, list[int]](list)
    first = dict[str, str]()
    for alert, version, name in await play.told():
        versions[alert].append(version)
        first.setdefault(alert, name)
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
    assert set(first.values()) <= {"opened"}
    assert len(first) > 5, "the script is too tame"


@pytest.mark.parametrize("seed", seeds(100))
async def test_turns_in_the_lane_may_come_late_and_in_any_order(db: Database, seed: int) -> None:
    play = Play(db, random.Random(seed))
    await play.start()
    for _ in range(STEPS):
        await play.step()
        if play.waiting and play.chance.random() < 0.4:
            await play.turn(play.waiting.pop(play.chance.randrange(len(play.waiting))))
    await play.settle()
    held(play, await play.live(), await wanted(play))


@pytest.mark.parametrize("seed", [7, 8])
async def test_the_same_plans_and_decisions_in_any_order_give_the_same_alerts(tmp_path: Path, seed: int) -> None:
    """The state, not the way to it: plans stored and matched in three other orders, decisions put beside them."""
    first = Database(f"sqlite+aiosqlite:///{tmp_path}/first.db")
    play = Play(first, random.Random(seed))
    await play.start()
    for _ in range(STEPS):
        await play.step()
        await play.settle()
    live = await play.live()
    held(play, live, await wanted(play))
    rows = await play.plans()
    async with first.read() as session:
        verdicts = await play.unit(session, "test").verdicts([row.id for row in rows])
    for turn in range(3):
        db = Database(f"sqlite+aiosqlite:///{tmp_path}/{turn}.db")
        again = Play(db, random.Random(turn))
        await again.start()
        await again_from(again, rows, verdicts)
        assert await again.live() == live, play.log
        await db.dispose()
    await first.dispose()


async def again_from(play: Play, rows: list[PlanRow], verdicts: list[VerdictRow]) -> None:
    for row in play.chance.sample(rows, len(rows)):
        async with play.db.write(SERVICE) as session:
            uow = play.unit(session, "test")
            await uow.store(plan_of_row(row), "plan.posted", [])
            await uow.flush()
        play.waiting.append(row.id)
        if play.chance.random() < 0.5:
            await play.settle()
    async with play.db.write(SERVICE) as session:
        session.add_all([VerdictRow(**row.model_dump()) for row in verdicts])
        await session.flush()
        uow = play.unit(session, "test")
        await lane.settle({plan for row in verdicts for plan in (row.a, row.b)}, uow)
        await uow.flush()
    await play.settle()
