"""Decisions that leave the question open, checking before posting, posting for a partner, and plans without a date."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest

from services.activities.orm import metadata
from shared.bus.memory import MemoryBus
from shared.cloudevent import Event
from shared.reader import SERVICE
from tests.integration.activities.conftest import ShiftedClock, World
from tests.support.activities import (
    CORA,
    INTERPOL,
    IVAN,
    KENJI,
    NORA,
    TARO,
    UNODC,
    WANDA,
    Service,
    facts_on,
    running,
    training,
)

OPEN_VERDICTS = {"ask_to_move": "waiting", "escalate": "escalated"}


@pytest.fixture
async def dated(database_url: str, bus: MemoryBus) -> AsyncGenerator[World]:
    """A service of one's own whose clock the test moves on."""
    clock = ShiftedClock()
    async with running(database_url, bus=bus, clock=clock, timer_seconds=0.05) as service:
        yield World(service, clock, bus)


async def twins(service: Service, **changes: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Nora's plan, Ivan's twin of it, and their alert."""
    mine, theirs = [await service.post(who, training(**changes)) for who in (NORA, IVAN)]
    await service.settled()
    [alert] = await service.alerts()
    return mine, theirs, alert


async def told(bus: MemoryBus, subject: str) -> list[Event]:
    return [event for event in await facts_on(bus) if event.subject == subject]


async def test_a_snooze_hides_the_alert_until_its_time_and_its_end_is_told_once(dated: World) -> None:
    service = dated.service
    _, _, alert = await twins(service)
    until = dated.clock.now() + timedelta(days=30)
    made = (await service.decide(alert["id"], "snooze", until=until.isoformat(), reason="after the call")).json()
    assert (made["verdict"], made["until"], made["reason"]) == ("snooze", until.isoformat(), "after the call")
    assert await service.alerts(status="open") == []
    [asleep] = await service.alerts(status="snoozed")
    assert (asleep["id"], asleep["due_at"]) == (alert["id"], until.isoformat())

    dated.clock.shift(timedelta(days=29, hours=23))
    await asyncio.sleep(0.3)  # the timers have looked several times, and found nothing due
    assert await service.alerts(status="open") == []
    dated.clock.shift(timedelta(hours=1))
    async with asyncio.timeout(30):
        while not (awake := await service.alerts(status="open")):
            await asyncio.sleep(0.05)
    assert (awake[0]["id"], awake[0]["reason"], awake[0]["due_at"]) == (alert["id"], "snooze is over", None)
    await asyncio.sleep(0.3)  # the timers look on
    await service.settled()
    facts = await told(dated.bus, alert["id"])
    assert [(fact.name, fact.data["status"]) for fact in facts] == [
        ("alert.opened", "open"), ("alert.updated", "snoozed"), ("alert.reopened", "open"),
    ]  # fmt: skip
    assert (await service.decide(alert["id"], "link")).status_code == 201


async def test_a_snooze_taken_back_does_not_wake_anything_later(dated: World) -> None:
    service = dated.service
    _, _, alert = await twins(service)
    until = (dated.clock.now() + timedelta(days=30)).isoformat()
    made = (await service.decide(alert["id"], "snooze", until=until)).json()
    assert (await service.reverse(made["id"])).status_code == 201
    [back] = await service.alerts(status="open")
    assert (back["id"], back["reason"], back["due_at"]) == (alert["id"], "reversed", None)
    dated.clock.shift(timedelta(days=31))
    await asyncio.sleep(0.3)
    await service.settled()
    names = [fact.name for fact in await told(dated.bus, alert["id"])]
    assert names == ["alert.opened", "alert.updated", "alert.updated"]


@pytest.mark.parametrize("verdict", OPEN_VERDICTS)
async def test_asking_and_escalating_keep_the_alert_waiting_and_are_taken_back(
    service: Service, bus: MemoryBus, verdict: str
) -> None:
    mine, theirs, alert = await twins(service)
    assert (await service.decide(alert["id"], verdict, who=NORA)).status_code == 403
    made = await service.decide(alert["id"], verdict, reason="October would do")
    assert made.status_code == 201, made.text
    decision = made.json()
    plans = sorted((mine["id"], theirs["id"]))
    assert (decision["verdict"], decision["reason"], decision["made_by"]) == (verdict, "October would do", CORA.id)
    assert (decision["plans"], decision["versions"]) == (plans, dict.fromkeys(plans, 1))
    assert (decision["activity"], decision["until"], decision["reversed"]) == (None, None, False)

    status = OPEN_VERDICTS[verdict]
    [waiting] = await service.alerts()  # it waits for a decision still
    assert (waiting["id"], waiting["status"], waiting["reason"]) == (alert["id"], status, verdict)
    assert [one["id"] for one in await service.alerts(status=status)] == [alert["id"]]
    assert await service.alerts(status="open") == []
    seen = await service.alert(alert["id"], NORA)  # who is asked to move can read it
    assert [one["id"] for one in seen["decisions"]] == [decision["id"]]

    back = await service.reverse(decision["id"])
    assert (back.status_code, back.json()["reversed"], back.json()["reversed_by"]) == (201, True, CORA.id)
    [again] = await service.alerts(status="open")
    assert (again["id"], again["reason"]) == (alert["id"], "reversed")
    await service.settled()
    assert [(fact.name, fact.data["status"]) for fact in await told(bus, alert["id"])] == [
        ("alert.opened", "open"), ("alert.updated", status), ("alert.updated", "open"),
    ]  # fmt: skip
    first, second = await told(bus, decision["id"])
    assert (first.name, second.name) == ("decision.made", "decision.reversed")
    assert (first.data["verdict"], first.data["by"], first.data["reversed"]) == (verdict, CORA.id, False)
    assert [(side["plan"], side["version"]) for side in first.data["sides"]] == [(plan, 1) for plan in plans]
    assert "October" not in str(first.data)  # what people type may hold names


@pytest.mark.parametrize("verdict", OPEN_VERDICTS)
async def test_only_a_coordinator_in_scope_asks_or_escalates(service: Service, verdict: str) -> None:
    _, _, alert = await twins(service, tlp="AMBER")
    for who, status in ((NORA, 403), (TARO, 403), (KENJI, 404), (CORA, 201)):
        answer = await service.decide(alert["id"], verdict, who=who, key=who.id)
        assert answer.status_code == status, (who.id, answer.text)


async def test_an_alert_asked_to_move_closes_when_the_plan_moves_and_is_decided_when_it_is_linked(
    service: Service,
) -> None:
    _, theirs, alert = await twins(service)
    assert (await service.decide(alert["id"], "ask_to_move")).status_code == 201
    await service.patch(IVAN, theirs, start="2027-11-02", end="2027-11-04", venues=[{"country": "KEN"}])
    await service.settled()
    assert await service.alerts() == []
    [closed] = await service.alerts(status="closed")
    assert closed["id"] == alert["id"]


async def test_taking_back_an_escalation_restores_what_stood_before_it(service: Service) -> None:
    """Asked to move, then escalated: without the escalation, the partners are still asked."""
    _, _, alert = await twins(service)
    asked = (await service.decide(alert["id"], "ask_to_move")).json()
    escalated = (await service.decide(alert["id"], "escalate")).json()
    blocked = await service.reverse(asked["id"])
    assert (blocked.status_code, blocked.json()["blocker"]) == (409, escalated["id"])
    assert (await service.reverse(escalated["id"])).status_code == 201
    assert (await service.alert(alert["id"]))["status"] == "waiting"
    assert (await service.reverse(asked["id"], key="both")).status_code == 201
    assert (await service.alert(alert["id"]))["status"] == "open"


async def test_taking_back_what_came_after_a_snooze_restores_it_only_while_it_lasts(dated: World) -> None:
    service = dated.service
    _, _, alert = await twins(service)
    until = dated.clock.now() + timedelta(days=30)
    assert (await service.decide(alert["id"], "snooze", until=until.isoformat())).status_code == 201
    first = (await service.decide(alert["id"], "escalate", key="one")).json()
    assert (await service.alert(alert["id"]))["due_at"] is None
    assert (await service.reverse(first["id"])).status_code == 201
    back = await service.alert(alert["id"])
    assert (back["status"], back["due_at"]) == ("snoozed", until.isoformat())
    second = (await service.decide(alert["id"], "escalate", key="two")).json()
    dated.clock.shift(timedelta(days=31))
    assert (await service.reverse(second["id"])).status_code == 201
    assert (await service.alert(alert["id"]))["status"] == "open"


async def test_a_newcomer_opens_what_was_asked_and_taking_back_later_words_does_not_ask_the_newcomer(
    service: Service,
) -> None:
    _, _, alert = await twins(service)
    assert (await service.decide(alert["id"], "ask_to_move")).status_code == 201
    await service.post(TARO, training())
    await service.settled()
    assert (await service.alert(alert["id"]))["status"] == "open"
    escalated = (await service.decide(alert["id"], "escalate")).json()
    assert (await service.reverse(escalated["id"])).status_code == 201
    assert (await service.alert(alert["id"]))["status"] == "open"


async def rows(service: Service) -> dict[str, int]:
    from sqlalchemy import func, select

    moving = {"lease", "inbox", "applied", "alembic_version", "refusal"}
    moving |= {"audit_log", "audit_tile", "audit_checkpoint", "audit_key"}
    async with service.db.read(SERVICE) as session:
        return {
            table.name: (await session.execute(select(func.count()).select_from(table))).scalar_one()
            for table in metadata.sorted_tables
            if table.name not in moving
        }


async def test_a_check_finds_the_same_plan_and_the_collision_and_stores_nothing(
    service: Service, bus: MemoryBus
) -> None:
    same = await service.post(IVAN, training())
    other = await service.post(
        TARO, training(title="Workshop on fraud analytics", themes=["fraud"], audiences=["investigators"], venues=[{"city": "Kandy", "country": "LKA"}])
    )  # fmt: skip
    hidden = await service.post(TARO, training(title="Hidden", tlp="AMBER+STRICT"))
    red = await service.post(TARO, training(title="Red", tlp="RED"))
    draft = await service.post(IVAN, training(title="Draft", status="draft"))
    own = await service.post(NORA, training(title="Own earlier posting"))
    await service.settled()
    before, facts = await rows(service), len(await facts_on(bus))

    answer = await service.client.post("/api/v1/plans:check", json=training(), headers=NORA.headers)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [each["plan"]["id"] for each in found["data"]] == [same["id"]]
    [match] = found["data"]
    shown = await service.client.get(f"/api/v1/plans/{same['id']}", headers=NORA.headers)
    assert match["plan"] == shown.json()  # no more of it than its own page tells
    assert (match["band"], match["probability"] > 0.9) == ("certain", True)
    assert "Colombo" in match["sentence"] or "same city" in match["sentence"]
    assert {"field", "why", "weight"} <= set(match["contributions"][0])
    assert [(each["plan"]["id"], each["overlap_kind"]) for each in found["overlaps"]] == [(other["id"], "audience")]
    assert (found["checked"], found["capped"]) == ("checked", False)
    for nobody in (hidden, red, draft, own):
        assert nobody["id"] not in answer.text
    await service.settled()
    assert (await rows(service), len(await facts_on(bus))) == (before, facts)


async def test_a_plan_posted_for_a_partner_becomes_the_partners_own(service: Service, bus: MemoryBus) -> None:
    plan = await service.post(CORA, training(on_behalf_of="interpol"))
    assert (plan["owner"], plan["posted_by"], plan["claimed"]) == (INTERPOL, CORA.id, False)
    await service.post(NORA, training())
    await service.settled()
    [alert] = await service.alerts()
    assert {side["partner"] for side in alert["sides"]} == {INTERPOL, UNODC}  # whose plan it is, not who typed it

    plan = await service.patch(CORA, plan, participants_planned=20)  # she may mend what she typed
    plan = await service.act(IVAN, plan, "claim")
    assert (plan["owner"], plan["posted_by"], plan["claimed"]) == (INTERPOL, IVAN.id, True)
    path = f"/api/v1/plans/{plan['id']}"
    current = {"If-Match": f'"{plan["version"]}"'}
    for verb in ("confirm", "cancel", "claim"):
        assert (await service.client.post(f"{path}:{verb}", headers={**CORA.headers, **current})).status_code == 403, (
            verb
        )
    plan = await service.act(IVAN, await service.patch(IVAN, plan, participants_planned=25), "confirm")

    history = (await service.client.get(f"{path}/history", headers=IVAN.headers)).json()["data"]
    assert [(each["action"], each["actor"], each["changed"]) for each in history] == [
        ("plan.posted", CORA.id, []),
        ("plan.amended", CORA.id, ["participants_planned"]),
        ("plan.claimed", IVAN.id, ["claimed"]),
        ("plan.amended", IVAN.id, ["participants_planned"]),
        ("plan.confirmed", IVAN.id, ["status"]),
    ]
    await service.settled()
    facts = await told(bus, plan["id"])
    assert [(fact.name, fact.sequence) for fact in facts] == [(each["action"], each["version"]) for each in history]
    assert [fact.data["facts"]["poster"] for fact in facts] == [CORA.id] * 2 + [IVAN.id] * 3
    assert [one["id"] for one in await service.alerts()] == [alert["id"]]  # the claim changed nothing for the alert


async def test_a_plan_without_a_date_says_so_wherever_it_is_read(service: Service) -> None:
    posted = await service.post(NORA, training(start=None, end=None))
    await service.post(IVAN, training())
    await service.settled()
    assert posted["checked"] == "not checked: no date"
    listed = (await service.client.get("/api/v1/plans", headers=IVAN.headers)).json()["data"]
    assert {each["id"]: each["checked"] for each in listed}[posted["id"]] == "not checked: no date"
    asked = await service.client.post("/api/v1/plans:check", json=training(start=None, end=None), headers=NORA.headers)
    assert asked.json()["checked"] == "not checked: no date"
    dated = await service.patch(NORA, posted, start="2027-04-25", end="2027-04-27")
    assert dated["checked"] == "checked"
    await service.settled()
    assert len(await service.alerts(plan=posted["id"])) == 1


async def test_a_plan_without_a_date_overlaps_nothing(service: Service) -> None:
    undated = await service.post(NORA, training(start=None, end=None))
    await service.post(IVAN, training(title="Ransomware for judges", themes=["malware"], end="2027-04-30"))
    await service.settled()
    assert await service.alerts() == []
    await service.patch(NORA, undated, start="2027-04-25", end="2027-04-27")
    await service.settled()
    assert [each["kind"] for each in await service.alerts(plan=undated["id"])] == ["overlap"], (
        "the days alone made the difference"
    )


async def test_a_plan_without_a_date_is_matched_on_what_else_it_says(service: Service) -> None:
    undated = await service.post(NORA, training(start=None, end=None))
    same = await service.post(TARO, training())
    await service.settled()
    [alert] = await service.alerts()
    assert (alert["kind"], {side["plan"] for side in alert["sides"]}) == ("duplicate", {undated["id"], same["id"]})
    assert alert["band"] == "probable", "without a day on one side it is asked, never told"


async def test_a_check_tells_the_twenty_strongest_collisions_and_counts_the_rest(service: Service) -> None:
    for number in range(23):
        near = training(title=f"Course {number} on something else", themes=["malware"], end="2027-04-29")
        await service.post((NORA, IVAN, TARO)[number % 3], near)
    await service.settled()
    asked = training(title="Network intrusion for the energy sector", themes=["cryptocurrency"])
    found = (await service.client.post("/api/v1/plans:check", json=asked, headers=WANDA.headers)).json()
    assert (len(found["overlaps"]), found["overlaps_total"], found["capped"]) == (20, 23, False)
    assert {each["overlap_kind"] for each in found["overlaps"]} == {"audience"}
    assert all(each["asked"] for each in found["overlaps"])
