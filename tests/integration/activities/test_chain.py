"""From a post to an alert, a decision, a joint activity, and back."""

import asyncio
from typing import Any

from shared.bus.memory import MemoryBus
from shared.cloudevent import Event, event_type, to_outgoing
from shared.reader import SERVICE
from tests.support.activities import (
    CORA,
    INTERPOL,
    ITU,
    IVAN,
    NORA,
    TARO,
    UNODC,
    WANDA,
    WORLD_BANK,
    Service,
    facts_on,
    training,
)


async def names(bus: MemoryBus, subject: str) -> list[str]:
    return [event.name for event in await facts_on(bus) if event.subject == subject]


async def test_the_same_training_posted_twice_gives_one_alert_that_says_why(service: Service, bus: MemoryBus) -> None:
    mine = await service.post(NORA, training())
    theirs = await service.post(
        IVAN, training(title="Digital forensics and cybercrime investigation course for Sri Lanka")
    )
    await service.settled()
    [alert] = await service.alerts()
    assert alert["kind"] == "duplicate"
    assert {side["plan"] for side in alert["sides"]} == {mine["id"], theirs["id"]}
    assert "Colombo" in alert["sentence"] or "same city" in alert["sentence"]
    whole = await service.alert(alert["id"])
    [pair] = whole["explanation"]
    unrelated = pair["prior"][0] + sum(row["weight"] for row in pair["contributions"])
    series = pair["prior"][1] + sum(row["series"] for row in pair["contributions"])
    assert pair["probability"] == round(1 / (1 + 2 ** (-unrelated / 100) + 2 ** (-series / 100)), 4)
    assert await names(bus, alert["id"]) == ["alert.opened"]


async def test_linking_gives_one_joint_activity_with_its_owners_and_reversing_takes_it_back(
    service: Service, bus: MemoryBus
) -> None:
    mine = await service.post(NORA, training())
    theirs = await service.post(IVAN, training(description="With the national CERT."))
    await service.settled()
    [alert] = await service.alerts()
    made = await service.decide(alert["id"], "link")
    assert made.status_code == 201, made.text
    activity = (await service.client.get(f"/api/v1/activities/{made.json()['activity']}", headers=NORA.headers)).json()
    assert activity["owners"] == sorted([UNODC, INTERPOL])
    assert activity["plans"] == sorted([mine["id"], theirs["id"]])
    assert activity["fields"]["description"] == {
        "value": "With the national CERT.", "from": theirs["id"], "agreed": True, "others": [],
    }  # fmt: skip
    assert await service.alerts() == []

    back = await service.reverse(made.json()["id"])
    assert back.status_code == 201, back.text
    await service.settled()
    for plan in (mine, theirs):
        now = (await service.client.get(f"/api/v1/activities/{plan['activity']}", headers=NORA.headers)).json()
        assert (now["id"], now["joint"], now["plans"]) == (plan["activity"], False, [plan["id"]])
    [again] = await service.alerts()
    assert (again["id"], again["reason"]) == (alert["id"], "reversed")
    assert await names(bus, alert["id"]) == ["alert.opened", "alert.closed", "alert.reopened"]
    assert await names(bus, made.json()["id"]) == ["decision.made", "decision.reversed"]
    assert await names(bus, made.json()["activity"]) == ["activity.formed", "activity.dissolved"]


async def test_a_third_posting_joins_the_alert_instead_of_opening_another(service: Service, bus: MemoryBus) -> None:
    for who in (NORA, IVAN, TARO):
        await service.post(who, training())
        await service.settled()
    [alert] = await service.alerts()
    assert {side["partner"] for side in alert["sides"]} == {UNODC, INTERPOL, ITU}
    assert await names(bus, alert["id"]) == ["alert.opened", "alert.updated"]


