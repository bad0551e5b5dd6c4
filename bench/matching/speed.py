"""One plan matched against very many stored ones on PostgreSQL: `python -m bench.matching speed`.

What is timed is what a turn of the lane and `plans:check` do for one plan whose text has been read: candidates, scores,
explanations, overlaps. Beside it, on the same server, a bare query for (country, start within three days) with a
comparison of titles. The horizon is the same at every size, so a hundred times the plans are a hundred times as dense.

Every plan is matched several times, in rounds. The figures are those of all times and, beside them, of each plan's best: a
machine with other work to do takes the processor away for longer than a turn lasts.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import asyncpg
from rapidfuzz import fuzz

from bench.matching import generator
from bench.matching.stored import HORIZON, Told, as_they_are, copies, moved, store, told, twins
from bench.measure import latencies, shown
from bench.stage import migrate
from infra.native.postgres import PostgresServer
from services.activities.matching import overlaps
from services.activities.matching.engine import match
from services.activities.matching.explain import explain
from services.activities.matching.features import Features
from services.activities.uow.unit import ActivitiesUnit
from shared.clock import SystemClock
from shared.db import Database
from shared.ids import Uuid7Ids
from shared.reader import SERVICE

_BASE = 10_000
Say = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """`ids` of the candidates; `same`: those that matched."""

    ids: frozenset[str]
    same: frozenset[str]
    capped: bool


async def matched(unit: ActivitiesUnit, features: Features) -> Answer:
    """What a plan costs once its text is read."""
    chosen = await unit.candidates_of(features)
    found = match(features, chosen.table)
    for one in found[:20]:
        explain(one)
    same = {plan for one in found for plan in one.pair}
    overlaps.ranked(features, chosen.table.only(key for key in chosen.meeting if key not in same))
    return Answer(frozenset(chosen.plan_ids), frozenset(same), chosen.capped)


async def bare(connection: Any, one: Told) -> int:
    if one.start is None:
        return 0
    near = timedelta(3)
    rows = await connection.fetch(
        "SELECT id, title FROM bare WHERE country = $1 AND start BETWEEN $2 AND $3", one.country, one.start - near, one.start + near
    )  # fmt: skip
    return sum(fuzz.token_sort_ratio(one.title, row["title"]) >= 90 for row in rows)


@dataclass(frozen=True)
class Times:
    """In milliseconds: half of all turns, 99 of 100, and the same of each plan's best round."""

    p50: float
    p99: float
    best_p50: float
    best_p99: float

    def __str__(self) -> str:
        return "".join(f"{shown(each):>9}" for each in (self.p50, self.p99, self.best_p50, self.best_p99))


async def _timed(
    work: Callable[[Told], Awaitable[Any]], probes: Sequence[Told], rounds: int
) -> tuple[Times, list[Any]]:
    for one in probes[:50]:
        await work(one)  # the server reads its pages, the driver prepares its statements
    seconds: list[list[float]] = [[] for _ in probes]
    answers: list[Any] = []
    for _ in range(rounds):
        answers = []
        for one, taken in zip(probes, seconds, strict=True):
            begun = time.perf_counter()
            answers.append(await work(one))
            taken.append(time.perf_counter() - begun)
    every, best = latencies([each for taken in seconds for each in taken]), latencies([min(taken) for taken in seconds])
    return Times(every["p50 ms"], every["p99 ms"], best["p50 ms"], best["p99 ms"]), answers


async def one_size(
    server: PostgresServer,
    base: Sequence[Told],
    pairs: Sequence[tuple[Told, Told]],
    size: int,
    rounds: int,
    say: Say,
) -> Times:
    """Print one line of figures."""
    url = await asyncio.to_thread(server.create_database, f"plans{size}")
    await migrate(url, "activities")
    begun = time.monotonic()
    await store(url, chain([as_they_are([one for one, _ in pairs])], copies(base, size - len(pairs), size)))
    probes = [probe for _, probe in pairs]
    loaded = time.monotonic() - begun
    db = Database(url)
    clock = SystemClock()
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))

    async def ours(one: Told) -> Answer:
        async with db.read(SERVICE) as session:
            return await matched(ActivitiesUnit(session, clock, Uuid7Ids(clock), actor="bench"), one.features)

    times, answers = await _timed(ours, probes, rounds)
    beside, _ = await _timed(lambda one: bare(connection, one), probes, rounds)
    found = [one.features.plan_id in answer.ids for (one, _), answer in zip(pairs, answers, strict=True)]
    say(
        f"{size:>11,}{times}{median(len(one.ids) for one in answers):>12.0f}"
        f"{sum(one.capped for one in answers) / len(answers):>8.0%}{sum(found) / len(pairs):>8.1%}{beside}{loaded:>8.0f}"
    )
    await connection.close()
    await db.dispose()
    await asyncio.to_thread(server.drop_database, f"plans{size}")
    return times


def run(sizes: Sequence[int], count: int, rounds: int, say: Say) -> None:
    """Print a line per size, and how much the p99 grows from the first size to the last."""
    base = list(told(generator.generate(7, _BASE, generator.YEAR)).values())
    random, pairs = Random(8), list[tuple[Told, Told]]()
    for number, (a, b) in enumerate(twins(8, count)):
        by = random.randrange(HORIZON)
        pairs.append((moved(a, by, f"plan_twin{number}"), moved(b, by, f"plan_probe{number}")))
    with tempfile.TemporaryDirectory(prefix="convene-bench-") as folder:
        server = PostgresServer(Path(folder) / "postgres", fsync=False)
        server.start()
        try:
            say(
                f"{len(pairs)} plans, each matched alone, {rounds} rounds; another posting of each is stored among the others"
            )
            say(
                "(twin: it is a candidate). ms of all turns, and of each plan's best. bare: a query for country and start,"
            )
            say("and a comparison of titles")
            four = "".join(f"{name:>9}" for name in ("p50", "p99", "best p50", "best p99"))
            say(
                f"{'stored':>11}{four}{'candidates':>12}{'capped':>8}{'twin':>8}{four.replace('   p50', 'bare p50', 1)}{'load s':>8}"
            )
            times = [asyncio.run(one_size(server, base, pairs, size, rounds, say)) for size in sizes]
        finally:
            server.stop()
    last, first = times[-1], times[0]
    say(
        f"p99 at {sizes[-1]:,} is {last.p99 / first.p99:.1f} times that at {sizes[0]:,}; of the best rounds"
        f" {last.best_p99 / first.best_p99:.1f} times"
    )
