"""Who sees which event in `/events` (and with it in streams, which read the same way), decided on the present facts."""

from typing import Any

import pytest

from services.notifications.orm import known
from shared.bus.memory import MemoryBus
from tests.support.notifications import (
    CORA,
    INTERPOL,
    ITU,
    IVAN,
    KENJI,
    NORA,
    RITA,
    TARO,
    UNODC,
    Service,
    alert_fact,
    decision_fact,
    fact,
    plan_fact,
    publish,
    running,
    sides,
)
from tests.support.people import Person, introduce, person


async def post(service: Service, bus: MemoryBus, *events) -> None:
    await publish(bus, *events)
    await service.projected(bus)


async def test_each_label_is_seen_by_whom_it_is_for(service: Service, bus: MemoryBus) -> None:
    await post(
        service,
        bus,
        plan_fact("plan_clear", tlp="CLEAR"),
        plan_fact("plan_green", tlp="GREEN"),
        plan_fact("plan_amber", tlp="AMBER", partners=[INTERPOL]),
        plan_fact("plan_strict", tlp="AMBER+STRICT", partners=[INTERPOL]),
        plan_fact("plan_red", tlp="RED", people=[NORA.id, CORA.id]),
        plan_fact("plan_draft", tlp="CLEAR", draft=True),
        plan_fact("plan_uganda", tlp="AMBER", countries=["UGA"]),
    )
    seen = [
        {event["subject"].removeprefix("plan_") for event in await service.events(who)}
        for who in (None, TARO, IVAN, NORA, RITA, CORA, KENJI)
    ]
    own = {"clear", "green", "amber", "strict", "draft", "uganda"}
    assert seen == [
        {"clear"},
        {"clear", "green"},
        {"clear", "green", "amber"},
        own,
        own,
        {"clear", "green", "amber", "strict", "uganda"},
        {"clear", "green", "amber", "strict"},
    ]


async def test_visibility_facts_and_people_are_not_shown(service: Service, bus: MemoryBus) -> None:
    await post(service, bus, plan_fact("plan_1", tlp="CLEAR", people=[IVAN.id]))
    for who, told in ((None, False), (TARO, False), (IVAN, False), (NORA, True), (RITA, True), (KENJI, True)):
        (event,) = await service.events(who)
        assert set(event["data"]) == {"id", "version", "plan"}
        assert event["data"]["plan"]["title"] == "A training"
        assert (NORA.id in str(event), IVAN.id in str(event)) == (told, told), who


async def test_present_facts_decide_for_old_events(service: Service, bus: MemoryBus) -> None:
    first = plan_fact("plan_1", tlp="AMBER")
    await post(service, bus, first, plan_fact("plan_2", tlp="GREEN"))
    assert await service.names() == []
    await post(
        service,
        bus,
        plan_fact("plan_1", 2, "plan.relabelled", tlp="CLEAR"),
        plan_fact("plan_2", 2, "plan.relabelled", tlp="RED"),
    )
    assert await service.names() == ["plan.posted plan_1", "plan.relabelled plan_1"]
    for who in (NORA, CORA, TARO):
        (event,) = [event for event in await service.events(who) if event["subject"] == "plan_2"]
        assert event["data"] == {"id": "plan_2", "version": 2, "gone": True}
    await post(service, bus, plan_fact("plan_2", 3, "plan.relabelled", tlp="GREEN"))
    # what happened while it was RED stays out of every stream
    assert [n for n in await service.names(NORA) if "plan_2" in n] == ["plan.posted plan_2", "plan.relabelled plan_2"]


async def test_what_leaves_somebodys_sight_is_told_once_and_only_to_who_saw_it(
    service: Service, bus: MemoryBus
) -> None:
    await post(
        service,
        bus,
        plan_fact("plan_1", tlp="AMBER", partners=[INTERPOL], title="Nobody else may know"),
        plan_fact("plan_1", 2, "plan.amended", tlp="AMBER", partners=[INTERPOL]),
        plan_fact("plan_1", 3, "plan.relabelled", tlp="RED", people=[NORA.id]),
        plan_fact("plan_1", 4, "plan.amended", tlp="RED", people=[NORA.id]),
        plan_fact("plan_2", tlp="GREEN"),
        plan_fact("plan_2", 2, "plan.amended", tlp="AMBER", partners=[INTERPOL]),
        plan_fact("plan_2", 3, "plan.amended", tlp="AMBER"),
        plan_fact("plan_3", tlp="RED", people=[NORA.id]),
        plan_fact("plan_3", 2, "plan.amended", tlp="RED", people=[CORA.id]),
    )
    gone = {
        who.id if who else "": [
            (event["subject"], event["sequence"]) for event in await service.events(who) if event["data"].get("gone")
        ]
        for who in (None, NORA, RITA, IVAN, TARO, CORA, KENJI)
    }
    assert {who: sorted(told) for who, told in gone.items()} == {
        "": [],
        NORA.id: [],  # named, and finds it in the lists
        RITA.id: [("plan_1", "3")],
        IVAN.id: [("plan_1", "3"), ("plan_2", "3")],
        TARO.id: [("plan_2", "2")],
        CORA.id: [("plan_1", "3")],
        KENJI.id: [("plan_1", "3")],
    }
    (event,) = [event for event in await service.events(RITA) if event["subject"] == "plan_1"]
    assert set(event) == {
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "sequence",
        "time",
        "datacontenttype",
        "data",
    }
    assert event["data"] == {"id": "plan_1", "version": 3, "gone": True}
    assert await service.names(RITA, country="UGA") == []