async def test_distinct_is_not_asked_again_until_what_was_decided_on_changes(service: Service) -> None:
    await service.post(NORA, training())
    theirs = await service.post(IVAN, training())
    await service.settled()
    [alert] = await service.alerts()
    assert (await service.decide(alert["id"], "distinct")).status_code == 201
    theirs = await service.patch(IVAN, theirs, participants_planned=25)
    await service.settled()
    assert await service.alerts() == []
    await service.patch(IVAN, theirs, title="Cybercrime investigations and digital forensics joint training")
    await service.settled()
    [again] = await service.alerts()
    assert (again["id"], again["reason"]) == (alert["id"], "changed since it was decided")


async def test_one_plan_can_be_taken_out_of_a_group(service: Service) -> None:
    plans = [await service.post(who, training()) for who in (NORA, IVAN, TARO)]
    await service.settled()
    [alert] = await service.alerts()
    made = await service.decide(alert["id"], "distinct", plans=[plans[2]["id"]])
    assert made.status_code == 201, made.text
    [left] = await service.alerts()
    assert {side["plan"] for side in left["sides"]} == {plans[0]["id"], plans[1]["id"]}


async def test_moving_a_plan_away_closes_its_alert_once_and_moving_it_back_reopens_it(
    service: Service, bus: MemoryBus
) -> None:
    await service.post(NORA, training())
    theirs = await service.post(IVAN, training())
    await service.settled()
    [alert] = await service.alerts()
    theirs = await service.patch(
        IVAN, theirs, start="2027-11-02", end="2027-11-04", venues=[{"city": "Nairobi", "country": "KEN"}]
    )
    await service.settled()
    assert await service.alerts() == []
    await service.patch(
        IVAN, theirs, start="2027-04-25", end="2027-04-27", venues=[{"city": "Colombo", "country": "LKA"}]
    )
    await service.settled()
    assert [one["id"] for one in await service.alerts()] == [alert["id"]]
    assert await names(bus, alert["id"]) == ["alert.opened", "alert.closed", "alert.reopened"]


async def test_cancelling_closes_the_alert_as_withdrawn(service: Service) -> None:
    await service.post(NORA, training())
    theirs = await service.post(IVAN, training())
    await service.settled()
    await service.act(IVAN, theirs, "cancel")
    await service.settled()
    assert await service.alerts() == []
    [closed] = await service.alerts(status="closed")
    assert closed["reason"] == "withdrawn"


async def test_an_edit_that_changes_nothing_people_read_tells_nobody(service: Service, bus: MemoryBus) -> None:
    mine = await service.post(NORA, training())
    await service.post(IVAN, training())
    await service.settled()
    [alert] = await service.alerts()
    for count in (20, 21, 22):
        mine = await service.patch(NORA, mine, participants_planned=count)
    await service.settled()
    assert await names(bus, alert["id"]) == ["alert.opened"]


async def overlap(service: Service) -> tuple[dict[str, Any], dict[str, Any]]:
    """UNODC trains the same people on the same days as the World Bank, on something else."""
    mine = await service.post(NORA, training(title="Cryptocurrency investigations training", themes=["cryptocurrency"]))
    theirs = await service.post(
        WANDA, training(title="Workshop on fraud analytics", themes=["fraud"], type="workshop", audiences=["investigators"],
                        venues=[{"city": "Kandy", "country": "LKA"}])
    )  # fmt: skip
    await service.settled()
    return mine, theirs


async def test_an_audience_called_twice_is_an_overlap_not_a_duplicate(service: Service) -> None:
    await overlap(service)
    [alert] = await service.alerts()
    assert (alert["kind"], alert["overlap_kind"]) == ("overlap", "audience")


async def test_an_overlap_between_activities_is_one_alert_however_many_postings_each_has(service: Service) -> None:
    await overlap(service)
    await service.post(IVAN, training(title="Cryptocurrency investigations training", themes=["cryptocurrency"]))
    await service.settled()
    kinds = sorted(alert["kind"] for alert in await service.alerts())
    assert kinds == ["duplicate", "overlap"]
    [conflict] = await service.alerts(kind="overlap")
    assert {side["partner"] for side in conflict["sides"]} == {UNODC, INTERPOL, WORLD_BANK}


