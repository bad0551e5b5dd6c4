"""Racing posts: groups of duplicate plans that meet each other and nobody else, and what became of them."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import select

from services.activities.orm import AlertRow
from shared.bus.memory import MemoryBus
from shared.bus.port import Bus
from shared.reader import SERVICE
from tests.support.activities import IVAN, NORA, TARO, Service, facts_on, running, training

POSTERS = (NORA, IVAN, TARO)
COUNTRIES = (
    "KEN",
    "UGA",
    "GHA",
    "SEN",
    "PER",
    "CHL",
    "FJI",
    "WSM",
    "THA",
    "VNM",
    "NPL",
    "LKA",
    "SRB",
    "ALB",
    "GEO",
    "MAR",
)
AT_ONCE = 20
"""Groups in flight together."""
PATIENCE = 300
"""Seconds for the lane to work off what a race left it, on a machine that has other work, too."""


@asynccontextmanager
async def replicas(url: str, count: int, bus: Bus | None = None, **settings: Any) -> AsyncGenerator[list[Service]]:
    """This many replicas of activities on one database and one bus."""
    bus = bus or MemoryBus()
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(running(url, bus=bus, migrate=index == 0, **settings))
            for index in range(count)
        ]


def body(number: int, **changes: Any) -> dict[str, Any]:
    """Group `number`'s plan: a month and a country of its own, so that it resembles no other group's."""
    year, month = divmod(number % 600, 12)
    days = {"start": f"{2027 + year}-{month + 1:02}-10", "end": f"{2027 + year}-{month + 1:02}-12"}
    return training(**days, venues=[{"country": COUNTRIES[(number + number // 600) % len(COUNTRIES)]}], **changes)


async def race(services: Sequence[Service], number: int, size: int, *, apart: float = 0) -> list[dict[str, Any]]:
    """The same plan, by `size` partners at the same instant (or `apart` seconds after one another), each at another
    replica."""

    async def post(index: int) -> dict[str, Any]:
        await asyncio.sleep(index * apart)
        return await services[index % len(services)].post(POSTERS[index], body(number))

    return await asyncio.gather(*(post(index) for index in range(size)))


async def race_all(
    services: Sequence[Service], count: int, size: int, *, at_once: int = AT_ONCE, first: int = 0, apart: float = 0
) -> list[frozenset[str]]:
    """`count` races of `size`, `at_once` of them in flight together. Returns the plans of each."""
    groups: list[frozenset[str]] = []
    for start in range(first, first + count, at_once):
        numbers = range(start, min(start + at_once, first + count))
        for plans in await asyncio.gather(*(race(services, number, size, apart=apart) for number in numbers)):
            groups.append(frozenset(plan["id"] for plan in plans))
    return groups


async def collide_all(
    services: Sequence[Service], count: int, *, at_once: int = AT_ONCE, first: int = 0
) -> list[frozenset[str]]:
    """Races of two plans that call the same people on the same days to something else: an overlap, no duplicate."""

    async def collide(number: int) -> frozenset[str]:
        other = body(number, title="Workshop on fraud analytics", type="workshop", themes=["fraud"])
        mine, theirs = await asyncio.gather(
            services[0].post(NORA, body(number, title="Cryptocurrency tracing course", themes=["cryptocurrency"])),
            services[-1].post(IVAN, other),
        )
        return frozenset({mine["id"], theirs["id"]})

    groups: list[frozenset[str]] = []
    for start in range(first, first + count, at_once):
        numbers = range(start, min(start + at_once, first + count))
        groups += await asyncio.gather(*(collide(number) for number in numbers))
    return groups


async def move_away_all(
    services: Sequence[Service], count: int, *, at_once: int = AT_ONCE, first: int = 0, lag: float | None = None
) -> list[dict[str, int]]:
    """Amend a plan away while its twin is posted: at about the same instant, or `lag` seconds after the twin's answer.

    Returns the sides of the alerts that are still there afterwards.
    """
    numbers = range(first, first + count)
    posts = await asyncio.gather(*(services[0].post(NORA, body(number)) for number in numbers))
    mine = dict(zip(numbers, posts, strict=True))
    await services[0].settled(PATIENCE)
    chance = random.Random(2)

    async def move_away(number: int) -> None:
        changes = {name: body(number + 150)[name] for name in ("start", "end", "venues")}
        await services[0].patch(NORA, mine[number], **changes)

    async def meet(number: int) -> None:
        twin = asyncio.create_task(services[-1].post(IVAN, body(number)))
        if lag is None:
            await asyncio.sleep(chance.random() / 10)
        else:
            await asyncio.wait({twin})
            await asyncio.sleep(lag)
        await asyncio.gather(twin, move_away(number))

    for start in range(first, first + count, at_once):
        numbers = range(start, min(start + at_once, first + count))
        await asyncio.gather(*(meet(number) for number in numbers))
    await services[0].settled(PATIENCE)
    moved = {plan["id"] for plan in mine.values()}
    rows = await stored_alerts(services[0])
    return [row.versions for row in rows if row.status != "closed" and moved & row.versions.keys()]


@dataclass
class Outcome:
    """What is wrong; all empty after a good run.

    lost     groups without an alert that holds all their plans
    split    groups whose plans stand on more than one alert, of whatever status
    retold   alerts whose events are not one `alert.opened`, followed by updates with consecutive versions
    foreign  alerts that mix groups
    """

    lost: list[frozenset[str]] = field(default_factory=list)
    split: list[frozenset[str]] = field(default_factory=list)
    retold: dict[str, list[str]] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)


async def outcome(service: Service, groups: Sequence[frozenset[str]]) -> Outcome:
    found = Outcome()
    alerts = {row.id: frozenset(row.versions) for row in await stored_alerts(service)}
    live = {row.id for row in await stored_alerts(service) if row.status == "open"}
    group_of = {plan: group for group in groups for plan in group}
    on = defaultdict[frozenset[str], set[str]](set)
    for alert, plans in alerts.items():
        touched = {group_of[plan] for plan in plans if plan in group_of}
        if len(touched) > 1:
            found.foreign.append(alert)
        for group in touched:
            on[group].add(alert)
    found.lost = [group for group in groups if not any(alerts[one] == group and one in live for one in on[group])]
    found.split = [group for group in groups if len(on[group]) > 1]
    found.retold = await retold(service)
    return found


async def retold(service: Service) -> dict[str, list[str]]:
    """Alerts that were told in another way than: opened once, then updated, versions 1, 2, 3, ..."""
    told = defaultdict[str, list[str]](list)
    versions = defaultdict[str, list[int]](list)
    # a relay that lost its lease between sending and marking leaves the same event twice: that is promised (at least once)
    facts = {event.id: event for event in await facts_on(service.app.state.runtime.bus)}
    for event in facts.values():
        if event.name.startswith("alert."):
            told[event.subject].append(event.name)
            versions[event.subject].append(event.sequence)
    return {
        alert: names
        for alert, names in told.items()
        if names[0] != "alert.opened"
        or set(names[1:]) - {"alert.updated"}
        or versions[alert] != list(range(1, len(names) + 1))
    }


async def stored_alerts(service: Service) -> list[AlertRow]:
    async with service.db.read(SERVICE) as session:
        return list((await session.execute(select(AlertRow))).scalars())


async def fact_names(service: Service) -> Counter[str]:
    """How often each was told, by event: what a relay sent twice, because it lost its lease meanwhile, is one."""
    facts = {event.id: event.name for event in await facts_on(service.app.state.runtime.bus)}
    return Counter(facts.values())
