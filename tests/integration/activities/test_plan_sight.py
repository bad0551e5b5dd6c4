"""Who sees a plan, on every route that could tell of it: lists and their pages, history, checks, alerts, events."""

import base64
import json
from typing import Any

import pytest
from sqlalchemy import select

from services.activities.orm import kernel, known
from shared.reader import SERVICE
from tests.integration.activities.conftest import World
from tests.integration.activities.scene import NINA
from tests.support.activities import CORA, INTERPOL, ITU, IVAN, KENJI, NORA, TARO, WANDA, training
from tests.support.people import Person, introduce, person

pytestmark = pytest.mark.asyncio(loop_scope="module")
KENDRA = person("kendra", [ITU], roles=["coordinator"], countries=["KEN"])
ADA = person("ada", roles=["administrator"])


async def everything(world: World, who: Person | None, plan: dict[str, Any]) -> str:
    """All that the routes say to this person, as one text. `plan` names a hidden one, for the routes that take an id."""
    headers = who.headers if who else {}
    said: list[str] = []
    for path in (
        "/plans?limit=200", "/plans?country=PER&limit=200", f"/plans?partner={plan['owner']}", "/alerts?status=all", f"/alerts?status=all&plan={plan['id']}",
        "/activities", f"/activities/{plan['activity']}", f"/plans/{plan['id']}", f"/plans/{plan['id']}/history",
    ):  # fmt: skip
        answer = await world.service.client.get(f"/api/v1{path}", headers=headers)
        said.append(answer.text + str(sorted(answer.headers.items())))
        following = answer.json().get("next_cursor") if answer.status_code == 200 else None
        said.append(base64.urlsafe_b64decode(following + "==").decode() if following else "")
    checked = await world.service.client.post("/api/v1/plans:check", json=training(**PERU), headers=headers)
    said.append(checked.text)
    return "\n".join(said)


PERU: dict[str, Any] = {"venues": [{"city": "Lima", "country": "PER"}], "start": "2031-05-05", "end": "2031-05-07"}


async def test_a_red_plan_is_for_the_people_it_names_on_every_route(world: World) -> None:
    secret = "Operation Condor's nest"
    red = await world.service.post(
        WANDA,
        training(**PERU, title=secret, tlp="RED", named_people=[TARO.id], partners=[{"organisation": "interpol"}]),
    )
    twin = await world.service.post(IVAN, training(**PERU))
    await world.service.settled()
    await introduce(world.service.db, known, [ADA, person("wilma", [WANDA.partners[0]])], [])
    for who in (WANDA, TARO):
        for path in (f"/plans/{red['id']}", f"/plans/{red['id']}/history", f"/activities/{red['activity']}"):
            assert secret in (await world.service.client.get(f"/api/v1{path}", headers=who.headers)).text
        assert secret in (await world.service.client.get("/api/v1/plans?country=PER", headers=who.headers)).text
        [alert] = await world.service.alerts(who, status="all", plan=red["id"])
        assert {side["plan"] for side in alert["sides"]} == {red["id"], twin["id"]}
    for who in (IVAN, NORA, CORA, KENJI, ADA, NINA, person("wilma", [WANDA.partners[0]]), None):
        said = await everything(world, who, red)
        assert red["id"] not in said.replace(f"plan={red['id']}", "")
        assert secret not in said
    assert await world.service.alerts(IVAN, status="all", plan=twin["id"]) == []
    assert await world.service.alerts(CORA, status="all", plan=twin["id"]) == []

    [event] = await world.facts(red["id"])
    assert set(event.data) == {"id", "version", "facts"}
    facts = dict(event.data["facts"])
    assert (facts.pop("label"), facts.pop("owner"), facts.pop("poster")) == ("RED", WANDA.partners[0], WANDA.id)
    assert facts == {
        "named_partners": [],
        "named_people": sorted([TARO.id, WANDA.id]),
        "countries": [],
        "themes": [],
        "draft": False,
    }
    async with world.service.db.read(SERVICE) as session:
        values = b"".join((await session.execute(select(kernel.outbox.c.value))).scalars())
        details = str((await session.execute(select(kernel.audit.c.detail))).all())
    assert secret.encode() not in values
    assert secret not in details


