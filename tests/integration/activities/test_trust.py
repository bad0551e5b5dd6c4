"""What a decision binds to, what taking it back restores, and what hidden plans must not touch."""

import asyncio

import pytest

from services.activities import consumers
from services.activities.uow.unit import ActivitiesUnit
from shared.bus.memory import MemoryBus
from tests.support.activities import CORA, IVAN, NORA, TARO, Service, facts_on, training


async def activity_of(service: Service, plan: str) -> str:
    own = (await service.client.get(f"/api/v1/plans/{plan}", headers=CORA.headers)).json()["activity"]
    return (await service.client.get(f"/api/v1/activities/{own}", headers=CORA.headers)).json()["id"]


async def test_nobody_decides_on_a_version_that_nobody_saw(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """An amendment that waits for its turn in the lane: a decision now would bind to what nobody has read."""
    await service.post(NORA, training())
    theirs = await service.post(IVAN, training())
    await service.settled()
    [alert] = await service.alerts()
    turn, matched = asyncio.Event(), consumers.rematch

    async def later(plan: str, uow: ActivitiesUnit) -> None:
        if not turn.is_set():
            raise TimeoutError("not yet")  # as if the database were away: waited for, not parked
        await matched(plan, uow)

    monkeypatch.setattr(consumers, "rematch", later)
    await service.patch(IVAN, theirs, title="Cybercrime investigations: advanced digital forensics course")
    answer = await service.decide(alert["id"], "distinct")
    assert answer.status_code == 412, answer.text
    turn.set()
    await service.settled()
    assert (await service.decide(alert["id"], "distinct", key="read again")).status_code == 201


async def test_taking_a_later_decision_back_restores_the_earlier_one(service: Service) -> None:
    plans = [await service.post(who, training()) for who in (NORA, IVAN)]
    await service.settled()
    [alert] = await service.alerts()
    assert (await service.decide(alert["id"], "link")).status_code == 201
    third = await service.post(TARO, training())
    await service.settled()
    whole = await service.decide(alert["id"], "link", key="whole")
    assert whole.status_code == 201, whole.text
    assert len({await activity_of(service, plan["id"]) for plan in (*plans, third)}) == 1
    assert (await service.reverse(whole.json()["id"])).status_code == 201
    assert await activity_of(service, plans[0]["id"]) == await activity_of(service, plans[1]["id"])
    assert await activity_of(service, third["id"]) == third["activity"]


async def test_a_red_twin_touches_nobody_elses_alert(service: Service, bus: MemoryBus) -> None:
    await service.post(NORA, training())
    await service.post(IVAN, training())
    await service.settled()
    [before] = await service.alerts()
    await service.post(TARO, training(tlp="RED"))
    await service.settled()
    assert await service.alerts() == [before]
    assert [event.name for event in await facts_on(bus) if event.subject == before["id"]] == ["alert.opened"]
    assert (await service.decide(before["id"], "link")).status_code == 201
    assert len(await service.alerts(TARO)) > 0  # who posted it is told of both twins


async def test_history_does_not_tell_what_a_plan_said_while_it_was_hidden(service: Service) -> None:
    plan = await service.post(NORA, training(title="Operation that nobody may know of", tlp="RED"))
    await service.patch(NORA, plan, title="A course for everybody", tlp="GREEN")
    seen = await service.client.get(f"/api/v1/plans/{plan['id']}/history", headers=IVAN.headers)
    assert [version["version"] for version in seen.json()["data"]] == [2]
    assert "nobody may know" not in seen.text
    own = await service.client.get(f"/api/v1/plans/{plan['id']}/history", headers=NORA.headers)
    assert len(own.json()["data"]) == 2


async def test_a_plan_taken_out_of_a_group_leaves_no_trace_for_those_who_may_not_see_it(service: Service) -> None:
    await service.post(NORA, training())
    await service.post(IVAN, training())
    hidden = await service.post(TARO, training(tlp="AMBER+STRICT"))
    await service.settled()
    [alert] = await service.alerts(CORA)
    made = await service.decide(alert["id"], "distinct", plans=[hidden["id"]], reason="TARO's is another thing")
    assert made.status_code == 201, made.text
    await service.settled()
    seen = await service.alert(alert["id"], NORA)
    assert hidden["id"] not in str(seen)
    assert seen["decisions"] == []
    assert len((await service.alert(alert["id"], CORA))["decisions"]) == 1


async def test_what_one_partner_posted_twice_is_told_to_its_own_focal_points_alone(service: Service) -> None:
    first, second = await service.post(NORA, training()), await service.post(NORA, training())
    await service.settled()
    [alert] = await service.alerts(NORA)
    assert {side["plan"] for side in alert["sides"]} == {first["id"], second["id"]}
    for who in (IVAN, TARO, CORA):
        assert await service.alerts(who) == [], who.id
    await service.post(IVAN, training())
    await service.settled()
    [joint] = await service.alerts(CORA)
    assert (joint["id"], len(joint["sides"])) == (alert["id"], 3)
    await service.patch(NORA, second, status="cancelled")
    await service.settled()
    [left] = await service.alerts(CORA)
    assert (left["id"], len(left["sides"])) == (alert["id"], 2)
