"""Plans posted at the same instant are always compared, and a group of them is one alert (DESIGN 3)."""

import pytest

from tests.races.harness import (
    PATIENCE,
    Outcome,
    collide_all,
    fact_names,
    move_away_all,
    outcome,
    race_all,
    retold,
    stored_alerts,
)
from tests.support.activities import Service

ROUNDS = 200
"""On PostgreSQL with two replicas. One process on SQLite has one writer, and little to race with."""


def rounds(services: list[Service]) -> int:
    return ROUNDS if len(services) > 1 else ROUNDS // 5


pytestmark = pytest.mark.timeout(600)


async def test_every_pair_posted_at_the_same_instant_is_found_and_gives_one_alert(services: list[Service]) -> None:
    pairs = await race_all(services, rounds(services), 2)
    await services[0].settled(PATIENCE)
    assert await outcome(services[0], pairs) == Outcome()
    told = await fact_names(services[0])
    assert {name: count for name, count in told.items() if name.startswith("alert.")} == {"alert.opened": len(pairs)}


async def test_three_posted_at_the_same_instant_are_one_alert_with_three_plans(services: list[Service]) -> None:
    groups = await race_all(services, rounds(services), 3)
    await services[0].settled(PATIENCE)
    assert await outcome(services[0], groups) == Outcome()
    assert (await fact_names(services[0]))["alert.opened"] == len(groups)


async def test_two_that_collide_at_the_same_instant_are_one_alert(services: list[Service]) -> None:
    pairs = await collide_all(services, rounds(services) // 2)
    await services[0].settled(PATIENCE)
    assert await outcome(services[0], pairs) == Outcome()
    assert {row.kind for row in await stored_alerts(services[0])} == {"overlap"}


async def test_amending_a_plan_away_while_its_twin_is_posted_leaves_no_alert_open(services: list[Service]) -> None:
    """Whichever comes first: the alert never opens, or it opens and closes."""
    assert await move_away_all(services, 60 if len(services) > 1 else 20) == []
    for names in (await retold(services[0])).values():
        assert names == ["alert.opened", "alert.closed"]


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("size", [2, 3])
async def test_a_thousand_races(services: list[Service], size: int) -> None:
    for turn in range(5):
        groups = await race_all(services, ROUNDS, size, first=ROUNDS * turn)
        await services[0].settled(PATIENCE)
        found = await outcome(services[0], groups)
        assert found == Outcome(), turn