@pytest.mark.parametrize(("label", "country"), [("RED", "CHL"), ("AMBER+STRICT", "URY")])
async def test_what_a_visible_activity_collides_with_stays_hidden(world: World, label: str, country: str) -> None:
    """Two postings of one activity are in sight of every partner; the plan that they collide with is not."""
    place = {"venues": [{"country": country}], "start": "2031-06-01", "end": "2031-06-03"}
    crypto = training(**place, themes=["cryptocurrency"], title="Cryptocurrency course")
    mine, _ = await world.service.post(NORA, crypto), await world.service.post(IVAN, crypto)
    hidden = await world.service.post(
        WANDA, training(**place, themes=["fraud"], title="Workshop on fraud analytics", type="workshop", tlp=label)
    )
    await world.service.settled()
    kinds = {
        name: sorted(alert.get("kind", "blind") for alert in await world.service.alerts(who, plan=mine["id"]))
        for name, who in (("cora", CORA), ("nora", NORA), ("taro", TARO))
    }
    if label == "RED":
        assert kinds == {who: ["duplicate"] for who in ("cora", "nora", "taro")}
        assert await world.service.alerts(WANDA, plan=hidden["id"]) == []
        return
    assert kinds == {"cora": ["duplicate", "overlap"], "nora": ["blind", "duplicate"], "taro": ["duplicate"]}
    [overlap] = await world.service.alerts(CORA, kind="overlap", plan=mine["id"])
    assert hidden["id"] not in str(await world.service.alerts(NORA))
    answer = await world.service.client.get(f"/api/v1/alerts/{overlap['id']}", headers=TARO.headers)
    assert answer.status_code == 404
    await world.service.settled()
    [event] = await world.facts(overlap["id"])
    assert {side["plan"]: side["group"] for side in event.data["sides"]}[hidden["id"]] not in {
        side["group"] for side in event.data["sides"] if side["plan"] != hidden["id"]
    }


async def test_what_is_released_does_not_release_what_it_said_before(world: World) -> None:
    """A plan gets a wider label when it may be told; its older versions were not written for the same readers."""
    place = {"venues": [{"country": "GHA"}], "start": "2031-07-01", "end": "2031-07-02"}
    plan = await world.service.post(WANDA, training(**place, title="Undercover", tlp="RED", named_people=[TARO.id]))
    plan = await world.service.patch(WANDA, plan, title="A course", tlp="GREEN", named_people=None)
    plan = await world.service.patch(WANDA, plan, level="advanced")
    path = f"/api/v1/plans/{plan['id']}"
    history = (await world.service.client.get(f"{path}/history", headers=NORA.headers)).json()["data"]
    assert [each["version"] for each in history] == [2, 3]
    assert "Undercover" not in json.dumps(history)
    assert TARO.id not in json.dumps(history)
    for who in (WANDA, TARO):
        whole = (await world.service.client.get(f"{path}/history", headers=who.headers)).json()["data"]
        assert whole[0]["content"]["title"] == "Undercover"
    await world.service.settled()
    assert [event.name for event in await world.facts(plan["id"])] == ["plan.posted", "plan.relabelled", "plan.amended"]
    assert "plan" not in (await world.facts(plan["id"]))[0].data


LABELS: dict[str, set[str]] = {
    "CLEAR": {"nora", "nina", "ivan", "taro", "cora", "kenji", "ada", "public"},
    "GREEN": {"nora", "nina", "ivan", "taro", "cora"},
    "AMBER": {"nora", "nina", "ivan", "cora"},
    "AMBER+STRICT": {"nora", "nina", "cora"},
    "RED": {"nora"},
}
EVERYBODY: dict[str, Person | None] = {
    "nora": NORA, "nina": NINA, "ivan": IVAN, "taro": TARO, "cora": CORA, "kenji": KENJI, "ada": ADA, "public": None,
}  # fmt: skip


