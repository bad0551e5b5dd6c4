"""A plan's life: every field comes back, every version is kept, and its alerts follow it."""

from datetime import timedelta
from typing import Any

import pytest

from services.activities.domain.content import Content
from tests.integration.activities.conftest import World
from tests.integration.activities.scene import NINA
from tests.support.activities import CORA, IVAN, NORA, TARO, UNODC, WORLD_BANK, training
from tests.support.people import organisation_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

FULL: dict[str, Any] = {
    "title": "  Joint training on\tcryptocurrency ",
    "type": "train_the_trainer",
    "status": "confirmed",
    "start": "2031-W16",
    "end": "2031-W17",
    "dates_text": "weeks 16 and 17",
    "dates_inferred": ["year"],
    "venues": [
        {"city": "Vientianne", "country": "Lao PDR", "name": "Police academy", "text": "Vientianne Lao PDR"},
        {"city": "Canberra", "country": "AUS"},
    ],
    "beneficiary_countries": ["Thailand", "VNM", "Viet Nam"],
    "beneficiary_regions": ["035"],
    "audiences": ["investigators", "prosecutors"],
    "themes": ["cryptocurrency", "money_laundering"],
    "level": "advanced",
    "mode": "hybrid",
    "languages": ["en", "pt-BR"],
    "participants_planned": 25,
    "participants_actual": 23,
    "institutions": ["Department of Special Investigation", "AMLO"],
    "programme": "GPML",
    "partners": [{"organisation": "world-bank", "role": "implementer", "programme": "StAR"}, {"name": "AMLO", "role": "host"}],
    "funders": [
        {"organisation": "itu", "country": "NPL", "amount": "12500.50", "currency": "USD", "status": "pledged", "earmarked": True},
        {"country": "United Kingdom", "amount": 3000},
        {"name": "A foundation"},
    ],
    "description": "With the regional programme.",
    "source_text": "25 - 27 April, joint training ...",
    "outcomes": ["capability to follow transactions"],
    "results": ["23 officers followed one"],
    "indicators": [{"name": "trained", "period": "2031", "baseline": "0", "target": "250", "actual": "0"}],
    "series": {"name": "Crypto weeks", "edition": "3"},
    "reference": "XAP/4711",
    "url": "https://www.unodc.org/training?id=1",
    "tlp": "AMBER+STRICT",
    "illustrative": True,
    "provenance": {"document": "GFCE Magazine 4", "date": "2017-11-21", "seen": "2017-12-01", "confidence": "high"},
    "mandates": ["CCPCJ 22/8"],
    "trainers": [NORA.id, TARO.id],
}  # fmt: skip
_NOBODY = {"organisation": None, "name": None, "country": None, "amount": None, "currency": None, "status": None, "earmarked": None}  # fmt: skip
EXPECTED: dict[str, Any] = FULL | {
    "title": "Joint training on cryptocurrency",
    "start": "2031-04-14",
    "end": "2031-04-27",
    "precision": "week",
    "venues": [
        {"city": "Vientianne", "country": "LAO", "name": "Police academy", "text": "Vientianne Lao PDR"},
        {"city": "Canberra", "country": "AUS", "name": None, "text": None},
    ],
    "beneficiary_countries": ["THA", "VNM"],
    "partners": [
        {"organisation": WORLD_BANK, "name": None, "role": "implementer", "programme": "StAR"},
        {"organisation": None, "name": "AMLO", "role": "host", "programme": None},
    ],
    "funders": [
        {**FULL["funders"][0], "organisation": organisation_id("itu"), "name": None},
        _NOBODY | {"country": "GBR", "amount": "3000"},
        _NOBODY | {"name": "A foundation"},
    ],
    "named_people": [],
}


async def test_every_field_comes_back_from_the_post_the_get_the_history_and_the_event(world: World) -> None:
    host = await world.service.post(NORA, training(type="conference", start="2031-04", end=None))
    before = await world.service.post(NORA, training(start="2030", end=None))
    links = {"part_of": host["id"], "follow_up_of": before["id"]}
    posted = await world.service.post(NORA, FULL | links)
    expected = EXPECTED | links
    assert {name: posted[name] for name in expected} == expected
    stored = {name for name in Content.__slots__ if name != "period"} | {"start", "end", "precision"}
    assert set(expected) == stored, "a field that this test forgets"
    assert set(posted) - stored == {
        "id", "version", "owner", "posted_by", "claimed", "activity", "checked", "created_at", "updated_at",
    }  # fmt: skip
    assert (posted["version"], posted["owner"], posted["posted_by"], posted["claimed"]) == (1, UNODC, NORA.id, True)

    got = await world.service.client.get(f"/api/v1/plans/{posted['id']}", headers=NORA.headers)
    assert got.json() == posted
    history = await world.service.client.get(f"/api/v1/plans/{posted['id']}/history", headers=NORA.headers)
    assert history.json()["data"][0]["content"] == expected
    await world.service.settled()
    [event] = await world.facts(posted["id"])
    assert (event.name, event.sequence, event.tlp, event.partner) == ("plan.posted", 1, "AMBER+STRICT", UNODC)
    assert event.data["plan"] == posted
    assert event.data["columns"]["partners"] == sorted([UNODC, WORLD_BANK, organisation_id("itu")])
    assert event.data["columns"]["start"] == "2031-04-14"
    assert {"LAO", "AUS", "THA", "VNM", "KHM"} <= set(event.data["columns"]["countries"])