async def test_a_side_that_is_dropped_from_an_alert_hears_so(service: Service, bus: MemoryBus) -> None:
    one, two = plan_fact("plan_1"), plan_fact("plan_2", tlp="AMBER", owner=INTERPOL)
    mine, blind = plan_fact("plan_3", tlp="AMBER", owner=ITU), plan_fact("plan_4", tlp="AMBER", owner=ITU)
    await post(service, bus, one, two, mine, blind, alert_fact("alrt_1", [one, two, mine]))
    await post(service, bus, alert_fact("alrt_2", [two, blind]))
    for version in (2, 3):
        await post(service, bus, alert_fact("alrt_1", [one, two], version, "alert.updated"))
        await post(service, bus, alert_fact("alrt_2", [two, one], version, "alert.updated"))

    async def told(who: Person) -> list[Any]:
        return [each["data"] for each in await service.events(who, types="alert.*") if each["data"].get("gone")]

    assert await told(TARO) == [{"id": "alrt_1", "version": 2, "gone": True}]  # of the blind one nothing more is told
    assert await told(IVAN) == await told(CORA) == await told(RITA) == []
    later = plan_fact("plan_2", 2, "plan.relabelled", tlp="RED", owner=INTERPOL)
    await post(service, bus, later, alert_fact("alrt_1", [one, two], 4, "alert.closed", status="closed"))
    assert await told(CORA) == [{"id": "alrt_1", "version": 4, "gone": True}]


async def test_sides_that_may_not_be_seen_are_dropped(service: Service, bus: MemoryBus) -> None:
    one, two = plan_fact("plan_1", tlp="GREEN"), plan_fact("plan_2", tlp="GREEN", owner=INTERPOL)
    hidden = plan_fact("plan_3", tlp="AMBER+STRICT", owner=ITU)
    await post(service, bus, one, two, hidden, alert_fact("alrt_1", [one, two, hidden]))
    await post(service, bus, decision_fact("dec_1", "alrt_1", [one, two, hidden]))

    def of(events, name):
        (found,) = [event for event in events if event["type"].endswith(f".{name}.v1")]
        return found

    for_nora, for_cora = await service.events(NORA), await service.events(CORA)
    alert = of(for_nora, "alert.opened")
    assert [side["plan"] for side in alert["data"]["sides"]] == ["plan_1", "plan_2"]
    assert "correlationid" not in alert
    assert "causationid" not in alert
    decision = of(for_nora, "decision.made")["data"]
    assert [side["plan"] for side in decision["sides"]] == ["plan_1", "plan_2"]
    assert "by" not in decision
    assert "fingerprint" not in decision
    assert "plan_3" not in str(for_nora)
    assert ITU not in str(for_nora)
    everything = of(for_cora, "decision.made")["data"]
    assert len(everything["sides"]) == 3
    assert everything["by"] == CORA.id
    assert of(for_cora, "alert.opened")["correlationid"] == "evt_secret"


async def test_who_decided_is_for_coordinators_in_scope_and_for_colleagues(service: Service, bus: MemoryBus) -> None:
    carlo = person("carlo", [ITU], roles=["coordinator"], countries=["LKA"])
    await introduce(service.db, known, [carlo], [])
    one, two = plan_fact("plan_1"), plan_fact("plan_2", owner=INTERPOL)
    made = decision_fact("dec_1", "alrt_1", [one, two])
    await post(service, bus, one, two, made)
    await post(service, bus, fact("decision.reversed", "dec_1", 2, {**made.data, "version": 2, "by": carlo.id}))
    told = {
        who.id: [decider.id in str(await service.events(who)) for decider in (CORA, carlo)]
        for who in (CORA, KENJI, carlo, NORA, IVAN, TARO)
    }
    assert told == {
        CORA.id: [True, True],
        KENJI.id: [True, True],
        carlo.id: [False, True],  # decided elsewhere, and knows what he did himself
        NORA.id: [False, False],
        IVAN.id: [False, False],
        TARO.id: [False, True],  # his colleague
    }