@pytest.mark.parametrize("label", LABELS)
async def test_each_label_is_for_its_readers(world: World, label: str) -> None:
    """Nora's plan in Senegal names INTERPOL (Ivan); Kenji coordinates Kenya, Cora the world; Ada runs the installation."""
    await introduce(world.service.db, known, [ADA], [])
    plan = await world.service.post(
        NORA,
        training(title=f"In {label}", venues=[{"country": "SEN"}], tlp=label, partners=[{"organisation": INTERPOL}]),
    )
    seen: dict[str, set[str]] = {"one": set(), "list": set(), "history": set(), "activity": set()}
    for name, who in EVERYBODY.items():
        headers = who.headers if who else {}
        for route, path in (
            ("one", f"/plans/{plan['id']}"), ("list", "/plans?country=SEN"), ("history", f"/plans/{plan['id']}/history"),
            ("activity", f"/activities/{plan['activity']}"),
        ):  # fmt: skip
            if f"In {label}" in (await world.service.client.get(f"/api/v1{path}", headers=headers)).text:
                seen[route].add(name)
    assert seen == dict.fromkeys(seen, LABELS[label])


async def pages(world: World, path: str, who: Person | None, limit: int) -> list[list[str]]:
    """The ids on each page, following `Link`; a cursor holds nothing but an id that was shown."""
    found: list[list[str]] = []
    following: str | None = f"/api/v1{path}{'&' if '?' in path else '?'}limit={limit}"
    while following:
        answer = await world.service.client.get(following, headers=who.headers if who else {})
        ids = [entry["id"] for entry in answer.json()["data"]]
        found.append(ids)
        following = answer.headers["link"].split(">")[0].lstrip("<") if "link" in answer.headers else None
        cursor = answer.json()["next_cursor"]
        assert (cursor is not None) == (following is not None)
        if cursor:
            assert json.loads(base64.urlsafe_b64decode(cursor + "==")) == [ids[-1]], (
                "a cursor that tells of hidden ones"
            )
    return found


async def test_pages_are_full_and_their_cursors_do_not_tell_of_hidden_plans(world: World) -> None:
    """Kendra coordinates Kenya for the ITU: what is AMBER in Bolivia lies between the plans that she sees."""
    await introduce(world.service.db, known, [KENDRA], [])
    shown: list[str] = []
    for number in range(7):
        body = training(
            title=f"Peruvian {number}", venues=[{"country": "BOL"}], start=f"2031-{number + 2:02}", end=None
        )
        for hidden in ("AMBER+STRICT", "RED"):
            await world.service.post(WANDA, body | {"tlp": hidden, "title": "hidden"})
        shown.append((await world.service.post(WANDA, body))["id"])
        await world.service.post(WANDA, body | {"tlp": "RED", "title": "hidden"})
    newest = shown[::-1]
    assert await pages(world, "/plans?country=BOL", NORA, 3) == [newest[:3], newest[3:6], newest[6:]]
    assert await pages(world, "/plans?country=BOL", NORA, 7) == [newest]
    assert await pages(world, "/plans?country=BOL", KENDRA, 3) == [newest[:3], newest[3:6], newest[6:]]
    assert await pages(world, "/plans?country=BOL", None, 7) == [[]]


