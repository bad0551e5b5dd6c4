"""Whose inbox an alert lies in, and when it is unread, read or done."""

from dataclasses import replace
from typing import Any

import httpx

from shared.bus.memory import MemoryBus
from tests.support.notifications import (
    CORA,
    INTERPOL,
    ITU,
    IVAN,
    KENJI,
    NORA,
    RITA,
    START,
    TARO,
    UNODC,
    Service,
    alert_fact,
    decision_fact,
    plan_fact,
    publish,
)
from tests.support.people import Person

ONE, TWO = plan_fact("plan_1"), plan_fact("plan_2", owner=INTERPOL)


async def post(service: Service, bus: MemoryBus, *events: Any) -> None:
    await publish(bus, *events)
    await service.projected(bus)


async def inbox(service: Service, who: Person, state: str = "unread") -> list[dict[str, Any]]:
    answer = await service.get("/api/v1/inbox", who, state=state)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def ids(service: Service, who: Person, state: str = "unread") -> list[str]:
    return [entry["alert"] for entry in await inbox(service, who, state)]


async def mark(service: Service, who: Person | None, alert: str, how: str, **headers: str) -> httpx.Response:
    return await service.client.post(
        f"/api/v1/inbox/{alert}:{how}", headers={**(who.headers if who else {}), **headers}
    )


async def test_it_lies_with_focal_points_of_the_owners_and_coordinators_in_scope(
    service: Service, bus: MemoryBus
) -> None:
    uganda = [
        plan_fact("plan_u1", countries=["UGA"], owner=INTERPOL),
        plan_fact("plan_u2", countries=["UGA"], owner=ITU),
    ]
    await post(service, bus, ONE, TWO, *uganda, alert_fact("alrt_k", [ONE, TWO]), alert_fact("alrt_u", uganda))
    found = {
        who.id: {(entry["alert"], entry["reason"]) for entry in await inbox(service, who)}
        for who in (NORA, IVAN, TARO, CORA, KENJI, RITA)
    }
    assert found == {
        NORA.id: {("alrt_k", "your plan")},
        IVAN.id: {("alrt_k", "your plan"), ("alrt_u", "your plan")},
        TARO.id: {("alrt_u", "your plan")},  # may read the plans of alrt_k, and is a third party all the same
        CORA.id: {("alrt_k", "in your scope"), ("alrt_u", "in your scope")},
        KENJI.id: {("alrt_k", "in your scope")},
        RITA.id: set(),
    }
    assert (await service.get("/api/v1/inbox/alrt_k", TARO)).status_code == 404
    assert (await service.get("/api/v1/inbox/alrt_nothing", TARO)).json()["detail"] == (
        await service.get("/api/v1/inbox/alrt_k", TARO)
    ).json()["detail"]
    assert (await mark(service, TARO, "alrt_k", "done")).status_code == 404
    for path in ("/api/v1/inbox", "/api/v1/inbox/alrt_k"):
        assert (await service.get(path)).status_code == 401
    assert (await mark(service, None, "alrt_k", "done")).status_code == 401


async def test_an_entry_shows_the_alert(service: Service, bus: MemoryBus) -> None:
    await post(service, bus, ONE, TWO, alert_fact("alrt_1", [ONE, TWO]))
    (entry,) = await inbox(service, NORA)
    assert entry == {
        "id": "alrt_1",
        "alert": "alrt_1",
        "version": 1,
        "state": "unread",
        "reason": "your plan",
        "blind": False,
        "sides": [
            {"plan": "plan_1", "version": 1, "partner": UNODC},
            {"plan": "plan_2", "version": 1, "partner": INTERPOL},
        ],
        "contacts": [],
        "kind": "duplicate",
        "overlap_kind": None,
        "status": "open",
        "band": "likely",
        "severity": None,
        "opened_at": entry["opened_at"],
        "updated_at": entry["updated_at"],
    }
    alone = await service.get("/api/v1/inbox/alrt_1", NORA)
    assert alone.json() == entry
    again = await service.client.get(
        "/api/v1/inbox/alrt_1", headers={**NORA.headers, "If-None-Match": alone.headers["ETag"]}
    )
    assert again.status_code == 304