@pytest.mark.parametrize(
    ("label", "contact"),
    [("AMBER", {"kind": "focal_point", "partner": INTERPOL}), ("AMBER+STRICT", {"kind": "coordinator"})],
)
async def test_a_blind_alert_says_whom_to_call_and_nothing_else(
    service: Service, bus: MemoryBus, label: str, contact: dict[str, str]
) -> None:
    mine, theirs = plan_fact("plan_mine"), plan_fact("plan_theirs", tlp=label, owner=INTERPOL)
    await post(
        service,
        bus,
        mine,
        theirs,
        alert_fact("alrt_1", [mine, theirs]),
        alert_fact("alrt_1", [mine, theirs], 2, "alert.updated"),
        alert_fact("alrt_1", [mine, theirs], 3, "alert.closed", status="decided"),
        decision_fact("dec_1", "alrt_1", [mine, theirs]),
        fact("activity.formed", "act_1", 1, {"sides": sides(mine, theirs)}),
        alert_fact("alrt_1", [mine, theirs], 4, "alert.reopened"),
    )
    alerts = [event for event in await service.events(NORA) if event["subject"] == "alrt_1"]
    assert [event["data"] for event in alerts] == [  # the edit is not followed
        {
            "id": "alrt_1",
            "blind": True,
            "sides": [{"plan": "plan_mine", "version": 1, "partner": UNODC}],
            "contacts": [contact],
        }
    ]
    assert not {"correlationid", "causationid", "partner", "tlp", "traceparent"} & set(alerts[0])
    assert "plan_theirs" not in str(await service.events(NORA))
    assert await service.names(NORA, types="alert.*,decision.*,activity.*") == ["alert.opened alrt_1"]
    assert "alert.opened alrt_1" not in await service.names(TARO)  # sees plan_mine, and must not learn that it collides
    assert "alert.opened alrt_1" not in await service.names()


async def test_what_is_between_one_partners_own_plans_is_its_focal_points_affair_alone(
    service: Service, bus: MemoryBus
) -> None:
    """Nor do two postings of one partner make an alert for who may not see what else they match."""
    one, two, hidden = plan_fact("plan_1"), plan_fact("plan_2"), plan_fact("plan_3", tlp="AMBER+STRICT", owner=ITU)
    await post(
        service, bus, one, two, hidden, alert_fact("alrt_in", [one, two]), alert_fact("alrt_3", [one, two, hidden])
    )
    told: dict[str, set[str]] = {}
    for who in (NORA, RITA, IVAN, TARO, CORA, KENJI):
        told[who.id] = {event["subject"] for event in await service.events(who, types="alert.*")}
        listed = (await service.get("/api/v1/inbox", who)).json()["data"]
        assert {entry["alert"] for entry in listed} == (told[who.id] if who not in (RITA,) else set())
    assert told == {
        NORA.id: {"alrt_in", "alrt_3"},
        RITA.id: {"alrt_3"},
        IVAN.id: set(),
        TARO.id: {"alrt_3"},
        CORA.id: {"alrt_3"},
        KENJI.id: {"alrt_3"},
    }
    (blind,) = [event["data"] for event in await service.events(NORA) if event["subject"] == "alrt_3"]
    assert (blind["blind"], blind["contacts"]) == (True, [{"kind": "coordinator"}])


async def test_a_red_side_makes_no_alert_in_a_stream(service: Service, bus: MemoryBus) -> None:
    red = plan_fact("plan_red", tlp="RED", people=[NORA.id])
    green, amber = plan_fact("plan_green", owner=INTERPOL), plan_fact("plan_amber", tlp="AMBER", owner=INTERPOL)
    await post(service, bus, red, green, amber, alert_fact("alrt_1", [red, green]), alert_fact("alrt_2", [red, amber]))
    for who in (None, NORA, IVAN, TARO, CORA):
        assert not any("alrt" in name or "red" in name for name in await service.names(who))