async def test_pages_of_alerts_do_not_tell_of_hidden_ones(world: World) -> None:
    shown: list[str] = []
    for number in range(3):
        place = {
            "venues": [{"country": "ECU"}],
            "start": f"2031-{2 * number + 2:02}-01",
            "end": f"2031-{2 * number + 2:02}-02",
        }
        for who, label in ((WANDA, "RED"), (TARO, "RED"), (WANDA, "GREEN"), (IVAN, "GREEN")):
            other = {"venues": [{"country": "PRY"}]} if label == "RED" else {}
            body = training(**place, tlp=label, title=f"Course {number}") | other
            await world.service.post(who, body | ({"named_people": [WANDA.id, TARO.id]} if label == "RED" else {}))
        await world.service.settled()
        shown += [
            one["id"] for one in await world.service.alerts(IVAN) if one["id"] not in shown and "ECU" not in shown
        ]
    got = [one for page in await pages(world, "/alerts?status=all", IVAN, 1) for one in page]
    assert set(shown) <= set(got)
    assert len(await world.service.alerts(WANDA, status="all", limit="200")) >= len(got) + 3


async def test_filters_find_what_they_ask_for_and_no_more(world: World) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "a": training(venues=[{"country": "MAR"}], start="2030-02-01", end="2030-02-03", themes=["malware"], mode="online"),
        "b": training(venues=[{"country": "TUN"}], start="2030-03-01", end="2030-04-30", audiences=["judges"], type="workshop"),
        "c": training(venues=[{"country": "DZA"}], start="2030-05", end=None, status="confirmed", partners=[{"organisation": "amlo"}]),
        "d": training(venues=[{"country": "DZA"}], start=None, end=None, beneficiary_countries=["MAR"]),
        "e": training(venues=[], start="2030-06-01", end="2030-06-02", beneficiary_regions=["015"], themes=["osint", "malware"]),
    }  # fmt: skip
    ids = {
        name: (await world.service.post(TARO, body | {"title": f"Filtered {name}"}))["id"]
        for name, body in bodies.items()
    }
    partner = (await world.service.client.get(f"/api/v1/plans/{ids['c']}", headers=TARO.headers)).json()["partners"][0][
        "organisation"
    ]
    expected = {
        "country=MAR": "ade", "country=MAR,TUN": "abde", "country=DZA&status=confirmed": "c", "region=015": "abcde",
        "country=MAR&theme=malware": "ae", "region=015&theme=osint,malware": "ae", "country=TUN&audience=judges": "b",
        "country=TUN&type=workshop": "b", "country=MAR&mode=online": "a", f"region=015&partner={partner}": "c",
        "region=015&start.gte=2030-03-01": "bce", "region=015&start.lte=2030-03-01": "ab", "region=015&end.lte=2030-04-30": "ab",
        "region=015&start.gte=2030-03-01&end.lte=2030-05-31": "bc", "country=MAR&start.gte=2031-01-01": "",
        f"country=MAR&partner={TARO.partners[0]}": "ade", f"country=MAR&partner={WANDA.partners[0]}": "",
    }  # fmt: skip
    for query, names in expected.items():
        answer = await world.service.client.get(f"/api/v1/plans?limit=200&{query}", headers=NORA.headers)
        found = {entry["id"] for entry in answer.json()["data"]}
        assert {name for name, plan in ids.items() if plan in found} == set(names), query
        assert found <= set(ids.values()), query


async def test_an_etag_saves_the_second_reading_and_ends_with_a_change(world: World) -> None:
    plan = await world.service.post(NORA, training(venues=[{"country": "NER"}]))
    path = f"/api/v1/plans/{plan['id']}"
    first = await world.service.client.get(path, headers=NORA.headers)
    tag = first.headers["etag"]
    assert tag.startswith('"1-')
    again = await world.service.client.get(path, headers={**NORA.headers, "If-None-Match": f'"x", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    changed = await world.service.client.patch(
        path, json={"level": "advanced"}, headers={**NORA.headers, "If-Match": tag}
    )
    assert changed.status_code == 200
    fresh = await world.service.client.get(path, headers={**NORA.headers, "If-None-Match": tag})
    assert (fresh.status_code, fresh.headers["etag"]) == (200, changed.headers["etag"])
    hidden = await world.service.client.get(path, headers={"If-None-Match": tag})
    assert hidden.status_code == 404