async def test_a_decided_overlap_stays_decided(service: Service) -> None:
    mine, _ = await overlap(service)
    [alert] = await service.alerts()
    assert (await service.decide(alert["id"], "distinct")).status_code == 201
    await service.patch(NORA, mine, participants_planned=12)
    await service.settled()
    assert await service.alerts() == []
    [decided] = await service.alerts(status="decided")
    assert decided["id"] == alert["id"]


async def test_deciding_twice_is_a_conflict_and_repeating_the_request_is_not(service: Service) -> None:
    await service.post(NORA, training())
    await service.post(IVAN, training())
    await service.settled()
    [alert] = await service.alerts()
    first = await service.decide(alert["id"], "link", key="one")
    repeat = await service.decide(alert["id"], "link", key="one")
    assert repeat.json() == first.json()
    assert repeat.headers["Idempotent-Replayed"] == "true"
    assert (await service.decide(alert["id"], "distinct", key="two")).status_code == 409


async def test_reversal_is_newest_first_and_names_the_blocker(service: Service) -> None:
    plans = [await service.post(who, training()) for who in (NORA, IVAN, TARO)]
    await service.settled()
    [alert] = await service.alerts()
    first = (await service.decide(alert["id"], "link", plans=[plans[0]["id"], plans[1]["id"]])).json()
    second = (await service.decide(alert["id"], "link", key="whole")).json()
    blocked = await service.reverse(first["id"])
    assert blocked.status_code == 409
    assert blocked.json()["blocker"] == second["id"]
    assert (await service.reverse(second["id"])).status_code == 201
    assert (await service.reverse(first["id"], key="again")).status_code == 201


async def test_coordinators_decide_in_their_scope_only_and_focal_points_never(service: Service) -> None:
    await service.post(NORA, training(tlp="AMBER"))
    await service.post(IVAN, training(tlp="AMBER"))
    await service.settled()
    [alert] = await service.alerts(CORA)
    assert (await service.decide(alert["id"], "link", who=NORA)).status_code == 403
    from tests.support.activities import KENJI

    assert (await service.decide(alert["id"], "link", who=KENJI)).status_code == 404
    assert (await service.decide(alert["id"], "link", who=CORA)).status_code == 201


async def test_a_hidden_match_is_a_blind_alert_for_the_other_side(service: Service) -> None:
    mine = await service.post(NORA, training(tlp="AMBER+STRICT"))
    theirs = await service.post(IVAN, training(tlp="GREEN"))
    await service.settled()
    [blind] = await service.alerts(IVAN)
    assert blind == {
        "id": blind["id"], "blind": True, "status": "open",
        "sides": [{"plan": theirs["id"], "partner": INTERPOL}], "contacts": ["coordinator"],
    }  # fmt: skip
    assert mine["id"] not in str(await service.alert(blind["id"], IVAN))
    [full] = await service.alerts(CORA)
    assert "sentence" in full


async def test_an_organisation_that_gets_another_name_has_its_plans_read_again(
    service: Service, bus: MemoryBus
) -> None:
    """UNODC's plan says "ROKA" in its title: a word, until ROKA is known as the name of INTERPOL's academy."""
    from services.activities.uow.unit import ActivitiesUnit

    plan = await service.post(NORA, training(title="ROKA cybercrime course", partners=[{"organisation": "interpol"}]))
    await service.settled()

    async def features() -> bytes:
        async with service.db.read(SERVICE) as session:
            state = service.app.state
            unit = ActivitiesUnit(session, state.clock, state.ids, actor="test")
            return (await unit.features([plan["id"]]))[plan["id"]].packed

    before = await features()
    renamed = Event(
        id="evt_renamed", source="/services/partners", type=event_type("organisation.amended"), subject=INTERPOL, sequence=2,
        time=service.app.state.clock.now(),
        data={"id": INTERPOL, "slug": "interpol", "name": "Roka", "acronym": "ROKA", "status": "active"},
    )  # fmt: skip
    await bus.publish([to_outgoing("partners.v1", renamed)])
    async with asyncio.timeout(20):
        while await features() == before:
            await asyncio.sleep(0.1)
