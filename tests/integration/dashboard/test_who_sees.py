"""What the pages say of who sees a plan before it is posted, and the calendar of what one sees."""

import re

import httpx
import pytest

from tests.integration.dashboard.browser import Reader
from tests.integration.dashboard.conftest import House
from tests.integration.dashboard.test_pages import signed_in
from tests.support import ics

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_form_names_who_will_see_the_plan_before_it_is_posted(house: House) -> None:
    """Without a script, and by the registry's own reading of the names; a mistake is said, and nothing is lost or posted."""
    browser = await signed_in(house, "una")
    before = [each.id async for each in house.client("una").plans.list()]
    page = await browser.get("/plans/new")
    assert seen_by(page, "AMBER+STRICT") == "UNODC, 1 coordinator, looking after the world"
    look = {"look": "1"}
    typed = {"title": "", "countries": "Fiji", "partners": "world-bank (StAR)\nA club of ours", "tlp": "RED"}
    page = await browser.submit("/plans/new", look, **typed)
    assert browser.answer.status_code == 200
    assert {label: seen_by(page, label) for label in ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")} == {
        "CLEAR": "",
        "GREEN": "every partner, 1 coordinator, looking after the world",
        "AMBER": "UNODC, WBG, 1 coordinator, looking after the world",
        "AMBER+STRICT": "UNODC, 1 coordinator, looking after the world",
        "RED": "you alone",
    }
    form = next(form for form in page.forms if form.action == "/plans/new")
    assert form.values["tlp"] == ["RED"]
    assert "so that they do not see it as a partner: A club of ours ." in page.text
    assert form.values["partners"] == [typed["partners"]]
    page = await browser.submit("/plans/new", look, status="draft")
    assert seen_by(page, "GREEN") == "UNODC"
    page = await browser.submit("/plans/new", look, countries="Atlantis")
    assert [attributes["name"] for _, attributes in page.elements if "aria-invalid" in attributes] == ["countries"]
    assert "As the form is now" not in page.text
    assert [each.id async for each in house.client("una").plans.list()] == before


def seen_by(page: Reader, label: str) -> str:
    """What stands below one label of the form."""
    after = page.text.partition(f" {label} : ")[2]
    own = re.split(r" (?:CLEAR|GREEN|AMBER|AMBER\+STRICT|RED) : | Named in words| Show who will see it", after)[0]
    return own.partition("As the form is now: ")[2].strip()


async def test_the_list_leads_to_a_calendar_of_what_one_may_see(house: House) -> None:
    """By the session, for the API takes no cookie; and without one what everybody sees."""
    body = {"title": "For calendars", "type": "training", "start": "2032-05-05", "venues": [{"country": "TON"}]}
    for label in ("CLEAR", "GREEN", "RED"):
        await house.client("una").plans.post(body, title=label, tlp=label)
    told = {}
    for name, browser in (("una", await signed_in(house, "una")), ("nobody", house.browser())):
        page = await browser.get("/plans")
        assert "/plans.ics" in [attributes.get("href") for tag, attributes in page.elements if tag == "a"]
        await browser.get("/plans.ics?country=TON")
        assert browser.answer.headers["content-type"].startswith("text/calendar")
        assert "default-src 'none'" in browser.answer.headers["content-security-policy"]
        told[name] = {event["SUMMARY"] for event in ics.events(browser.answer.content)}
    assert told == {"una": {"CLEAR", "GREEN"}, "nobody": {"CLEAR"}}
    public = httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url="http://convene")
    answer = await public.get("/api/v1/plans.ics?country=TON")
    assert [event["SUMMARY"] for event in ics.events(answer.content)] == ["CLEAR"]
    await browser.get("/plans.ics?country=Narnia")
    assert browser.answer.status_code == 400
    assert browser.answer.headers["content-type"].startswith("text/html")
