"""The second wall: as the role that a service runs as, PostgreSQL shows the rows that the table of DESIGN 7 gives to whoever
the transaction names, and none to nobody. Asked past the services, in SQL; tests/access asks through them."""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from infra.native.postgres import ExternalPostgres
from services.activities.domain.plan import Plan
from services.activities.orm import AlertRow, AlertSideRow, AlertTextRow, DecisionRow
from services.activities.uow.unit import ActivitiesUnit
from services.notifications.domain import Lane
from services.notifications.handlers.feed import project
from services.notifications.orm import alert as inbox_alert
from services.notifications.orm import alert_side
from shared.cloudevent import Event
from shared.db import Database
from shared.reader import SERVICE, Reader, as_service
from shared.row_security import standing
from shared.visibility import PUBLIC, RED, Outcome, Principal, facts_to_json, in_bulk, sight, sight_of_alert
from tests.integration.activities.test_prefilter import CLOCK, IDS, random_plan, random_readers
from tests.integration.notifications.test_projector import facts as feed_facts
from tests.support.notifications import fact
from tests.support.roles import owner_of, service_database
from tests.support.schema import migrate_database

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.postgres]

PLANS, READERS, ALERTS = 250, 60, 120
NOW = datetime(2027, 1, 1, tzinfo=UTC)
LANE: Lane = ("activities.v1", 0)


class Walled:
    """Both databases, filled with the same plans of every label; alerts between two and three of them."""

    def __init__(self, activities: Database, notifications: Database) -> None:
        self.activities, self.notifications = activities, notifications
        rng = random.Random(16)
        self.plans = {plan.id: plan for plan in (random_plan(rng) for _ in range(PLANS))}
        self.readers: list[Principal] = list(random_readers(rng))[:READERS]
        self.alerts = {
            f"alrt_{number:03}": rng.sample(sorted(self.plans), rng.choice((2, 2, 3))) for number in range(ALERTS)
        }

    async def fill(self) -> None:
        async with self.activities.write(SERVICE) as session:
            unit = ActivitiesUnit(session, CLOCK, IDS, actor="per_0")
            for plan in self.plans.values():
                await unit.store(plan, "plan.posted", [])
            for alert, plans in self.alerts.items():
                session.add(
                    AlertRow(id=alert, version=1, kind="duplicate", status="open", groups=[plans], fingerprint="f",
                             versions=dict.fromkeys(plans, 1), opened_at=NOW, updated_at=NOW,
                             why=AlertTextRow(alert=alert, texts={"sentence": "why"}))
                )  # fmt: skip
                session.add_all(AlertSideRow(alert=alert, plan=plan) for plan in plans)
                session.add(
                    DecisionRow(id=f"dec_{alert}", version=1, alert=alert, verdict="link", made_by="per_0", made_at=NOW,
                                pairs=[plans[:2]], versions=dict.fromkeys(plans, 1), fingerprint="f")
                )  # fmt: skip
            await unit.flush()
        async with self.notifications.write(SERVICE) as session:
            await project(session, "log_1", LANE, feed_facts(*(posted(plan) for plan in self.plans.values())))

    async def ids(self, db: Database, reader: Reader | None, select: str) -> set[str]:
        async with db.read(reader) as session:
            return set((await session.execute(text(select))).scalars())


def posted(plan: Plan) -> Event:
    facts = facts_to_json(plan.facts)
    if plan.content.tlp == RED:
        facts |= {"named_partners": [], "countries": [], "themes": []}
        return fact("plan.posted", plan.id, 1, {"facts": facts}, tlp=RED, partner=plan.owner)
    columns = {"countries": [], "themes": [], "audiences": [], "partners": [plan.owner], "type": "training",
               "status": plan.content.status, "mode": None, "start": None, "end": None}  # fmt: skip
    data = {"facts": facts, "columns": columns, "plan": {"id": plan.id, "title": plan.content.title}}
    return fact("plan.posted", plan.id, 1, data, tlp=plan.content.tlp, partner=plan.owner)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walled(postgres: ExternalPostgres) -> AsyncGenerator[Walled]:
    names = {service: f"convene_walled_{service}" for service in ("activities", "notifications")}
    urls = {service: await asyncio.to_thread(service_database, postgres, name) for service, name in names.items()}
    for service, url in urls.items():
        await migrate_database(url, service)
    made = Walled(*(Database(url, pool_size=1) for url in urls.values()))
    await made.fill()
    yield made
    for db in (made.activities, made.notifications):
        await db.dispose()
    for name in names.values():
        await asyncio.to_thread(postgres.drop_database, name)


def full(reader: Principal, plans: Iterable[Plan]) -> set[str]:
    return {plan.id for plan in plans if sight(reader, plan.facts) is Outcome.FULL}


WALLED = {
    "activities": (
        "plan", "plan_version", "plan_tag", "plan_key", "alert", "alert_text", "decision", "outbox",
    ),
    "notifications": ("plan_facts", "feed"),
}  # fmt: skip


