"""Very many plans on PostgreSQL: ten thousand postings read once, copied about in the years as columns, and loaded by COPY."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import numpy as np
import numpy.typing as npt
from sqlalchemy import inspect

from bench.matching import generator
from bench.matching.generator import Corpus
from bench.matching.quality import plans_of
from services.activities.matching import candidates
from services.activities.matching.codes import hash64, signed64
from services.activities.matching.features import ROW, Features, extract
from services.activities.orm import PlanRow
from shared.clock import SystemClock
from shared.visibility import Facts, facts_to_json

HORIZON = 6 * 365
"""Days over which the stored plans are spread."""
_ROWS = [column.name for column in inspect(PlanRow).columns]
_FACTS = json.dumps(facts_to_json(Facts("GREEN", "org", "x")))
_TEXT = (
    "A week of lectures and of exercises on live cases, in the language of the country, for people of several agencies. "
    * 9
)


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
    corpus = generator.generate(seed, count * 8, generator.STUDY)
    postings = told(corpus)
    same = [(one.a, one.b) for one in corpus.pairs if one.outcome == "same" and one.why == "joint"]
    return [(postings[a], postings[b]) for a, b in same[:count]]


def moved(one: Told, by: int, plan: str) -> Told:
    """The posting some days on, under an id of its own."""
    row: Any = np.frombuffer(one.features.packed, ROW).copy()
    row["plan"], row["plan_version"] = hash64(plan), 1
    if row["start"][0]:
        row["start"] += by
        row["end"] += by
    return Told(Features(plan, row.tobytes()), one.country, one.start + timedelta(by) if one.start else None, one.title)


@dataclass(frozen=True)
class Part:
    """Some plans as they are stored, and `keys`: (key, day, number of the plan)."""

    plans: list[Told]
    keys: list[tuple[int, int, int]]


def as_they_are(plans: Sequence[Told]) -> Part:
    keys = [
        (key, day, signed64(one.features.plan_id)) for one in plans for key, day in candidates.rows(one.features).rows
    ]
    return Part(list(plans), keys)


def copies(base: Sequence[Told], size: int, seed: int) -> Iterator[Part]:
    """`size` plans: the base moved about in the horizon. Four of five copies have rare words of their own: a hundred times
    the plans have a hundred times the words, and common words stay as common as they are."""
    random = np.random.default_rng(seed)
    rows = np.frombuffer(b"".join(one.features.packed for one in base), ROW)
    rare, plain = (rows["title"] & 3) == 3, rows.copy()
    plain["title"][rare] = 0
    plain["reference"] = 0
    # what a plan is found by, but for the words and the reference that each copy has for itself
    kept = [candidates.rows(Features(one.features.plan_id, plain[at].tobytes())).rows for at, one in enumerate(base)]
    for generation, first in enumerate(range(0, size, len(base))):
        count = min(len(base), size - first)
        ids = [f"plan_{number:032x}" for number in range(first, first + count)]
        by = np.where(rows["start"] > 0, random.integers(0, HORIZON, len(base)), 0)[:count]
        made = rows[:count].copy()
        made["plan"], made["plan_version"] = [hash64(plan) for plan in ids], 1
        made["start"] += by.astype(np.int32)
        made["end"] += by.astype(np.int32)
        made["reference"] = np.where(made["reference"] != 0, made["plan"], 0)
        if generation % 5:
            made["title"] = np.where(rare[:count], _other_words(made["title"], generation), made["title"])
        yield Part(
            [
                Told(Features(ids[at], made[at].tobytes()), one.country, one.start and one.start + timedelta(int(by[at])), one.title)
                for at, one in enumerate(base[:count])
            ],
            [each for at in range(count) for each in _keys(kept[at], made[at], rare[at], int(by[at]), signed64(ids[at]))],
        )  # fmt: skip


def _other_words(words: npt.NDArray[Any], generation: int) -> npt.NDArray[Any]:
    mixed = (words.astype(np.uint64) + np.uint64(generation << 32)) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(32)).astype(np.uint32) | np.uint32(3)


def _keys(
    kept: Sequence[candidates.Row], row: Any, rare: npt.NDArray[Any], by: int, plan: int
) -> Iterator[tuple[int, int, int]]:
    days = {day for _, day in kept} or {int(row["start"]) - by}
    yield from ((key, day + by, plan) for key, day in kept)
    words = [candidates.key_of("rare", str(word)) for word in set(row["title"][rare].tolist())]
    yield from ((key, day + by, plan) for key in words for day in days)
    if row["reference"]:
        yield candidates.key_of("reference", str(row["reference"])), candidates.UNDATED, plan


async def store(url: str, parts: Iterator[Part]) -> None:
    """Rows as the service writes them, by COPY; the bare table beside them."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    now = SystemClock().now()
    await connection.execute("CREATE TABLE bare (id text, country text, start date, title text)")
    await connection.execute("ALTER TABLE plan_key DROP CONSTRAINT pk_plan_key; DROP INDEX ix_plan_key_plan")
    for part in parts:
        rows = [_stored(one, now) for one in part.plans]
        beside = [(one.features.plan_id, one.country, one.start, one.title) for one in part.plans]
        await connection.copy_records_to_table("plan", records=rows, columns=_ROWS)
        await connection.copy_records_to_table("plan_key", records=part.keys, columns=["key", "day", "plan"])
        await connection.copy_records_to_table("bare", records=beside)
    await connection.execute("SET maintenance_work_mem = '512MB'")
    await connection.execute("ALTER TABLE plan_key ADD CONSTRAINT pk_plan_key PRIMARY KEY (key, day, plan)")
    await connection.execute("CREATE INDEX ix_plan_key_plan ON plan_key (plan); CREATE INDEX ON bare (country, start)")
    await connection.execute("VACUUM ANALYZE", timeout=None)
    await connection.close()


def _stored(one: Told, now: datetime) -> tuple[Any, ...]:
    """The row, column by column, with as much text as a posting has."""
    plan = one.features.plan_id
    values: dict[str, Any] = {
        "id": plan, "number": signed64(plan), "version": 1, "owner": "org", "posted_by": "x", "claimed": True, "tlp": "GREEN",
        "status": "tentative", "type": "training", "start": one.start, "activity": plan, "home": plan, "cluster": plan,
        "content": json.dumps({"title": one.title, "description": _TEXT}), "facts": _FACTS, "matched": 1, "features": one.features.packed,
        "checked": "checked", "created_at": now, "updated_at": now,
    }  # fmt: skip
    return tuple(values.get(column) for column in _ROWS)
