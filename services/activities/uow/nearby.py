"""The stored plans that one plan is held against: bounded range scans on plan_key (matching/candidates.py says which), then
the rows of the best.

Both statements are the driver's own, prepared once per connection: a turn reads some thousand index entries and some hundred
plans, and what SQLAlchemy makes of each row costs more than reading it.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from services.activities.matching.candidates import Ranges
from services.activities.matching.features import Features
from services.activities.matching.ranking import Best, Hits, best
from services.activities.matching.table import FeatureTable

# Two scans of the index outward from the middle day for each range, so that a limit cuts what is farthest in time and never
# depends on stored order. A side comes back as two strings of bytes: numbers of plans, and days.
_SCAN = """SELECT string_agg(int8send(plan), '') AS plans, string_agg(int4send(day), '') AS days FROM
    (SELECT plan, day FROM plan_key WHERE plan_key.key = one.key AND {days} ORDER BY {order} LIMIT one.most + 1) AS side"""
_POSTGRESQL = f"""
SELECT later.plans, later.days, earlier.plans, earlier.days
FROM unnest($1::bigint[], $2::int[], $3::int[], $4::int[], $5::int[]) WITH ORDINALITY
    AS one(key, first, middle, last, most, number)
CROSS JOIN LATERAL ({_SCAN.format(days="day BETWEEN one.middle AND one.last", order="day, plan")}) AS later
CROSS JOIN LATERAL
    ({_SCAN.format(days="day >= one.first AND day < one.middle", order="day DESC, plan DESC")}) AS earlier
ORDER BY one.number"""  # noqa: S608 - words of ours
# SQLite has no LATERAL. A list of row ids may depend on the row outside of it, but for its limit: that is the widest
# range's for all, and each keeps its own share after that.
_SQLITE = """
WITH ask AS MATERIALIZED (
    SELECT "key" AS number, json_extract(value, '$[0]') AS "key", json_extract(value, '$[1]') AS first,
        json_extract(value, '$[2]') AS middle, json_extract(value, '$[3]') AS last
    FROM json_each(?1)
)
SELECT ask.number, 0 AS side, found.plan, found.day
FROM ask CROSS JOIN plan_key AS found ON found.rowid IN (
    SELECT rowid FROM plan_key WHERE plan_key."key" = ask."key" AND day BETWEEN ask.middle AND ask.last
    ORDER BY day, plan LIMIT ?2)
UNION ALL
SELECT ask.number, 1 AS side, found.plan, found.day
FROM ask CROSS JOIN plan_key AS found ON found.rowid IN (
    SELECT rowid FROM plan_key WHERE plan_key."key" = ask."key" AND day >= ask.first AND day < ask.middle
    ORDER BY day DESC, plan DESC LIMIT ?2)"""
_COLUMNS = ("number", "id", "version", "matched", "owner", "tlp", "cluster", "features")
# one row of columns: some hundred rows of eight values each cost more to take apart than to read
_ARRAYS = ", ".join(f"array_agg({name})" for name in _COLUMNS[:-1])
_PLANS = {
    "postgresql": f"SELECT {_ARRAYS}, string_agg(features, '') FROM plan WHERE ",  # noqa: S608 - names of ours
    "sqlite": f"SELECT {', '.join(_COLUMNS)} FROM plan WHERE ",  # noqa: S608
}
_AMONG = {
    ("postgresql", "number"): "number = ANY($1::bigint[])",
    ("postgresql", "id"): "id = ANY($1::text[])",
    ("sqlite", "number"): "number IN (SELECT value FROM json_each(?1))",
    ("sqlite", "id"): "id IN (SELECT value FROM json_each(?1))",
}


class Seen(NamedTuple):
    """A plan as matching reads it. `cluster`: the key of the group it fell into last; `matched`: whether this version has
    had its turn in the lane."""

    features: Features
    owner: str
    tlp: str
    cluster: str
    matched: bool


class Stored(NamedTuple):
    """What matching reads of some plans, as columns in one order."""

    table: FeatureTable
    versions: Sequence[int]
    matched: Sequence[int]
    owners: Sequence[str]
    tlps: Sequence[str]
    clusters: Sequence[str]

    def seen(self, at: int) -> Seen:
        matched = self.matched[at] == self.versions[at]
        return Seen(self.table.at(at), self.owners[at], self.tlps[at], self.clusters[at], matched)


async def stored(session: AsyncSession, column: str, values: Sequence[Any]) -> Stored:
    """The plans of which the `column` (id, number) has one of these values. ValueError: features of another release."""
    await session.flush()
    connection = await session.connection()
    dialect = connection.dialect.name
    given: Any = list(values) if dialect == "postgresql" else json.dumps(list(values))
    statement = _PLANS[dialect] + _AMONG[dialect, column]
    rows = (await connection.exec_driver_sql(statement, (given,))).all()
    if dialect == "postgresql":
        *columns, features = rows[0]
    else:
        *columns, features = zip(*rows, strict=True) if rows else ((),) * len(_COLUMNS)
        features = b"".join(features)
    numbers, ids, *rest = ([] if each is None else each for each in columns)
    return Stored(FeatureTable.joined(ids, features or b"", np.array(numbers, np.int64)), *rest)


async def nearby(session: AsyncSession, asking: int, asked: Ranges) -> tuple[Best, Stored]:
    """Which stored plans in these ranges share most with the plan of number `asking`, and what matching reads of them."""
    connection = await session.connection()
    await session.flush()
    scanned = _scanned if connection.dialect.name == "postgresql" else _scanned_on_sqlite
    hits = await scanned(connection, asked) if asked.ranges else Hits.none()
    chosen = best(asked, hits, asking)
    return chosen, await stored(session, "number", chosen.plans.tolist())


async def _scanned(connection: AsyncConnection, asked: Ranges) -> Hits:
    columns = tuple(list(column) for column in zip(*(one[:5] for one in asked.ranges), strict=True))
    sides: list[int] = []
    plans: list[bytes] = []
    days: list[bytes] = []
    for number, row in enumerate((await connection.exec_driver_sql(_POSTGRESQL, columns)).all()):
        for at in (0, 2):
            if row[at]:
                sides.append(number)
                plans.append(row[at])
                days.append(row[at + 1])
    return Hits(
        sides,
        [len(side) // 8 for side in plans],
        np.frombuffer(b"".join(plans), ">i8").astype(np.int64),
        np.frombuffer(b"".join(days), ">i4").astype(np.int64),
    )


async def _scanned_on_sqlite(connection: AsyncConnection, asked: Ranges) -> Hits:
    widest = max(one.most for one in asked.ranges) + 1
    asks = json.dumps([one[:4] for one in asked.ranges])
    sides: dict[tuple[int, int], list[tuple[int, int]]] = {}
    rows: Any = (await connection.exec_driver_sql(_SQLITE, (asks, widest))).all()
    for number, side, plan, day in rows:
        sides.setdefault((number, side), []).append((day, plan))
    kept = [
        (number, sorted(rows, reverse=bool(side))[: asked.ranges[number].most + 1])
        for (number, side), rows in sides.items()
    ]
    flat = np.array([each for _, rows in kept for each in rows], np.int64).reshape(-1, 2)
    return Hits([number for number, _ in kept], [len(rows) for _, rows in kept], flat[:, 1], flat[:, 0])