@pytest.mark.parametrize(("service", "table"), [(service, table) for service in WALLED for table in WALLED[service]])
async def test_to_nobody_nothing_is_there(walled: Walled, service: str, table: str) -> None:
    db: Database = getattr(walled, service)
    count = f"SELECT count(*)::text FROM {table}"
    assert await walled.ids(db, None, count) == {"0"}
    assert await walled.ids(db, SERVICE, count) != {"0"}, "nothing is stored: this would prove nothing"
    connection = await asyncpg.connect(db.url.replace("+asyncpg", ""))
    try:
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
        for empty in ("", "{}", '{"person": null, "partners": []}'):
            await connection.execute("SELECT set_config('convene.reader', $1, false)", empty)
            labels = "SELECT DISTINCT facts ->> 'label' FROM plan"
            if service == "activities":
                assert [row[0] for row in await connection.fetch(labels)] == (["CLEAR"] if empty else [])
    finally:
        await connection.close()


async def test_every_reader_is_shown_what_the_table_gives_them_and_nothing_else(walled: Walled) -> None:
    """`shared.visibility` is the oracle: the policies say the same in SQL, and were not made of it."""
    decisions = permitted = 0
    for reader in walled.readers:
        seen = full(reader, walled.plans.values())
        decisions, permitted = decisions + PLANS, permitted + len(seen)
        assert await walled.ids(walled.activities, reader, "SELECT id FROM plan") == seen, reader
        assert await walled.ids(walled.activities, reader, "SELECT DISTINCT plan FROM plan_version") == seen, reader
        assert await walled.ids(walled.activities, reader, "SELECT DISTINCT plan FROM plan_tag") == seen, reader
        assert await walled.ids(walled.notifications, reader, "SELECT plan FROM plan_facts") == seen, reader
        bulk = {plan.id for plan in walled.plans.values() if in_bulk(reader, plan.facts)}
        assert await walled.ids(walled.notifications, reader, "SELECT subject FROM feed") == bulk, reader
    share = permitted / decisions
    print(f"{decisions:,} decisions, {share:.0%} permitted")
    assert 0.2 < share < 0.8


async def test_alerts_and_what_they_say(walled: Walled) -> None:
    """An alert's row is there for whoever may be shown it at all; its texts and decisions only in sight of every side."""
    shown = hidden = 0
    for reader in walled.readers:
        seen = full(reader, walled.plans.values())
        whole = {alert for alert, plans in walled.alerts.items() if seen.issuperset(plans)}
        assert await walled.ids(walled.activities, reader, "SELECT alert FROM alert_text") == whole, reader
        assert await walled.ids(walled.activities, reader, "SELECT alert FROM decision") == whole, reader
        there = await walled.ids(walled.activities, reader, "SELECT id FROM alert")
        for alert, plans in walled.alerts.items():
            if sight_of_alert(reader, {plan: walled.plans[plan].facts for plan in plans}).shown:
                assert alert in there, reader
                shown += 1
            elif not seen & set(plans):
                assert alert not in there, reader
                hidden += 1
    assert min(shown, hidden) > 300


async def test_what_was_under_another_label_then_is_hidden_in_the_history_too(walled: Walled) -> None:
    plan = next(each for each in walled.plans.values() if each.content.tlp == "CLEAR" and not each.facts.draft)
    amended = replace(plan, version=2, content=replace(plan.content, tlp="AMBER+STRICT"))
    back = replace(plan, version=3)
    async with walled.activities.write(SERVICE) as session:
        unit = ActivitiesUnit(session, CLOCK, IDS, actor="per_0")
        for each in (amended, back):
            await unit.store(each, "plan.amended", ["tlp"])
        await unit.flush()
    versions = f"SELECT version FROM plan_version WHERE plan = '{plan.id}'"
    assert await walled.ids(walled.activities, PUBLIC, versions) == {1, 3}
    owner = Principal(person="per_9", partners=frozenset({plan.owner}))
    assert await walled.ids(walled.activities, owner, versions) == {1, 2, 3}


ONE_MORE = {
    "activities": "INSERT INTO plan_tag (kind, value, plan) VALUES ('named', 'per_1', 'plan_x')",
    "notifications": "INSERT INTO plan_facts (plan, version, owner, facts) VALUES ('plan_x', 1, 'org_1', '{}')",
}