async def test_read_until_it_asks_anew_done_until_it_asks_again(service: Service, bus: MemoryBus) -> None:
    async def states() -> list[str]:
        return [entry["state"] for entry in await inbox(service, NORA, "all")]

    third = plan_fact("plan_3")
    await post(service, bus, ONE, TWO, third, alert_fact("alrt_1", [ONE, TWO]))
    assert (await mark(service, NORA, "alrt_1", "read")).json()["state"] == "read"
    assert await ids(service, NORA, "read") == ["alrt_1"]
    assert await ids(service, NORA) == []
    await post(service, bus, alert_fact("alrt_1", [ONE, TWO], 2, "alert.updated"))
    assert await states() == ["read"]
    await post(service, bus, alert_fact("alrt_1", [ONE, TWO, third], 3, "alert.updated"))
    assert await ids(service, NORA) == ["alrt_1"]
    assert (await mark(service, NORA, "alrt_1", "done")).json()["state"] == "done"
    await post(service, bus, alert_fact("alrt_1", [ONE, TWO, third], 4, "alert.closed", status="decided"))
    assert await states() == ["done"]
    assert [entry["status"] for entry in await inbox(service, IVAN)] == ["decided"]
    assert (await mark(service, IVAN, "alrt_1", "read")).json()["state"] == "done"
    assert await ids(service, IVAN) == [] == await ids(service, IVAN, "read")
    await post(service, bus, alert_fact("alrt_1", [ONE, TWO, third], 5, "alert.reopened"))
    assert await ids(service, NORA) == ["alrt_1"] == await ids(service, IVAN)
    await post(service, bus, alert_fact("alrt_1", [ONE, TWO, third], 6, "alert.closed", status="closed"))
    assert await ids(service, NORA) == [] == await ids(service, CORA)
    assert await ids(service, NORA, "done") == ["alrt_1"]


async def test_a_decision_is_not_news_for_who_made_it_in_whichever_order_the_events_come(
    service: Service, bus: MemoryBus
) -> None:
    await post(service, bus, ONE, TWO, *(alert_fact(each, [ONE, TWO]) for each in ("alrt_1", "alrt_2")))
    over = {each: alert_fact(each, [ONE, TWO], 2, "alert.closed", status="decided") for each in ("alrt_1", "alrt_2")}
    await post(service, bus, decision_fact("dec_1", "alrt_1", [ONE, TWO]))
    await post(service, bus, over["alrt_1"], over["alrt_2"])
    await post(service, bus, decision_fact("dec_2", "alrt_2", [ONE, TWO]))
    assert await ids(service, CORA) == []
    assert await ids(service, CORA, "done") == ["alrt_2", "alrt_1"]
    assert await ids(service, IVAN) == ["alrt_2", "alrt_1"]
    earlier = decision_fact("dec_0", "alrt_2", [ONE, TWO], time=START)
    await post(service, bus, replace(earlier, data={**earlier.data, "by": IVAN.id}))
    assert await ids(service, CORA, "done") == ["alrt_2", "alrt_1"]
    await post(service, bus, alert_fact("alrt_1", [ONE, TWO], 3, "alert.reopened"))
    assert await ids(service, CORA) == ["alrt_1"]


async def test_marks_are_one_persons_own(service: Service, bus: MemoryBus) -> None:
    await post(service, bus, ONE, TWO, alert_fact("alrt_1", [ONE, TWO]))
    await mark(service, NORA, "alrt_1", "done")
    assert (await ids(service, NORA), await ids(service, IVAN)) == ([], ["alrt_1"])
    assert (await mark(service, NORA, "alrt_1", "unread")).json()["state"] == "unread"


async def test_marking_twice_with_one_key_answers_the_same(service: Service, bus: MemoryBus) -> None:
    await post(service, bus, ONE, TWO, alert_fact("alrt_1", [ONE, TWO]))
    key = {"Idempotency-Key": "one"}
    first = await mark(service, NORA, "alrt_1", "done", **key)
    await mark(service, NORA, "alrt_1", "unread")
    again = await mark(service, NORA, "alrt_1", "done", **key)
    assert again.json() == first.json()
    assert await ids(service, NORA) == ["alrt_1"]  # it was not done a second time
    assert (await mark(service, NORA, "alrt_1", "read", **key)).status_code == 422


async def test_a_blind_entry_follows_no_edits(service: Service, bus: MemoryBus) -> None:
    hidden = plan_fact("plan_2", tlp="AMBER", owner=INTERPOL)
    await post(service, bus, ONE, hidden, alert_fact("alrt_1", [ONE, hidden]))
    (entry,) = await inbox(service, NORA)
    assert entry["blind"]
    assert entry["sides"] == [{"plan": "plan_1", "version": 1, "partner": UNODC}]
    assert entry["contacts"] == [{"kind": "focal_point", "partner": INTERPOL}]
    assert not {"kind", "band", "severity", "status", "updated_at"} & set(entry)
    life = [("updated", "open"), ("closed", "decided"), ("reopened", "open"), ("closed", "closed")]
    for version, (name, status) in enumerate(life, 2):
        await post(service, bus, alert_fact("alrt_1", [ONE, hidden], version, f"alert.{name}", status))
        assert await inbox(service, NORA) == [entry], name
    assert await ids(service, CORA) == []
    assert (await mark(service, NORA, "alrt_1", "done")).json()["state"] == "done"
    await post(service, bus, alert_fact("alrt_1", [ONE, hidden], 6, "alert.reopened"))
    assert await ids(service, NORA) == []
    assert await ids(service, NORA, "done") == ["alrt_1"]