@pytest.mark.parametrize("start", ["2032-05-03", "2032-W19", "2032-05", "2032-Q2", "2032"])
async def test_a_change_of_something_else_keeps_the_dates_as_precise_as_they_were(world: World, start: str) -> None:
    plan = await world.service.post(NORA, training(title=f"Dated {start}", start=start, end=None))
    again = await world.service.patch(NORA, plan, description="Another word on it.")
    for name in ("start", "end", "precision", "checked"):
        assert again[name] == plan[name]


async def test_the_history_has_every_version_with_who_did_what(world: World) -> None:
    plan = await world.service.post(NORA, training(title="Course", start="2033-01-10", end="2033-01-12"))
    plan = await world.service.patch(NINA, plan, title="Long course", end="2033-01-14")
    plan = await world.service.act(NORA, plan, "confirm")
    plan = await world.service.patch(NORA, plan, level="advanced", description=None)
    plan = await world.service.act(NORA, plan, "complete")
    plan = await world.service.patch(NORA, plan, outcomes=["25 trained"])
    answer = await world.service.client.get(f"/api/v1/plans/{plan['id']}/history", headers=NORA.headers)
    told = [(each["version"], each["action"], each["actor"], each["changed"]) for each in answer.json()["data"]]
    assert told == [
        (1, "plan.posted", NORA.id, []),
        (2, "plan.amended", NINA.id, ["title", "end"]),
        (3, "plan.confirmed", NORA.id, ["status"]),
        (4, "plan.amended", NORA.id, ["level"]),
        (5, "plan.completed", NORA.id, ["status"]),
        (6, "plan.amended", NORA.id, ["outcomes"]),
    ]
    contents = [each["content"] for each in answer.json()["data"]]
    assert [each["title"] for each in contents] == ["Course"] + ["Long course"] * 5
    assert contents[-1] == {name: plan[name] for name in contents[-1]}
    await world.service.settled()
    facts = await world.facts(plan["id"])
    assert [(event.name, event.sequence) for event in facts] == [(action, version) for version, action, _, _ in told]


async def test_a_patch_replaces_lists_reaches_into_objects_and_null_removes(world: World) -> None:
    plan = await world.service.post(
        NORA, training(start="2034", end=None, series={"name": "Weeks", "edition": "3"}, level="advanced", languages=["en", "fr"])
    )  # fmt: skip
    plan = await world.service.patch(NORA, plan, series={"edition": None}, languages=["es"], level=None, themes=None)
    assert plan["series"] == {"name": "Weeks", "edition": None}
    assert (plan["languages"], plan["level"], plan["themes"]) == (["es"], None, [])
    plan = await world.service.patch(NORA, plan, series=None)
    assert plan["series"] is None
    plan = await world.service.patch(NORA, plan, start=None, end=None)
    assert (plan["start"], plan["precision"], plan["checked"]) == (None, None, "not checked: no date")
    plan = await world.service.patch(NORA, plan, start="2034-03")
    assert (plan["start"], plan["end"], plan["precision"]) == ("2034-03-01", "2034-03-31", "month")


async def test_a_change_that_changes_nothing_is_no_version(world: World) -> None:
    plan = await world.service.post(NORA, training(start="2035", end=None))
    same = await world.service.patch(NORA, plan)
    assert same == await world.service.patch(NORA, plan, title=f" {plan['title']} ", themes=plan["themes"]) == plan
    confirmed = await world.service.act(NORA, plan, "confirm")
    assert await world.service.act(NORA, confirmed, "confirm") == confirmed
    await world.service.settled()
    assert [event.name for event in await world.facts(plan["id"])] == ["plan.posted", "plan.confirmed"]


async def test_a_plan_posted_on_behalf_is_claimed_once_by_its_owner(world: World) -> None:
    plan = await world.service.post(CORA, training(start="2036-02", end=None, on_behalf_of="unodc"))
    assert (plan["owner"], plan["posted_by"], plan["claimed"]) == (UNODC, CORA.id, False)
    plan = await world.service.patch(CORA, plan, level="advanced")
    current = {"If-Match": f'"{plan["version"]}"'}
    path = f"/api/v1/plans/{plan['id']}"
    for who in (IVAN, CORA):
        refused = await world.service.client.post(f"{path}:claim", headers={**who.headers, **current})
        assert refused.status_code == 403
    claimed = await world.service.act(NORA, plan, "claim")
    assert (claimed["owner"], claimed["posted_by"], claimed["claimed"]) == (UNODC, NORA.id, True)
    current = {"If-Match": f'"{claimed["version"]}"'}
    assert (await world.service.client.post(f"{path}:claim", headers={**NINA.headers, **current})).status_code == 409
    patched = await world.service.client.patch(path, json={"level": None}, headers={**CORA.headers, **current})
    assert patched.status_code == 403
    await world.service.settled()
    assert [event.name for event in await world.facts(plan["id"])] == ["plan.posted", "plan.amended", "plan.claimed"]