@pytest.mark.parametrize("service", WALLED)
async def test_who_reads_writes_nothing(walled: Walled, service: str) -> None:
    db: Database = getattr(walled, service)
    table, column = ("plan", "checked") if service == "activities" else ("plan_facts", "owner")
    everything = Principal(person="per_1", partners=frozenset({f"org_{n}" for n in range(5)}))
    for reader in (None, everything):
        async with db.write(reader) as session:
            for statement in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"):
                assert (await session.execute(text(statement))).rowcount == 0  # type: ignore[attr-defined]
        with pytest.raises(DBAPIError, match="row-level security"):
            async with db.write(reader) as session:
                await session.execute(text(ONE_MORE[service]))


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE plan DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE plan NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE plan OWNER TO CURRENT_USER",
        "DROP POLICY as_service ON plan",
        "CREATE POLICY mine ON plan USING (true)",
        "ALTER POLICY by_sight ON plan USING (true)",
        "CREATE OR REPLACE FUNCTION convene_reader() RETURNS jsonb LANGUAGE sql RETURN '{\"service\": true}'::jsonb",
        "DROP TABLE plan",
        "CREATE TABLE copy AS SELECT * FROM plan",
        "CREATE TEMPORARY TABLE plan (id text)",
        "TRUNCATE plan",
        "UPDATE schema_version SET version_num = 'none'",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "SET ROLE convene_test_owner",
        "GRANT convene_test_owner TO CURRENT_USER",
    ],
)
async def test_the_role_that_a_service_runs_as_cannot_take_the_wall_down(walled: Walled, statement: str) -> None:
    connection = await asyncpg.connect(walled.activities.url.replace("+asyncpg", ""))
    try:
        await connection.execute("SELECT set_config('convene.reader', '{\"service\": true}', false)")
        with pytest.raises(asyncpg.PostgresError) as refused:
            await connection.execute(statement)
        assert refused.value.sqlstate in {"42501", "0LP01"}, refused.value
        await connection.execute("RESET convene.reader; SET row_security = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.fetch("SELECT * FROM plan")
    finally:
        await connection.close()


async def test_the_owner_stands_before_the_wall_too(walled: Walled) -> None:
    connection = await asyncpg.connect(owner_of(walled.activities.url).replace("+asyncpg", ""))
    try:
        assert await connection.fetchval("SELECT count(*) FROM plan") == 0
    finally:
        await connection.close()


async def test_an_operator_is_told_when_the_wall_does_not_stand(walled: Walled, postgres: ExternalPostgres) -> None:
    async def asked(url: str) -> str:
        db = Database(url, pool_size=1)
        try:
            return await standing(db) or "none"
        finally:
            await db.dispose()

    url = walled.activities.url
    assert await asked(url) == "ok"
    assert "can be taken down" in await asked(owner_of(url))
    assert (await asked(postgres.url("convene_walled_activities"))).startswith("off: ")
    assert await asked("sqlite+aiosqlite:///:memory:") == "none"


async def test_a_name_ends_with_its_transaction(walled: Walled) -> None:
    """One connection, used again and again: whatever ended the transaction before, the next one is nobody's."""
    count = "SELECT count(*)::text FROM plan"

    async def nobody() -> bool:
        return await walled.ids(walled.activities, None, count) == {"0"}

    insider = Principal(person="per_1", partners=frozenset({"org_1"}))
    for reader in (SERVICE, insider):
        assert await walled.ids(walled.activities, reader, count) != {"0"}
        assert await nobody()
        with pytest.raises(DBAPIError):
            await walled.ids(walled.activities, reader, "SELECT 1 / 0")
        assert await nobody()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), walled.activities.read(reader) as session:
                await session.execute(text("SELECT pg_sleep(30)"))
        assert await nobody()


async def test_a_look_as_the_service_ends_with_its_block(walled: Walled) -> None:
    count = text("SELECT count(*) FROM plan")
    async with walled.activities.read(PUBLIC) as session:
        before = await session.scalar(count)
        async with as_service(session):
            assert await session.scalar(count) == PLANS
            async with as_service(session):
                assert await session.scalar(count) == PLANS
            assert await session.scalar(count) == PLANS
        assert await session.scalar(count) == before
        with pytest.raises(DBAPIError):
            async with as_service(session):
                await session.execute(text("SELECT 1 / 0"))
        with pytest.raises(InvalidRequestError):  # with the name, the transaction is gone
            await session.scalar(count)
    async with walled.activities.read() as session, as_service(session):
        assert await session.scalar(count) == 0, "nobody becomes nobody else"


async def test_an_inbox_is_closed_too(walled: Walled) -> None:
    clear, strict = (
        [plan for plan in walled.plans.values() if plan.facts.label == label and not plan.facts.draft]
        for label in ("CLEAR", "AMBER+STRICT")
    )
    sides = {"alrt_seen": clear[:2], "alrt_hidden": strict[:2], "alrt_half": [clear[2], strict[2]]}
    about = {"version": 1, "status": "open", "kind": "duplicate", "opened_at": NOW, "updated_at": NOW, "raised_version": 1,
             "raised_at": NOW, "told_version": 0, "sides": []}  # fmt: skip
    async with walled.notifications.write(SERVICE) as session:
        await session.execute(inbox_alert.insert(), [{"id": alert, **about} for alert in sides])
        await session.execute(
            alert_side.insert(), [{"alert": alert, "plan": plan.id} for alert, two in sides.items() for plan in two]
        )
    ids = "SELECT id FROM alert"
    assert await walled.ids(walled.notifications, None, ids) == set()
    assert await walled.ids(walled.notifications, PUBLIC, ids) == {"alrt_seen"}
    owner = Principal(person="per_9", partners=frozenset({clear[2].owner}))
    assert "alrt_half" in await walled.ids(walled.notifications, owner, ids), "it may be blind"
