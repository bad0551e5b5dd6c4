"""One plan matched against very many stored ones on PostgreSQL: `python -m bench.matching speed`.

What is timed is what a turn of the lane and `plans:check` do for one plan whose text has been read: candidates, scores,
explanations, overlaps. Beside it, on the same server, a bare query for (country, start within three days) with a
comparison of titles. The horizon is the same at every size, so a hundred times the plans are a hundred times as dense.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import asyncpg
import numpy as np
from rapidfuzz import fuzz
from sqlalchemy import inspect

from bench.matching import generator
from bench.matching.generator import Corpus
from bench.matching.quality import plans_of
from bench.measure import latencies, shown
from bench.stage import migrate
from infra.native.postgres import PostgresServer
from services.activities.matching import candidates, overlaps
from services.activities.matching.codes import hash32, hash64
from services.activities.matching.engine import match
from services.activities.matching.explain import explain
from services.activities.matching.features import ROW, Features, extract
from services.activities.matching.table import FeatureTable
from services.activities.orm import PlanRow
from services.activities.uow.unit import ActivitiesUnit
from shared.clock import SystemClock
from shared.db import Database
from shared.ids import Uuid7Ids

HORIZON = 6 * 365
"""Days over which the stored plans are spread."""
_BASE, _BATCH = 10_000, 10_000
_ROWS = [column.name for column in inspect(PlanRow).columns]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Told:
    """A plan of the bench: what matching reads, and what the bare query reads."""

    features: Features
    country: str | None
    start: date | None
    title: str


def told(corpus: Corpus) -> dict[str, Told]:
    """The postings of a list, by reference."""
    found: dict[str, Told] = {}
    for posting, text in zip(corpus.rows, plans_of(corpus.rows), strict=True):
        features = extract(text)
        countries = features.venue_countries or features.beneficiaries
        country = countries[0] if countries else None
        found[posting["reference"]] = Told(features, country, text.start, text.title)
    return found


def twins(seed: int, count: int) -> list[tuple[Told, Told]]:
    """Pairs of postings of one activity by two partners, hard ones: one is stored, the other asks."""
    corpus = generator.generate(seed, count * 5, generator.STUDY)
    postings = told(corpus)
    same = [(one.a, one.b) for one in corpus.pairs if one.outcome == "same" and one.why == "joint"]
    return [(postings[a], postings[b]) for a, b in same[:count]]


def copies(base: Sequence[Told], size: int, random: Random) -> Iterator[Told]:
    """`size` plans: the base moved about in the horizon. Four of five copies have rare words of their own: a hundred times
    the plans have a hundred times the words, and common words stay as common as they are."""
    for number in range(size):
        one, generation = base[number % len(base)], number // len(base)
        moved = _moved(one, random.randrange(HORIZON), f"plan_{number:032x}")
        row: Any = np.frombuffer(moved.features.packed, ROW).copy()
        if row["reference"][0]:
            row["reference"] = row["plan"]
        if generation % 5:
            words = row["title"][0]
            for at in np.flatnonzero((words & 3) == 3):
                words[at] = hash32(f"{words[at]} {generation}") & ~3 | 3
        yield Told(Features(moved.features.plan_id, row.tobytes()), moved.country, moved.start, moved.title)


async def store(url: str, plans: Iterator[Told]) -> None:
    """Rows as the service writes them, by COPY; the bare table beside them."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    now = SystemClock().now()
    await connection.execute("CREATE TABLE bare (id text, country text, start date, title text)")
    await connection.execute("ALTER TABLE plan_key DROP CONSTRAINT pk_plan_key; DROP INDEX ix_plan_key_plan")
    while part := list(islice(plans, _BATCH)):
        rows = [_stored(one, now) for one in part]
        keys = [(key, day, one.features.plan_id) for one in part for key, day in candidates.rows(one.features).rows]
        await connection.copy_records_to_table("plan", records=rows, columns=_ROWS)
        await connection.copy_records_to_table("plan_key", records=keys, columns=["key", "day", "plan"])
        await connection.copy_records_to_table(
            "bare", records=[(one.features.plan_id, one.country, one.start, one.title) for one in part]
        )
    await connection.execute("ALTER TABLE plan_key ADD CONSTRAINT pk_plan_key PRIMARY KEY (key, day, plan)")
    await connection.execute("CREATE INDEX ON bare (country, start)")
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def _stored(one: Told, now: datetime) -> tuple[Any, ...]:
    """The row, column by column."""
    plan = one.features.plan_id
    values: dict[str, Any] = {
        "id": plan, "version": 1, "owner": "org", "posted_by": "x", "claimed": True, "tlp": "GREEN", "status": "tentative",
        "type": "training", "start": one.start, "content": "{}", "activity": plan, "home": plan, "cluster": plan, "matched": 1,
        "features": one.features.packed, "checked": "checked", "created_at": now, "updated_at": now,
    }  # fmt: skip
    return tuple(values.get(column) for column in _ROWS)


@dataclass(frozen=True)
class Answer:
    """`ids` of the candidates; `same`: those that matched."""

    ids: frozenset[str]
    same: frozenset[str]
    capped: bool


