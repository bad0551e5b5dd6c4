"""Random lives of a few plans, played straight on the handlers (no bus: an event's turn in the lane comes when the script
says)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from services.activities.api.schemas import PlanBody
from services.activities.commands import AmendPlan, Decide, PostPlan, Reverse
from services.activities.domain.alerts import LIVE
from services.activities.domain.content import Invalid
from services.activities.domain.plan import Refused
from services.activities.handlers import decisions, lane, plans
from services.activities.matching.engine import compare
from services.activities.orm import AlertRow, DecisionRow, PlanRow, kernel, known, metadata
from services.activities.uow.unit import ActivitiesUnit
from shared.clock import FixedClock
from shared.db import Database
from shared.ids import Uuid7Ids
from shared.problem import Problem
from shared.reader import SERVICE
from shared.visibility import WORLD, Principal, Scope
from tests.support.activities import CORA, IVAN, NORA, SLUGS, TARO, WANDA
from tests.support.people import Person, introduce

Pair = tuple[str, str]
POSTERS = (NORA, IVAN, TARO, WANDA)
COORDINATOR = Principal(
    CORA.id, roles=frozenset({"coordinator"}), grants=frozenset({"read", "post", "decide"}), scope=Scope(regions=frozenset({WORLD}))
)  # fmt: skip

TITLES = (
    "Cybercrime investigations course", "Cybercrime investigation training for police", "Digital forensics workshop",
    "Cryptocurrency tracing training",
)  # fmt: skip
THEMES = ("cybercrime_investigation", "digital_forensics", "cryptocurrency")
DATES = (
    ("2027-03-01", "2027-03-03"), ("2027-03-01", "2027-03-03"), ("2027-03-02", "2027-03-04"), ("2027-03-05", "2027-03-06"),
    ("2027-03-15", None), ("2027-04-12", "2027-04-16"), ("2027-03", None), ("2027-W09", None), ("2027", None), (None, None),
)  # fmt: skip


def principal(one: Person) -> Principal:
    return Principal(one.id, frozenset(one.partners), frozenset(one.roles), frozenset({"read", "post"}))


@dataclass(frozen=True)
class Alerts:
    """The live alerts as a state: which groups of plans, and what kind of conflict."""

    duplicates: frozenset[frozenset[str]]
    overlaps: frozenset[tuple[frozenset[frozenset[str]], str]]


@dataclass(frozen=True)
class Verdict:
    """What a decision that stands says of its pairs, and on which evidence. The script keeps its own list of these."""

    kind: str
    verdict: str
    prints: dict[Pair, str]


@dataclass
class Play:
    """One database, one random script. `waiting`: plans whose event has not had its turn in the lane."""

    db: Database
    chance: random.Random
    clock: FixedClock = field(default_factory=lambda: FixedClock(datetime(2027, 1, 1, tzinfo=UTC)))
    waiting: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ids = Uuid7Ids(self.clock)

    async def start(self) -> None:
        async with self.db.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await introduce(self.db, known, [*POSTERS, CORA], SLUGS)

    # --- what people do

    async def step(self) -> None:
        """Something that somebody does; a refusal is an answer, too."""
        self.clock.advance(60)
        deeds = [self.post, self.amend, self.amend, self.amend, self.set_status, self.decide, self.decide, self.reverse]
        deed = self.post if len(self.log) < 8 else self.chance.choice(deeds)
        try:
            await deed()
        except (Problem, Invalid, Refused) as refused:
            self.log.append(f"{deed.__name__}: {str(refused)[:80]}")

    async def post(self) -> None:
        poster = self.chance.choice(POSTERS)
        body = self.validated(await self._draw(_FIELDS))
        async with self.db.write(SERVICE) as session:
            uow = self.unit(session, poster.id)
            stored = await plans.post_plan(PostPlan(body), uow, principal(poster))
            await uow.flush()
        self._changed(stored, "post")

    async def amend(self) -> None:
        row, poster = await self._some_plan()
        names = self.chance.sample(_FIELDS, self.chance.choice((1, 1, 2)))
        await self._patch(row, poster, await self._draw(names))

    async def set_status(self) -> None:
        row, poster = await self._some_plan()
        await self._patch(
            row, poster, {"status": self.chance.choice(("cancelled", "postponed", *["confirmed", "tentative"] * 4))}
        )

    async def decide(self) -> None:
        found = [row for row in await self.alerts() if row.status in LIVE]
        if not found:
            return
        row = self.chance.choice(found)
        verdict = self.chance.choice(("link", "distinct", "link", "distinct", "ask_to_move", "escalate"))
        sides = sorted(row.versions)
        least = 2 if verdict == "link" else 1
        some: tuple[str, ...] = ()
        if len(sides) > 2 and verdict in ("link", "distinct") and self.chance.random() < 0.4:
            some = tuple(self.chance.sample(sides, self.chance.randint(least, len(sides) - 1)))
        async with self.db.write(SERVICE) as session:
            uow = self.unit(session, COORDINATOR.id)
            made = await decisions.decide(Decide(row.id, verdict, some), uow, COORDINATOR)
            await uow.flush()
            pairs = [(a, b) for a, b in (await session.get_one(DecisionRow, made["id"])).pairs]
            features = await uow.features(made["plans"])
        if verdict in ("link", "distinct"):
            kind = "overlap" if row.kind == "overlap" and verdict == "distinct" else "duplicate"
            prints = {(a, b): compare(features[a], features[b]).fingerprint for a, b in pairs}
            self.verdicts[made["id"]] = Verdict(kind, verdict, prints)
        self.log.append(f"{verdict} {made['id'][-4:]}: {[plan[-4:] for plan in made['plans']]}")

    async def reverse(self) -> None:
        async with self.db.read(SERVICE) as session:
            standing = select(DecisionRow).where(col(DecisionRow.reversed_at).is_(None)).order_by(col(DecisionRow.id))
            found = list((await session.execute(standing)).scalars())
        if not found:
            return
        made = self.chance.choice(found)
        async with self.db.write(SERVICE) as session:
            uow = self.unit(session, COORDINATOR.id)
            await decisions.reverse(Reverse(made.id), uow, COORDINATOR)
            await uow.flush()
        self.verdicts.pop(made.id, None)
        self.log.append(f"reverse {made.verdict} {made.id[-4:]}")

    async def _patch(self, row: PlanRow, poster: Person, patch: dict[str, Any]) -> None:
        async with self.db.write(SERVICE) as session:
            uow = self.unit(session, poster.id)
            command = AmendPlan(row.id, row.version, patch)
            stored, changed = await plans.amend_plan(command, uow, principal(poster), self.validated)
            await uow.flush()
        if changed:
            self._changed(stored, f"amend {patch}")

    async def _some_plan(self) -> tuple[PlanRow, Person]:
        rows = await self.plans()
        if not rows:
            raise Refused("#", "none", "there is no plan yet")
        row = self.chance.choice(rows)
        return row, next(poster for poster in POSTERS if poster.partners[0] == row.owner)

    async def _draw(self, names: Sequence[str]) -> dict[str, Any]:
        chance = self.chance
        start, end = chance.choice(DATES[:3] if chance.random() < 0.6 else DATES)
        rows = await self.plans() if chance.random() < 0.1 else []
        drawn: dict[str, dict[str, Any]] = {
            "title": {"title": chance.choice(TITLES)},
            "type": {"type": chance.choice(("training", "workshop"))},
            "dates": {"start": start, "end": end, "precision": None},
            "themes": {"themes": chance.sample(THEMES, chance.choice((1, 1, 2)))},
            "audiences": {"audiences": [chance.choice(["investigators"] * 4 + ["judges"])]},
            "venues": {"venues": [{"country": chance.choice(["KEN"] * 5 + ["UGA"])}]},
            "status": {"status": chance.choice((*["tentative"] * 6, "confirmed", "draft"))},
            "tlp": {"tlp": chance.choice((*["GREEN"] * 6, "AMBER+STRICT", "RED"))},
            "part_of": {"part_of": chance.choice(rows).id if rows else None},
            "series": {"series": {"name": "Weeks", "edition": chance.choice("12")} if chance.random() < 0.1 else None},
        }
        return {name: value for each in names for name, value in drawn[each].items()}

    def validated(self, document: Any) -> dict[str, Any]:
        body = PlanBody.model_validate(document).model_dump()
        # a RED plan is for its poster and the coordinator, so that somebody can decide on it
        return body | {"named_people": [CORA.id] if body["tlp"] == "RED" else None}

    def _changed(self, stored: dict[str, Any], what: str) -> None:
        self.waiting.append(stored["id"])
        self.log.append(f"{what}: {stored['id'][-4:]} v{stored['version']}")

    def unit(self, session: Any, actor: str) -> ActivitiesUnit:
        return ActivitiesUnit(session, self.clock, self.ids, actor=actor)

    # --- the lane

    async def settle(self) -> None:
        """Every waiting event has its turn; they lie in several partitions, so the turns are in any order."""
        self.chance.shuffle(self.waiting)
        while self.waiting:
            await self.turn(self.waiting.pop())

    async def turn(self, plan: str) -> None:
        async with self.db.write(SERVICE) as session:
            uow = self.unit(session, "lane")
            await lane.rematch(plan, uow)
            await uow.flush()

    # --- what there is

    async def plans(self) -> list[PlanRow]:
        async with self.db.read(SERVICE) as session:
            return list((await session.execute(select(PlanRow).order_by(col(PlanRow.id)))).scalars())

    async def alerts(self) -> list[AlertRow]:
        async with self.db.read(SERVICE) as session:
            return list((await session.execute(select(AlertRow).order_by(col(AlertRow.id)))).scalars())

    async def told(self) -> list[tuple[str, int, str]]:
        """Alert events so far: alert, version, name; in the order of the outbox."""
        async with self.db.read(SERVICE) as session:
            rows = (await session.execute(select(kernel.outbox.c.headers).order_by(kernel.outbox.c.seq))).scalars()
            headers = [dict(row) for row in rows]
        kinds = [(each["ce_subject"], int(each["ce_sequence"]), each["ce_type"].split(".")[2:4]) for each in headers]
        return [(subject, sequence, name[1]) for subject, sequence, name in kinds if name[0] == "alert"]

    async def live(self) -> Alerts:
        rows = [row for row in await self.alerts() if row.status in LIVE]
        duplicates = [frozenset(row.groups[0]) for row in rows if row.kind == "duplicate"]
        conflicts = [
            (frozenset(frozenset(group) for group in row.groups), str(row.overlap_kind))
            for row in rows
            if row.kind == "overlap"
        ]
        assert len(set(duplicates)) == len(duplicates), "two alerts about one group"
        assert len({sides for sides, _ in conflicts}) == len(conflicts), "two alerts about one conflict"
        return Alerts(frozenset(duplicates), frozenset(conflicts))


_FIELDS = ("title", "type", "dates", "themes", "audiences", "venues", "tlp", "part_of", "series", "status")
