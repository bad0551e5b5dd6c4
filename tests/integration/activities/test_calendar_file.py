"""`GET /plans.ics`: who finds what in it, by which filters, how it is asked for again, and where it ends."""

from typing import Any

import httpx
import pytest

from services.activities.queries import calendar
from tests.integration.activities.conftest import World
from tests.integration.activities.scene import NINA
from tests.support import ics
from tests.support.activities import CORA, INTERPOL, IVAN, KENJI, NORA, Service, training
from tests.support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def asked(service: Service, who: Person | None = None, query: str = "", **headers: str) -> httpx.Response:
    sent = {**(who.headers if who else {}), **headers}
    return await service.client.get(f"/api/v1/plans.ics?{query}", headers=sent)


async def titles(world: World, who: Person | None, query: str) -> list[str]:
    answer = await asked(world.service, who, query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return [each["SUMMARY"] for each in ics.events(answer.content)]


def plan(title: str, day: int, **changes: Any) -> dict[str, Any]:
    place = {"venues": [{"city": "Quito", "country": "ECU"}]}
    return training(**place, title=title, start=f"2033-03-{day:02}", end=None, **changes)


async def test_each_reader_finds_what_may_leave_the_house(world: World) -> None:
    """Drafts and RED are in nobody's, not even in those of who wrote them; a plan without a date is in none."""
    service = world.service
    for day, label in enumerate(("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"), 1):
        await service.post(NORA, plan(label, day, tlp=label))
    await service.post(NORA, plan("named", 6, tlp="AMBER", partners=[{"organisation": "interpol"}]))
    await service.post(NORA, plan("draft", 7, tlp="CLEAR", status="draft"))
    await service.post(NORA, plan("no date", 8, tlp="CLEAR") | {"start": None})

    assert await titles(world, None, "country=ECU") == ["CLEAR"]
    assert await titles(world, KENJI, "country=ECU") == ["CLEAR"]
    assert await titles(world, IVAN, "country=ECU") == ["named", "GREEN", "CLEAR"]
    for who in (NORA, NINA, CORA):
        assert await titles(world, who, "country=ECU") == ["named", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"]
    # the same words as the list's, and what it does not know is an error
    assert await titles(world, NORA, "country=ECU&start.gte=2033-03-04") == ["named", "AMBER+STRICT"]
    assert await titles(world, NORA, f"country=ECU&partner={INTERPOL}") == ["named"]
    assert await titles(world, NORA, "country=ECU&status=draft") == []
    for query in ("countries=ECU", "country=Narnia", "limit=3", "start.gte=soon"):
        assert (await asked(service, NORA, query)).status_code == 400, query


async def test_it_is_told_by_its_tag_whether_anything_changed(world: World) -> None:
    service = world.service
    made = await service.post(NORA, plan("tag", 9, tlp="CLEAR") | {"venues": [{"city": "La Paz", "country": "BOL"}]})
    first = await asked(service, None, "country=BOL")
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["content-disposition"] == 'attachment; filename="plans.ics"'
    tag = {"If-None-Match": first.headers["etag"]}
    again = await asked(service, None, "country=BOL", **tag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag["If-None-Match"])
    assert (await asked(service, None, "country=BOL")).content == first.content

    moved = await service.patch(NORA, made, start="2033-04-01", end="2033-04-02")
    changed = await asked(service, None, "country=BOL", **tag)
    [event] = ics.events(changed.content)
    assert (event["UID"], event["SEQUENCE"], event["DTSTART"]) == (made["id"], "2", "20330401")

    tag = {"If-None-Match": changed.headers["etag"]}
    await service.act(NORA, moved, "cancel")
    [event] = ics.events((await asked(service, None, "country=BOL", **tag)).content)
    assert (event["SEQUENCE"], event["STATUS"]) == ("3", "CANCELLED")


async def test_a_label_that_is_raised_takes_the_plan_out_of_the_next_file(world: World) -> None:
    service = world.service
    made = await service.post(NORA, plan("raised", 9, tlp="CLEAR") | {"venues": [{"city": "Lomé", "country": "TGO"}]})
    tag = {"If-None-Match": (await asked(service, None, "country=TGO")).headers["etag"]}
    await service.patch(NORA, made, tlp="AMBER")
    after = await asked(service, None, "country=TGO", **tag)
    assert after.status_code == 200
    assert ics.events(after.content) == []


async def test_the_limit_keeps_the_latest_and_says_that_there_are_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read in steps smaller than the file, through plans that the reader may not see, of which nothing is said."""
    service = world.service
    for day in range(1, 13):
        place = {"venues": [{"city": "Apia", "country": "WSM"}]}
        await service.post(NORA, plan(f"day {day}", day, tlp="AMBER" if day % 3 == 0 else "CLEAR") | place)
    monkeypatch.setattr(calendar, "SCAN", 2)
    told = {}
    for most in (7, 8):
        monkeypatch.setattr(calendar.plans_in_calendar, "__defaults__", (most,))
        answer = await asked(service, None, "country=WSM")
        told[most] = "There are more" in " ".join(ics.unfolded(answer.content))
        shown = [event["SUMMARY"] for event in ics.events(answer.content)]
        assert shown == [f"day {day}" for day in (11, 10, 8, 7, 5, 4, 2, 1)][:most]
    assert told == {7: True, 8: False}


async def test_an_address_with_a_line_in_it_is_refused(world: World) -> None:
    for url in ("https://example.org/a\nATTENDEE:x", "https://example.org/\n", "https://example.org/\x01"):
        answer = await world.service.client.post(
            "/api/v1/plans", json=plan("x", 20, url=url), headers=NORA.headers
        )  # fmt: skip
        assert answer.status_code == 422, url