async def matched(unit: ActivitiesUnit, features: Features) -> Answer:
    """What a plan costs once its text is read."""
    chosen = await unit.candidates_of(features)
    others = await unit.features(chosen.plan_ids)
    found = match(features, FeatureTable.of(others[key] for key in sorted(others)))
    for one in found[:20]:
        explain(one)
    same = {plan for one in found for plan in one.pair}
    for key in chosen.meeting:
        if key not in same:
            overlaps.overlap(features, others[key])
    return Answer(frozenset(chosen.plan_ids), frozenset(same), chosen.capped)


async def bare(connection: Any, one: Told) -> int:
    if one.start is None:
        return 0
    near = timedelta(3)
    rows = await connection.fetch(
        "SELECT id, title FROM bare WHERE country = $1 AND start BETWEEN $2 AND $3", one.country, one.start - near, one.start + near
    )  # fmt: skip
    return sum(fuzz.token_sort_ratio(one.title, row["title"]) >= 90 for row in rows)


async def _timed(work: Callable[[Told], Awaitable[Any]], probes: Sequence[Told]) -> tuple[list[float], list[Any]]:
    seconds, answers = list[float](), list[Any]()
    for one in probes:
        begun = time.perf_counter()
        answers.append(await work(one))
        seconds.append(time.perf_counter() - begun)
    return seconds, answers


async def one_size(
    server: PostgresServer, base: Sequence[Told], pairs: Sequence[tuple[Told, Told]], size: int, say: Say
) -> float:
    """Print one line of figures; returns the p99 in milliseconds."""
    url = await asyncio.to_thread(server.create_database, f"plans{size}")
    await migrate(url, "activities")
    begun = time.monotonic()
    await store(url, chain((one for one, _ in pairs), copies(base, size - len(pairs), Random(size))))
    probes = [probe for _, probe in pairs]
    loaded = time.monotonic() - begun
    db = Database(url)
    clock = SystemClock()
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))

    async def ours(one: Told) -> Answer:
        async with db.read() as session:
            return await matched(ActivitiesUnit(session, clock, Uuid7Ids(clock), actor="bench"), one.features)

    await _timed(ours, probes[:50])  # the server reads its pages, the driver prepares its statements
    seconds, answers = await _timed(ours, probes)
    await _timed(lambda one: bare(connection, one), probes[:50])
    plain, _ = await _timed(lambda one: bare(connection, one), probes)
    figures, beside = latencies(seconds), latencies(plain)
    say(
        f"{size:>11,}{shown(figures['p50 ms']):>10}{shown(figures['p99 ms']):>10}{shown(figures['max ms']):>10}"
        f"{median(len(one.ids) for one in answers):>12.0f}{sum(one.capped for one in answers) / len(answers):>8.0%}"
        f"{sum(one.features.plan_id in answer.ids for (one, _), answer in zip(pairs, answers, strict=True)) / len(pairs):>10.1%}"
        f"{shown(beside['p50 ms']):>12}{shown(beside['p99 ms']):>10}{loaded:>10.0f}"
    )
    await connection.close()
    await db.dispose()
    await asyncio.to_thread(server.drop_database, f"plans{size}")
    return figures["p99 ms"]


def run(sizes: Sequence[int], count: int, say: Say) -> None:
    """Print a line per size, and how much the p99 grows from the first size to the last."""
    base = list(told(generator.generate(7, _BASE, generator.YEAR)).values())
    random, pairs = Random(8), list[tuple[Told, Told]]()
    for number, (a, b) in enumerate(twins(8, count)):
        by = random.randrange(HORIZON)
        pairs.append((_moved(a, by, f"plan_twin{number}"), _moved(b, by, f"plan_probe{number}")))
    with tempfile.TemporaryDirectory(prefix="convene-bench-") as folder:
        server = PostgresServer(Path(folder) / "postgres", fsync=False)
        server.start()
        try:
            say(
                f"{len(pairs)} plans, each matched alone; another posting of each is stored among the others (twin found: it is a"
            )
            say("candidate). bare: a query for country and start, and a comparison of titles")
            say(f"{'stored':>11}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}{'candidates':>12}{'capped':>8}{'twin':>10}"
                f"{'bare p50':>12}{'bare p99':>10}{'load s':>10}")  # fmt: skip
            slowest = [asyncio.run(one_size(server, base, pairs, size, say)) for size in sizes]
        finally:
            server.stop()
    say(f"p99 at {sizes[-1]:,} is {slowest[-1] / slowest[0]:.1f} times that at {sizes[0]:,}")


def _moved(one: Told, by: int, plan: str) -> Told:
    """The posting some days on, under an id of its own."""
    row: Any = np.frombuffer(one.features.packed, ROW).copy()
    row["plan"], row["plan_version"] = hash64(plan), 1
    if row["start"][0]:
        row["start"] += by
        row["end"] += by
    return Told(Features(plan, row.tobytes()), one.country, one.start + timedelta(by) if one.start else None, one.title)