async def test_a_draft_is_its_owners_alone_and_matched_with_nobody_until_it_is_posted(world: World) -> None:
    place = {"venues": [{"country": "FJI"}], "start": "2037-02-01", "end": "2037-02-03"}
    theirs = await world.service.post(IVAN, training(**place))
    draft = await world.service.post(NORA, training(**place, status="draft", tlp="CLEAR"))
    await world.service.settled()
    assert draft["checked"] == "not checked: draft or cancelled"
    assert await world.service.alerts(plan=theirs["id"]) == []
    client = world.service.client
    for who in (IVAN, TARO, CORA, None):
        headers = who.headers if who else {}
        assert (await client.get(f"/api/v1/plans/{draft['id']}", headers=headers)).status_code == 404
        assert (await client.get(f"/api/v1/plans/{draft['id']}/history", headers=headers)).status_code == 404
        assert (await client.get(f"/api/v1/activities/{draft['activity']}", headers=headers)).status_code == 404
        assert draft["id"] not in (await client.get("/api/v1/plans?country=FJI", headers=headers)).text
    assert (
        draft["id"] not in (await client.post("/api/v1/plans:check", json=training(**place), headers=TARO.headers)).text
    )
    assert (await client.get(f"/api/v1/plans/{draft['id']}", headers=NINA.headers)).status_code == 200

    posted = await world.service.patch(NORA, draft, status="tentative")
    await world.service.settled()
    assert posted["checked"] == "checked"
    [alert] = await world.service.alerts(plan=theirs["id"])
    assert {side["plan"] for side in alert["sides"]} == {theirs["id"], draft["id"]}
    assert [event.data["facts"]["draft"] for event in await world.facts(draft["id"])] == [True, False]


async def test_a_draft_that_comes_out_is_told_as_posted_however_it_comes_out(world: World) -> None:
    """Nobody else has heard of it until then, so a dashboard that listens for postings must."""
    for changes in ({"status": "confirmed"}, {"status": "tentative", "tlp": "CLEAR"}):
        draft = await world.service.post(NORA, training(venues=[{"country": "TON"}], status="draft"))
        await world.service.patch(NORA, draft, **changes)
        await world.service.settled()
        assert [event.name for event in await world.facts(draft["id"])] == ["plan.posted", "plan.posted"]


async def test_a_postponed_plan_is_not_checked_its_conflict_closes_and_new_dates_open_another(world: World) -> None:
    place = {"venues": [{"country": "WSM"}]}
    mine = await world.service.post(NORA, training(**place, start="2037-03-01", end="2037-03-03"))
    first = await world.service.post(IVAN, training(**place, start="2037-03-01", end="2037-03-03"))
    second = await world.service.post(TARO, training(**place, start="2037-10-01", end="2037-10-03"))
    await world.service.settled()
    [old] = await world.service.alerts(plan=mine["id"])
    mine = await world.service.act(NORA, mine, "postpone")
    assert mine["checked"] == "not checked: no date"
    await world.service.settled()
    assert await world.service.alerts(plan=mine["id"]) == []
    mine = await world.service.patch(NORA, mine, start="2037-10-01", end="2037-10-03", status="tentative")
    assert mine["checked"] == "checked"
    await world.service.settled()
    [new] = await world.service.alerts(plan=mine["id"])
    assert new["id"] != old["id"]
    assert {side["plan"] for side in new["sides"]} == {mine["id"], second["id"]}
    assert [event.name for event in await world.facts(old["id"])] == ["alert.opened", "alert.closed"]
    assert [event.name for event in await world.facts(new["id"])] == ["alert.opened"]
    assert first["id"] not in str(new)


async def test_a_snoozed_alert_wakes_when_its_time_is_over(world: World) -> None:
    place = {"venues": [{"country": "TON"}], "start": "2037-04-01", "end": "2037-04-03"}
    mine = await world.service.post(NORA, training(**place))
    await world.service.post(IVAN, training(**place))
    await world.service.settled()
    [alert] = await world.service.alerts(plan=mine["id"])
    until = (world.clock.now() + timedelta(days=7)).isoformat()
    made = await world.service.decide(alert["id"], "snooze", until=until)
    assert made.status_code == 201, made.text
    assert await world.service.alerts(plan=mine["id"], status="open") == []
    [asleep] = await world.service.alerts(plan=mine["id"], status="snoozed")
    assert asleep["id"] == alert["id"]
    world.clock.shift(timedelta(days=6, hours=23))
    await world.service.settled()
    assert (await world.service.alert(alert["id"]))["status"] == "snoozed"
    world.clock.shift(timedelta(hours=2))
    while (awake := await world.service.alert(alert["id"]))["status"] == "snoozed":
        pass
    assert (awake["status"], awake["reason"], awake["due_at"]) == ("open", "snooze is over", None)
    await world.service.settled()
    told = [event.name for event in await world.facts(alert["id"])]
    assert told == ["alert.opened", "alert.updated", "alert.reopened"]
