"""Whatever the order in which plans, edits and cancellations arrive, the same alerts stand in the end: each life goes through
the real chain (HTTP, outbox, bus, lane), and all of them are held against the first."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from services.activities.domain.alerts import LIVE
from services.activities.orm import AlertRow, MatchRow
from shared.ids import Uuid7Ids
from tests.support.activities import IVAN, NORA, TARO, WANDA, Service, running

POSTERS = (NORA, IVAN, TARO, WANDA)
COUNTRIES = ("KEN", "UGA", "PER", "LKA", "THA", "GEO", "SEN", "FJI", "JOR", "MEX", "NPL", "ZMB", "TUN", "LAO", "UKR", "BRA",
             "GHA", "VNM", "SLV", "MWI")  # fmt: skip
WORDS = ("ransomware", "darknet markets", "electronic evidence", "mobile devices", "open source intelligence", "cryptocurrency",
         "malware", "child protection online", "cloud data", "network intrusion")  # fmt: skip
AUDIENCES = ("investigators", "prosecutors", "judges", "forensic_examiners")
THEMES = ("electronic_evidence", "darknet", "malware", "cryptocurrency", "digital_forensics")


@dataclass(frozen=True)
class Deed:
    """What somebody does to plan `number`: post it, change it, or cancel it."""

    kind: str
    number: int
    body: dict[str, Any]


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


def plan_id(number: int) -> str:
    return f"plan_{random.Random(number).getrandbits(128):032x}"


def some_year(plans: int, chance: random.Random) -> Iterator[list[Deed]]:
    """The deeds of one plan after another, each in their own order. A seventh are another partner's posting of an earlier one."""
    told: list[dict[str, Any]] = []
    for number in range(plans):
        if told and chance.random() < 0.15:
            body = dict(chance.choice(told))
            body["title"] = f"Workshop: {body['title'].lower()}"
            start = date.fromisoformat(body["start"]) + timedelta(chance.choice((0, 0, 1)))
            body |= {"start": start.isoformat(), "end": (start + timedelta(2)).isoformat()}
        else:
            start = date(2027, 1, 4) + timedelta(chance.randrange(360))
            body = {
                "title": f"{chance.choice(WORDS).capitalize()} for {chance.choice(('police', 'courts', 'banks'))}",
                "type": chance.choice(("training", "workshop")), "tlp": "GREEN",
                "start": start.isoformat(), "end": (start + timedelta(chance.choice((1, 2, 4)))).isoformat(),
                "venues": [{"country": chance.choice(COUNTRIES)}],
                "audiences": chance.sample(AUDIENCES, chance.randint(1, 2)), "themes": chance.sample(THEMES, 1),
            }  # fmt: skip
            told.append(body)
        if chance.random() < 0.1:
            body = {name: value for name, value in body.items() if name not in ("start", "end")}
        deeds = [Deed("post", number, body)]
        if chance.random() < 0.15:
            moved = date(2027, 1, 4) + timedelta(chance.randrange(360))
            dates = {"start": moved.isoformat(), "end": (moved + timedelta(1)).isoformat()}
            deeds.append(
                Deed("amend", number, chance.choice((dates, {"title": "Ransomware week"}, {"themes": ["malware"]})))
            )
        if chance.random() < 0.08:
            deeds.append(Deed("cancel", number, {}))
        yield deeds


def shuffled(year: list[list[Deed]], chance: random.Random) -> list[Deed]:
    """All deeds in any order that keeps each plan's own."""
    turns = [number for number, deeds in enumerate(year) for _ in deeds]
    chance.shuffle(turns)
    left = [iter(deeds) for deeds in year]
    return [next(left[number]) for number in turns]


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
    async with service.db.read() as session:
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
        (150, 3),
        # a turn of the whole chain costs some 40 ms of a core: these take minutes, and hours
        pytest.param(1000, 3, marks=[pytest.mark.campaign, pytest.mark.timeout(3600)]),
        pytest.param(10_000, 20, marks=[pytest.mark.campaign, pytest.mark.timeout(12 * 3600)]),
    ],
    ids=["150", "1000", "10000"],
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
