"""Replay: the same commands leave the same bytes in another process, and the log, delivered again, changes nothing; where what
matching made of it was lost, it makes the same again."""

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, select, update
from sqlmodel import col

from services.activities.consumers import MATCHER
from services.activities.domain.alerts import LIVE
from services.activities.events import PLAN_EVENTS
from services.activities.orm import AlertRow, AlertSideRow, MatchRow, MetRow, PlanRow, kernel, metadata
from services.activities.uow.unit import TOPIC
from shared.bus.memory import MemoryBus
from shared.bus.port import Outgoing, Topic
from shared.cloudevent import Event, to_outgoing
from shared.db import Database
from shared.ids import SequentialIds
from shared.reader import SERVICE
from tests.integration.activities.play import Play
from tests.support.activities import IVAN, NORA, TARO, WANDA, Service, facts_on, running
from tests.support.years import shuffled, some_year

POSTERS = (NORA, IVAN, TARO, WANDA)
STEPS = 45
_MOVING = {"lease", "inbox", "applied", "alembic_version", "matched_by", "reread", "refusal"}
"""What a delivery writes for itself; the tree that is sealed behind the audit's rows (audit_...) is left out beside."""
_DRAWN = {"published_at", "secret", "leaf"}
"""Columns that another process fills, or chance does: each audit row has a secret of its own."""


async def written(db: Database) -> dict[str, list[list[str]]]:
    """Every row of every table, as it is stored, but for what came from the registry."""
    found: dict[str, list[list[str]]] = {}
    async with db.read(SERVICE) as session:
        for table in metadata.sorted_tables:
            if table.name in _MOVING or table.name.startswith(("known_", "audit_")):
                continue
            rows = await session.connection()
            names = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in _DRAWN)
            told = await rows.exec_driver_sql(f'SELECT {names} FROM "{table.name}"')
            found[table.name] = sorted([repr(value) for value in row] for row in told)
    return found


async def played(folder: str, seed: int) -> dict[str, list[list[str]]]:
    """A random script of posts, edits, cancellations and decisions, with ids and a clock of its own."""
    db = Database(f"sqlite+aiosqlite:///{folder}/play.db")
    play = Play(db, random.Random(seed))
    play.ids = SequentialIds()  # pyright: ignore[reportAttributeAccessIssue]
    await play.start()
    for number in range(STEPS):
        await play.step()
        if number % 3:
            await play.settle()
    await play.settle()
    found = await written(db)
    await db.dispose()
    return found


_SCRIPT = """
import asyncio, json, sys
from tests.integration.activities.test_replay import played
print(json.dumps(asyncio.run(played(sys.argv[1], int(sys.argv[2])))))
"""