async def test_a_side_of_which_nothing_is_known_is_not_seen(database_url: str, bus: MemoryBus) -> None:
    async with running(database_url, bus=bus, hold_seconds=0.2) as service:
        one, two, lost = plan_fact("plan_1"), plan_fact("plan_2", owner=INTERPOL), plan_fact("plan_lost", owner=ITU)
        await post(service, bus, one, two, alert_fact("alrt_1", [one, lost]), alert_fact("alrt_2", [one, two, lost]))
        found = {event["subject"]: event["data"] for event in await service.events(CORA)}
        assert "alrt_1" not in found
        assert [side["plan"] for side in found["alrt_2"]["sides"]] == ["plan_1", "plan_2"]
        _, checks = await service.runtime.readiness()
        assert checks["notifications.feed"]["unresolved"] == 2
        await post(service, bus, lost)
        assert "alert.opened alrt_1" in await service.names(CORA)


async def test_a_side_judged_on_a_version_not_seen_yet_is_not_seen(database_url: str, bus: MemoryBus) -> None:
    """It may have been the version that made the plan RED."""
    async with running(database_url, bus=bus, hold_seconds=0.2) as service:
        one, two = plan_fact("plan_1"), plan_fact("plan_2")
        await post(service, bus, one, two)
        later = plan_fact("plan_2", 2, "plan.relabelled", tlp="RED")
        await post(service, bus, alert_fact("alrt_1", [one, later]))
        assert "alert.opened alrt_1" not in await service.names(CORA)
        assert (await service.get("/api/v1/inbox", CORA, state="all")).json()["data"] == []


async def test_filters(service: Service, bus: MemoryBus) -> None:
    kenya, uganda = plan_fact("plan_k"), plan_fact("plan_u", countries=["UGA"], themes=["osint"], owner=INTERPOL)
    other = plan_fact("plan_o", countries=["LKA"], owner=ITU)
    await post(service, bus, kenya, uganda, other, alert_fact("alrt_1", [kenya, uganda]))
    assert await service.names(NORA, country="UGA") == ["plan.posted plan_u", "alert.opened alrt_1"]
    assert set(await service.names(NORA, country="UGA,KEN", types="plan.*")) == {
        "plan.posted plan_k",
        "plan.posted plan_u",
    }
    assert await service.names(NORA, theme="osint", types="alert.opened,decision.*") == ["alert.opened alrt_1"]
    assert await service.names(NORA, partner=ITU) == ["plan.posted plan_o"]
    assert await service.names(NORA, **{"start.gte": "2027-06-01"}) == []
    assert set(await service.names(NORA, since=uganda.time.isoformat(), types="plan.posted")) == {
        "plan.posted plan_u",
        "plan.posted plan_o",
    }


async def test_a_plan_that_leaves_the_filter_is_still_told(service: Service, bus: MemoryBus) -> None:
    await post(
        service,
        bus,
        plan_fact("plan_1", countries=["KEN"]),
        plan_fact("plan_1", 2, "plan.amended", countries=["UGA"]),
        plan_fact("plan_1", 3, "plan.amended", countries=["UGA"]),
    )
    assert [event["sequence"] for event in await service.events(NORA, country="KEN")] == ["1", "2"]


async def test_alerts_are_filtered_by_what_is_seen_of_them(service: Service, bus: MemoryBus) -> None:
    mine, theirs = plan_fact("plan_1"), plan_fact("plan_2", tlp="AMBER", owner=INTERPOL, countries=["UGA"])
    await post(service, bus, mine, theirs, alert_fact("alrt_1", [mine, theirs]))
    assert "alert.opened alrt_1" in await service.names(NORA, country="KEN")
    # otherwise a filter would tell the country of a plan that may not be seen
    assert "alert.opened alrt_1" not in await service.names(NORA, country="UGA")


async def test_activities_and_unknown_families(service: Service, bus: MemoryBus) -> None:
    one, two = plan_fact("plan_1"), plan_fact("plan_2", tlp="AMBER", owner=INTERPOL)
    await post(
        service,
        bus,
        one,
        two,
        fact("activity.formed", "act_1", 1, {"sides": sides(one, two)}),
        fact("match.found", "mtch_1", 1, {"sides": sides(one, two)}),
    )
    assert "activity.formed act_1" in await service.names(CORA)
    assert "activity.formed act_1" not in await service.names(TARO)
    assert not any("mtch" in name for name in await service.names(CORA))


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"types": "plan posted"}, "?types"),
        ({"since": "yesterday"}, "?since"),
        ({"since": "2027-01-01T00:00:00"}, "?since"),
        ({"cursor": "abc"}, "?cursor"),
        ({"cursor": "\u00e4"}, "?cursor"),
        ({"country": "KENYA"}, "?country"),
        ({"limit": "0"}, "?limit"),
        ({"offset": "3"}, "?offset"),
    ],
)
async def test_wrong_parameters_are_named(
    service: Service, bus: MemoryBus, params: dict[str, str], pointer: str
) -> None:
    answer = await service.get("/api/v1/events", NORA, **params)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
