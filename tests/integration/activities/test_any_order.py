"""Whatever the order in which plans, edits and cancellations arrive, the same alerts stand in the end: each life goes through
the real chain (HTTP, outbox, bus, lane), and all of them are held against the first."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from services.activities.domain.alerts import LIVE
from services.activities.orm import AlertRow, MatchRow
from shared.ids import Uuid7Ids
from shared.reader import SERVICE
from tests.support.activities import IVAN, NORA, TARO, WANDA, Service, running
from tests.support.years import Deed, plan_id, shuffled, some_year

POSTERS = (NORA, IVAN, TARO, WANDA)


@dataclass(frozen=True)
class Stands:
    """What stands in the end: matches with their scores, and live alerts, by plan."""

    matches: frozenset[tuple[str, str, int, str]]
    alerts: frozenset[tuple[str, str | None, frozenset[frozenset[str]], str | None, int | None, bool]]


class GivenIds(Uuid7Ids):
    """Plan ids are the script's: where two groups tie, the smaller ids decide, and those must not be the order of arrival."""

    plan = ""

    def new(self, prefix: str) -> str:
        return self.plan if prefix == "plan" else super().new(prefix)


async def lived(service: Service, ids: GivenIds, deeds: list[Deed]) -> Stands:
    plans: dict[int, dict[str, Any]] = {}
    for deed in deeds:
        who = POSTERS[deed.number % len(POSTERS)]
        if deed.kind == "post":
            ids.plan = plan_id(deed.number)
            plans[deed.number] = await service.post(who, deed.body)
        elif deed.kind == "amend":
            plans[deed.number] = await service.patch(who, plans[deed.number], **deed.body)
        else:
            await service.act(who, plans[deed.number], "cancel")
    await service.settled(timeout=600)
    async with service.db.read(SERVICE) as session:
        alerts = (await session.execute(select(AlertRow).where(col(AlertRow.status).in_(LIVE)))).scalars()
        matches = (await session.execute(select(MatchRow))).scalars()
        return Stands(
            frozenset((row.a, row.b, row.score, row.band) for row in matches),
            frozenset(
                (row.kind, row.overlap_kind, frozenset(frozenset(group) for group in row.groups), row.band, row.severity,
                 row.capped)
                for row in alerts
            ),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("plans", "shuffles"),
    [
        pytest.param(200, 3, marks=pytest.mark.timeout(900)),
        # a post and its turn through the whole chain cost some 40 ms of a core: these take minutes, and hours
        pytest.param(1000, 3, marks=[pytest.mark.campaign, pytest.mark.timeout(3600)]),
        pytest.param(10_000, 20, marks=[pytest.mark.campaign, pytest.mark.timeout(12 * 3600)]),
    ],
    ids=["200", "1000", "10000"],
)
async def test_any_order_of_arrival_leaves_the_same_alerts(tmp_path: Path, plans: int, shuffles: int) -> None:
    year = list(some_year(plans, random.Random(1)))
    first: Stands | None = None
    for number in range(shuffles):
        ids = GivenIds()
        deeds = shuffled(year, random.Random(number))
        async with running(f"sqlite+aiosqlite:///{tmp_path}/{number}.db", ids=ids) as service:
            stands = await lived(service, ids, deeds)
        first = first or stands
        assert stands.matches == first.matches
        assert stands.alerts == first.alerts
    assert first is not None
    kinds = {kind for kind, *_ in first.alerts}
    assert kinds == {"duplicate", "overlap"}
    assert len(first.alerts) > plans / 20
