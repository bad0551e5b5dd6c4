"""POST /plans beside a bare insert: the same bodies, the same server, the same PostgreSQL, closed loop.

`ours` is a replica of activities that only serves; another one holds the leases, so relay and matching run beside it, on
the same machine. `ours, leading` is the replica that relays and matches in the same process.
"""

import asyncio
import time
from collections.abc import Callable

import asyncpg

from bench import actors, plans
from bench.http import Connection
from bench.measure import Busy, Result, Round, interleave, latencies
from bench.stage import Stage, until
from services.activities.orm import known

WHAT = "posts a second, each answered 201 and found in the database afterwards"
OURS, LEADING, BARE = "ours", "ours, leading", "bare FastAPI + asyncpg"
CPU = "server CPU ms/post"
_BEHIND = """
SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL)
     + (SELECT count(*) FROM plan LEFT JOIN applied ON applied.subject = plan.id
        AND applied.consumer = 'activities.matching' WHERE coalesce(applied.sequence, 0) < plan.version)
"""


async def run(quick: bool, say: Callable[[str], None]) -> Result:
    clients, posts, rounds = 16, 96 if quick else 480, 5
    with Stage(say) as stage:
        people = actors.cast()
        url = await stage.database("activities", "activities")
        bare_url = await stage.database("bare")
        await actors.introduce(url, known, people)
        environment = {"ACTIVITIES_DATABASE_URL": url, "BUS_URL": stage.bus_url}
        urls = {"activities-1": await stage.service("activities", "activities-1", environment)}
        database = await asyncpg.connect(_dsn(url))
        bare_database = await asyncpg.connect(_dsn(bare_url))
        await _until_led(database)
        urls["activities-2"] = await stage.service("activities", "activities-2", environment)
        urls["bare"] = await stage.bare("insert", "bare", "--dsn", _dsn(bare_url))
        ours_path = "/api/v1/plans", {"Authorization": people.left.authorization}
        numbers = iter(range(1_000_000))

        async def settled() -> None:
            await until(lambda: _is(database, _BEHIND, 0))

        async def round_of(server: str, path: str, headers: dict[str, str], table: str, connection: asyncpg.Connection):
            bodies = [plans.body(next(numbers)) for _ in range(posts)]
            count = f"SELECT count(*) FROM {table}"
            before, cpu = await _count(connection, count), stage.cpu(server)
            done = await _load(urls[server], path, headers, bodies, clients)
            cpu = stage.cpu(server) - cpu
            await settled()
            return _checked(done, await _count(connection, count) - before, cpu)

        result = Result(
            "post",
            WHAT,
            {
                "clients": clients,
                "posts a round": posts,
                "body": f"{len(plans.body(0))} bytes",
                "bus": "Kafka",
                "database pool": 10,
                "fsync": "on",
            },
            [(f, OURS, f, BARE) for f in ("posts/s", "p50 ms", "p99 ms", CPU)]
            + [("posts/s", LEADING, "posts/s", BARE)],
        )
        try:
            return await interleave(
                result,
                {
                    OURS: lambda _: round_of("activities-2", *ours_path, "plan", database),
                    BARE: lambda _: round_of("bare", "/plans", {}, "bare_plan", bare_database),
                    LEADING: lambda _: round_of("activities-1", *ours_path, "plan", database),
                },
                rounds,
                say,
            )
        finally:
            await database.close()
            await bare_database.close()


async def _load(url: str, path: str, headers: dict[str, str], bodies: list[bytes], clients: int) -> Round:
    """Everything in `bodies` once, by so many clients, each with one request at a time."""
    connections = [await Connection.open(url) for _ in range(clients)]
    waiting, seconds, wrong = iter(bodies), list[float](), list[int]()

    async def client(connection: Connection) -> None:
        for body in waiting:
            begun = time.perf_counter()
            status, _ = await connection.post(path, body, headers)
            seconds.append(time.perf_counter() - begun)
            if status != 201:
                wrong.append(status)

    busy, begun = Busy(), time.perf_counter()
    await asyncio.gather(*(client(each) for each in connections))
    took, generator = time.perf_counter() - begun, busy.share()
    for connection in connections:
        connection.close()
    figures = {"posts/s": len(seconds) / took, **latencies(seconds)}
    return Round(len(bodies), len(seconds) - len(wrong), len(wrong), figures, generator)


def _checked(done: Round, rows: int, cpu: float) -> Round:
    """What was answered must be there."""
    figures = {**done.figures, CPU: cpu * 1000 / done.offered}
    return Round(done.offered, min(done.achieved, rows), done.errors, figures, done.generator)


async def _until_led(database: asyncpg.Connection) -> None:
    query = "SELECT count(*) FROM lease WHERE role IN ('relay', 'matching') AND holder <> ''"
    await until(lambda: _is(database, query, 2))


async def _is(database: asyncpg.Connection, query: str, wanted: int) -> bool:
    return await _count(database, query) == wanted


async def _count(database: asyncpg.Connection, query: str) -> int:
    return int(await database.fetchval(query) or 0)


def _dsn(url: str) -> str:
    return url.replace("+asyncpg", "")