@pytest.mark.parametrize("seed", [11])
def test_the_same_commands_leave_the_same_bytes_in_another_process(tmp_path: Path, seed: int) -> None:
    """Features, matches with their documents, clusters, alerts with their texts, decisions, facts and audit. A process has its
    own order of sets, so an order that nobody chose would show."""
    started: list[subprocess.Popen[str]] = []
    for hashes in ("1", "2"):
        folder = tmp_path / hashes
        folder.mkdir()
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", _SCRIPT, str(folder), str(seed)], env=os.environ | {"PYTHONHASHSEED": hashes},
                cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
    answers = [one.communicate(timeout=240) for one in started]
    assert [one.returncode for one in started] == [0, 0], answers[0][1] + answers[1][1]
    found: list[dict[str, list[list[str]]]] = [json.loads(told.splitlines()[-1]) for told, _ in answers]
    for table, rows in found[0].items():
        assert rows == found[1][table], table
    assert all(found[0][table] for table in ("plan", "match", "alert", "alert_side", "decision", "verdict", "outbox"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def year(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Outgoing]]:
    """The database after a short year, with decisions; and its topic."""
    file, bus = tmp_path_factory.mktemp("year") / "one.db", MemoryBus()
    async with running(f"sqlite+aiosqlite:///{file}", bus=bus) as service:
        plans: dict[int, dict[str, Any]] = {}
        for deed in shuffled(list(some_year(45, random.Random(3))), random.Random(3)):
            who = POSTERS[deed.number % len(POSTERS)]
            if deed.kind == "post":
                plans[deed.number] = await service.post(who, deed.body)
            elif deed.kind == "amend":
                plans[deed.number] = await service.patch(who, plans[deed.number], **deed.body)
            else:
                await service.act(who, plans[deed.number], "cancel")
        await service.settled()
        for verdict, alert in zip(("distinct", "link"), await service.alerts(), strict=False):
            assert (await service.decide(alert["id"], verdict)).status_code == 201
        await service.settled()
    return file, [Outgoing(TOPIC, event.subject, *_raw(event)) for event in await facts_on(bus)]


@pytest.fixture
def lived(year: tuple[Path, list[Outgoing]], tmp_path: Path) -> tuple[str, list[Outgoing]]:
    """A copy of one's own."""
    file, log = year
    copied = shutil.copytree(file.parent, tmp_path / "copy") / file.name
    return f"sqlite+aiosqlite:///{copied}", log


def _raw(event: Event) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    outgoing = to_outgoing(TOPIC, event)
    return outgoing.value, tuple(outgoing.headers)


@asynccontextmanager
async def delivered_again(url: str, log: list[Outgoing]) -> AsyncGenerator[Service]:
    """The service on its database, and its whole topic from the first event on, until it is through."""
    bus = MemoryBus()
    await bus.start()
    await bus.create_topics([Topic(TOPIC)])
    await bus.publish(log)
    async with running(url, bus=bus, migrate=False) as service:
        progress = service.app.state.runtime.dispatchers[MATCHER].progress
        theirs = sum(
            dict(one.headers)["ce_type"].decode().split(".", 2)[2].rsplit(".", 1)[0] in PLAN_EVENTS for one in log
        )
        async with asyncio.timeout(60):
            while progress.applied + progress.repeated < theirs:
                await asyncio.sleep(0.05)
        await service.settled()
        yield service


@pytest.mark.parametrize("forgotten", ["nothing", "event ids", "event ids and sequences"])
async def test_the_whole_topic_delivered_again_changes_nothing(
    lived: tuple[str, list[Outgoing]], forgotten: str
) -> None:
    """The inbox knows events by id, and is pruned; after that the sequence tells; without both a turn finds all as it is."""
    url, log = lived
    db = Database(url)
    before = await written(db)
    async with db.write(SERVICE) as session:
        for word, table in (("ids", kernel.inbox), ("sequences", kernel.applied)):
            if word in forgotten:
                await session.execute(delete(table))
    async with delivered_again(url, log):
        after = await written(db)
    await db.dispose()
    for table, rows in before.items():
        assert rows == after[table], table


async def test_what_matching_made_is_made_again_from_the_log(lived: tuple[str, list[Outgoing]]) -> None:
    url, log = lived
    db = Database(url)
    before = await _made(db)
    async with db.write(SERVICE) as session:
        for table in (MatchRow, MetRow, AlertSideRow, AlertRow, kernel.inbox, kernel.applied):
            await session.execute(delete(table))
        await session.execute(update(PlanRow).values(cluster=PlanRow.id, matched=0))
    async with delivered_again(url, log):
        after = await _made(db)
    await db.dispose()
    assert after == before
    assert all(len(rows) > 3 for rows in before.values())


async def _made(db: Database) -> dict[str, list[str]]:
    """Features, clusters, match documents, and the alerts that wait, byte by byte (their ids are new)."""
    async with db.read(SERVICE) as session:
        plans = list((await session.execute(select(PlanRow).order_by(col(PlanRow.id)))).scalars())
        assert all(one.matched == one.version for one in plans)
        matches = (await session.execute(select(MatchRow).order_by(col(MatchRow.a), col(MatchRow.b)))).scalars()
        alerts = (await session.execute(select(AlertRow).where(col(AlertRow.status).in_(LIVE)))).scalars()
        told = [one.model_dump(exclude={"id", "version", "opened_at", "updated_at", "reason"}) for one in alerts]
        return {
            "plans": [repr((one.id, one.version, one.matched, one.cluster, one.features)) for one in plans],
            "matches": [json.dumps(one.model_dump()) for one in matches],
            "alerts": sorted(json.dumps(each, default=str) for each in told),
        }