async def test_red_is_for_the_named_alone(service: Service, bus: MemoryBus) -> None:
    red = plan_fact("plan_2", tlp="RED", owner=INTERPOL, people=[NORA.id, IVAN.id])
    await post(service, bus, ONE, red, alert_fact("alrt_1", [ONE, red]))
    assert await ids(service, NORA) == ["alrt_1"] == await ids(service, IVAN)
    for who in (CORA, KENJI, RITA, TARO):
        assert await ids(service, who, "all") == []


async def test_relabelling_takes_it_out_of_an_inbox(service: Service, bus: MemoryBus) -> None:
    await post(service, bus, ONE, TWO, alert_fact("alrt_1", [ONE, TWO]))
    assert await ids(service, KENJI) == ["alrt_1"]
    await post(service, bus, plan_fact("plan_2", 2, "plan.relabelled", tlp="RED", owner=INTERPOL, people=[IVAN.id]))
    assert await ids(service, KENJI, "all") == [] == await ids(service, NORA, "all")


async def test_a_claimed_plan_brings_its_alerts_to_its_owner(service: Service, bus: MemoryBus) -> None:
    await post(service, bus, ONE, TWO, alert_fact("alrt_1", [ONE, TWO]))
    assert await ids(service, TARO) == []
    await post(service, bus, plan_fact("plan_2", 2, "plan.claimed", owner=ITU))
    assert await ids(service, TARO) == ["alrt_1"]
    assert await ids(service, IVAN) == []


async def test_pages_show_each_entry_once_newest_first(service: Service, bus: MemoryBus) -> None:
    alerts = [alert_fact(f"alrt_{n:02}", [ONE, TWO]) for n in range(25)]
    hidden = [plan_fact("plan_s", tlp="AMBER+STRICT", owner=ITU), plan_fact("plan_t", tlp="AMBER+STRICT", owner=ITU)]
    await post(service, bus, ONE, TWO, *hidden, *alerts, *(alert_fact(f"alrt_h{n}", hidden) for n in range(25)))
    found: list[str] = []
    path = "/api/v1/inbox?limit=7&state=all"
    while path:
        answer = await service.client.get(path, headers=NORA.headers)
        found += [entry["alert"] for entry in answer.json()["data"]]
        path = answer.links.get("next", {}).get("url", "")
        assert bool(path) == bool(answer.json()["next_cursor"])
    assert found == [f"alrt_{n:02}" for n in reversed(range(25))]


async def test_what_is_no_id_is_not_found(service: Service, bus: MemoryBus) -> None:
    for alert in ("%00", "alrt%201", "\u00e4", "x" * 100):
        assert (await service.get(f"/api/v1/inbox/{alert}", NORA)).status_code == 404
        assert (await mark(service, NORA, alert, "done")).status_code == 404


async def test_wrong_parameters_are_named(service: Service, bus: MemoryBus) -> None:
    for params in ({"state": "new"}, {"cursor": "x"}, {"limit": "1000"}, {"status": "open"}):
        answer = await service.get("/api/v1/inbox", NORA, **params)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["pointer"] == f"?{next(iter(params))}"


async def test_what_a_person_did_with_alerts_is_held_and_told_to_that_person(service: Service, bus: MemoryBus) -> None:
    red = plan_fact("plan_9", owner=INTERPOL)
    await post(service, bus, ONE, TWO, red, alert_fact("alrt_1", [ONE, TWO]), alert_fact("alrt_9", [ONE, red]))
    for alert in ("alrt_1", "alrt_9"):
        assert (await mark(service, NORA, alert, "read")).status_code == 200

    async def told(who: Person, about: Person) -> list[str] | int:
        answer = await service.get(f"/api/v1/held/notifications/people/{about.id}", who)
        if answer.status_code != 200:
            return answer.status_code
        return [each["alert"] for each in answer.json()["data"] if each["kind"] == "inbox"]

    assert await told(NORA, NORA) == ["alrt_1", "alrt_9"]
    assert [await told(who, NORA) for who in (IVAN, RITA, CORA)] == [404, 404, 404]
    await post(service, bus, plan_fact("plan_9", 2, "plan.relabelled", owner=INTERPOL, tlp="RED", people=[NORA.id]))
    assert await told(NORA, NORA) == ["alrt_1"]
