"""The stored plans that one plan is held against: bounded range scans on plan_key (matching/candidates.py says which)."""

import json
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.activities.matching.candidates import ENOUGH, MAX_CANDIDATES, NEARNESS, RARITY, Ranges

# Two scans of the index outward from the middle day for each range, so that a limit cuts what is farthest in time and never
# depends on stored order. Then the plans by what they share, the best first, each with what matching reads of it.
_SCANS = {
    "postgresql": """
ask AS MATERIALIZED (
    SELECT * FROM json_to_recordset(CAST(:ranges AS json))
        AS one(n int, key bigint, first int, middle int, last int, most int, worth int, misses int, meets int)
),
hit AS MATERIALIZED (
    SELECT ask.n, ask.most, ask.worth, ask.misses, ask.meets, side.later, side.plan, abs(side.day - ask.middle) AS far
    FROM ask CROSS JOIN LATERAL (
        (SELECT plan, day, 1 AS later FROM plan_key
            WHERE plan_key.key = ask.key AND day BETWEEN ask.middle AND ask.last
            ORDER BY day, plan LIMIT ask.most + 1)
        UNION ALL
        (SELECT plan, day, 0 AS later FROM plan_key
            WHERE plan_key.key = ask.key AND day >= ask.first AND day < ask.middle
            ORDER BY day DESC, plan DESC LIMIT ask.most + 1)
    ) AS side
)""",
    # SQLite has no LATERAL. A list of row ids may depend on the row outside of it, but for its limit: that is the widest
    # range's for all, and each keeps its own share after that.
    "sqlite": """
ask AS MATERIALIZED (
    SELECT json_extract(value, '$.n') AS n, json_extract(value, '$.key') AS "key",
        json_extract(value, '$.first') AS first, json_extract(value, '$.middle') AS middle,
        json_extract(value, '$.last') AS last, json_extract(value, '$.most') AS most,
        json_extract(value, '$.worth') AS worth, json_extract(value, '$.misses') AS misses,
        json_extract(value, '$.meets') AS meets
    FROM json_each(:ranges)
),
side AS (
    SELECT ask.n, ask.most, ask.worth, ask.misses, ask.meets, 1 AS later, found.plan, found.day - ask.middle AS far,
        row_number() OVER (PARTITION BY ask.n ORDER BY found.day, found.plan) AS place
    FROM ask CROSS JOIN plan_key AS found ON found.rowid IN (
        SELECT rowid FROM plan_key WHERE plan_key."key" = ask."key" AND day BETWEEN ask.middle AND ask.last
        ORDER BY day, plan LIMIT :widest)
    UNION ALL
    SELECT ask.n, ask.most, ask.worth, ask.misses, ask.meets, 0 AS later, found.plan, ask.middle - found.day AS far,
        row_number() OVER (PARTITION BY ask.n ORDER BY found.day DESC, found.plan DESC) AS place
    FROM ask CROSS JOIN plan_key AS found ON found.rowid IN (
        SELECT rowid FROM plan_key WHERE plan_key."key" = ask."key" AND day >= ask.first AND day < ask.middle
        ORDER BY day DESC, plan DESC LIMIT :widest)
),
hit AS MATERIALIZED (SELECT * FROM side WHERE place <= most + 1)""",
}
_CHOICE = f"""
rarity AS (
    SELECT n, CASE {" ".join(f"WHEN count(*) <= {most} THEN {worth}" for most, worth in RARITY)} ELSE 0 END AS rare
    FROM hit GROUP BY n
),
shared AS (
    SELECT hit.n, plan, max(worth + rare) AS worth, max(meets) AS meets, min(far) AS far
    FROM hit JOIN rarity ON rarity.n = hit.n GROUP BY hit.n, plan
),
ranked AS (
    SELECT plan, max(meets) AS meets, min(far) AS far, sum(worth)
        + CASE {" ".join(f"WHEN min(far) <= {days} THEN {worth}" for days, worth in NEARNESS)} ELSE 0 END AS worth
    FROM shared GROUP BY plan
),
best AS (SELECT * FROM ranked WHERE plan <> :plan ORDER BY worth DESC, far, plan LIMIT :most),
cut AS (
    SELECT count(*) AS ranges FROM (
        SELECT 1 FROM hit GROUP BY n, later, most, misses HAVING count(*) > most AND max(far) <= misses
    ) AS missed
)
SELECT plan.id, plan.version, plan.matched, plan.features, plan.owner, plan.tlp, plan.cluster, best.meets, best.worth,
    (SELECT ranges FROM cut) AS cut,
    (SELECT count(*) FROM ranked WHERE plan <> :plan AND (meets = 1 OR worth >= {ENOUGH})) AS wanted
FROM best JOIN plan ON plan.id = best.plan ORDER BY best.worth DESC, best.far, best.plan"""  # noqa: S608 - numbers of ours
_STATEMENTS = {dialect: text(f"WITH{scans},{_CHOICE}") for dialect, scans in _SCANS.items()}
_COLUMNS = ("key", "first", "middle", "last", "most", "worth", "misses", "meets")


async def nearby(session: AsyncSession, plan: str, ranges: Ranges) -> tuple[list[Row[Any]], bool]:
    """(rows, capped): the stored plans in these ranges, `plan` itself left out, those that share most first. A row is what
    matching reads of a plan, and `meets`: whether it shares a key by which plans overlap. capped: one that is cut is missed."""
    if not ranges.ranges:
        return [], ranges.capped
    asks = [
        dict(zip(_COLUMNS, (*one[:-1], int(one.meets)), strict=True)) | {"n": number}
        for number, one in enumerate(ranges.ranges)
    ]
    dialect = session.get_bind().dialect.name
    values: dict[str, Any] = {"ranges": json.dumps(asks), "plan": plan, "most": MAX_CANDIDATES}
    if dialect == "sqlite":
        values["widest"] = max(one.most for one in ranges.ranges) + 1
    found = list(await session.execute(_STATEMENTS[dialect], values))
    wanted = sum(row.meets or row.worth >= ENOUGH for row in found)
    return found, ranges.capped or any(row.cut or row.wanted > wanted for row in found[:1])
