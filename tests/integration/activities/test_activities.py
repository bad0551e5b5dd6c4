"""Joint activities: whose they are, what they are called, and what they tell of postings that a reader may not see."""

from typing import Any

from tests.support.activities import CORA, INTERPOL, IVAN, NORA, TARO, UNODC, Person, Service, training


async def joint(service: Service, *who: Person, **more: Any) -> tuple[str, list[dict[str, Any]]]:
    """Postings of one training by these people, linked; the activity's id and the plans."""
    plans = [await service.post(each, training(**more)) for each in who]
    await service.settled()
    [alert] = await service.alerts()
    made = await service.decide(alert["id"], "link")
    assert made.status_code == 201, made.text
    return made.json()["activity"], plans


async def shown(service: Service, who: Person, activity: str) -> dict[str, Any] | None:
    answer = await service.client.get(f"/api/v1/activities/{activity}", headers=who.headers)
    return answer.json() if answer.status_code == 200 else None


async def test_a_joint_activity_is_found_by_the_own_one_of_each_of_its_plans(service: Service) -> None:
    activity, plans = await joint(service, NORA, IVAN)
    for plan in plans:
        found = await shown(service, NORA, plan["activity"])
        assert found
        assert (found["id"], found["joint"]) == (activity, True)


async def test_who_cancels_owns_it_no_longer_and_says_nothing_of_it(service: Service) -> None:
    activity, (mine, theirs) = await joint(service, NORA, IVAN)
    assert (await shown(service, CORA, activity) or {})["owners"] == sorted([UNODC, INTERPOL])
    await service.patch(NORA, mine, status="cancelled")
    await service.settled()
    found = await shown(service, CORA, activity)
    assert found
    assert (found["owners"], found["plans"]) == ([INTERPOL], sorted([mine["id"], theirs["id"]]))
    assert found["fields"]["title"]["from"] == theirs["id"]
    listed = (await service.client.get("/api/v1/activities", headers=CORA.headers)).json()["data"]
    assert [each["owners"] for each in listed] == [[INTERPOL]]


async def test_a_link_tells_nobody_of_a_posting_that_they_may_not_see(service: Service) -> None:
    """Nora posts for her partner and the coordinator alone; Ivan's plan is linked with it, and looks as before to Taro."""
    activity, (mine, theirs) = await joint(service, NORA, IVAN)
    await service.patch(NORA, mine, tlp="AMBER+STRICT")
    await service.settled()
    found = await shown(service, TARO, theirs["activity"])
    assert found
    assert (found["id"], found["joint"], found["plans"]) == (theirs["activity"], False, [theirs["id"]])
    assert await shown(service, TARO, activity) is None
    plan = (await service.client.get(f"/api/v1/plans/{theirs['id']}", headers=TARO.headers)).json()
    assert plan["activity"] == theirs["activity"]
    assert (await shown(service, CORA, activity) or {})["joint"]
