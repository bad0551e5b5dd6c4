"""The pages as somebody without scripts and without a terminal meets them."""

import secrets

import pytest

from tests.integration.dashboard.browser import Browser
from tests.integration.dashboard.conftest import House, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAN = {
    "title": "Digital forensics for prosecutors",
    "type": "training",
    "when": "10 - 12 May 2027",
    "countries": "Viet Nam",
    "where": "Hanoi, Viet Nam",
    "audiences": ["prosecutors"],
    "themes": ["digital_forensics"],
    "tlp": "GREEN",
}


async def signed_in(house: House, name: str) -> Browser:
    browser = house.browser()
    await browser.sign_in(house.keys[name])
    assert "Welcome" in browser.page.text
    return browser


async def test_a_wrong_key_is_said_and_nothing_is_remembered(house: House) -> None:
    browser = house.browser()
    page = await browser.sign_in("cvn_wrong")
    assert browser.answer.status_code == 422
    assert "This key is not valid here" in page.text
    await browser.get("/plans/new")
    assert browser.answer.status_code == 401


async def test_the_key_is_in_no_page_and_no_cookie(house: House) -> None:
    browser = await signed_in(house, "una")
    cookies = browser._http.cookies
    assert set(cookies) == {"convene_session", "convene_visitor"}
    assert house.keys["una"] not in str(dict(cookies))
    for path in ("/", "/plans", "/plans/new", "/alerts"):
        await browser.get(path)
        assert browser.answer.status_code == 200
        assert house.keys["una"] not in browser.answer.text


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(house: House) -> None:
    browser = house.browser()
    await browser.get("/")
    await browser.submit("/sign-in", key=house.keys["una"])
    set_by = [line for each in browser.answer.history for line in each.headers.get_list("set-cookie")]
    assert len(set_by) == 2
    assert all("HttpOnly" in line and "SameSite=lax" in line for line in set_by)


async def test_a_session_that_somebody_made_up_is_nobody(house: House) -> None:
    browser = await signed_in(house, "una")
    sealed = browser._http.cookies["convene_session"]
    for made_up in ("x" * 80, "", "é", sealed[:-8] + "AAAAAAA=", sealed[:10]):
        stranger = house.browser()
        answer = await stranger._http.get("/", headers=[(b"Cookie", f"convene_session={made_up}".encode())])
        assert answer.status_code == 200
        assert "Welcome" not in answer.text
    assert "Welcome" in (await browser.get("/")).text


@pytest.mark.parametrize("fields", [{}, {"token": "0" * 64}], ids=["no token", "a foreign token"])
async def test_a_form_from_elsewhere_does_nothing(house: House, fields: dict[str, str]) -> None:
    browser = await signed_in(house, "una")
    title = secrets.token_hex(8)
    for path in ("/plans/new", "/sign-out", "/alerts/alrt_1/decisions", "/decisions/dec_1/reversal", "/join/cvi_x"):
        await browser.post(path, title=title, type="training", **fields)
        assert browser.answer.status_code == 403, path
    page = await browser.get("/plans")
    assert title not in page.text
    assert "Sign out" in page.text


async def test_another_visitors_token_does_not_fit(house: House) -> None:
    mine, other = await signed_in(house, "una"), await signed_in(house, "ian")
    await other.get("/plans/new")
    token = other.page.forms[0].values["token"][0]
    await mine.post("/plans/new", token=token, title="x", type="training")
    assert mine.answer.status_code == 403


async def test_errors_stand_at_their_fields_and_nothing_is_lost(house: House) -> None:
    browser = await signed_in(house, "una")
    await browser.get("/plans/new")
    wrong = PLAN | {"title": 'A "quoted" <b>title</b>', "when": "40 May 2027", "countries": "Viet Nam, Atlantis"}
    page = await browser.submit("/plans/new", **wrong, description="lines\nof text", mode="hybrid")
    assert browser.answer.status_code == 422
    form = next(form for form in page.forms if form.action == "/plans/new")
    for name, value in {**wrong, "description": "lines\nof text", "mode": "hybrid"}.items():
        assert form.values[name] == ([value] if isinstance(value, str) else value), name
    assert "<b>title" not in browser.answer.text
    summary = {attributes["href"] for tag, attributes in page.elements if tag == "a" and "#" in attributes["href"]}
    assert {"#when", "#countries"} <= summary
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {each.removeprefix("#") for each in summary} <= ids
    broken = [attributes for tag, attributes in page.elements if "aria-invalid" in attributes]
    assert {attributes["name"] for attributes in broken} == {"when", "countries"}
    for attributes in broken:
        assert set(attributes["aria-describedby"].split()) <= ids


async def test_dates_and_places_are_typed_as_people_write_them_and_shown_as_understood(house: House) -> None:
    browser = await signed_in(house, "una")
    await browser.get("/plans/new")
    typed = PLAN | {"when": "18 - 20 July", "where": "Gold Coast and Canberra"}
    page = await browser.submit("/plans/new", **typed)
    assert browser.answer.status_code == 422
    form = next(form for form in page.forms if form.action == "/plans/new")
    assert (form.values["when"], form.values["where"]) == (["18 - 20 July"], ["Gold Coast and Canberra"])
    broken = {attributes["name"] for _, attributes in page.elements if "aria-invalid" in attributes}
    assert broken == {"when", "where"}
    assert "has no year; if you mean 20" in page.text
    page = await browser.submit("/plans/new", when="18 - 20 July 2017", where="Gold Coast and Canberra, Australia")
    assert browser.answer.status_code == 200
    for words in ("2017-07-18 to 2017-07-20", "18 - 20 July 2017", "Gold Coast, AUS; Canberra, AUS"):
        assert words in page.text
    assert page.text.count("Gold Coast and Canberra, Australia") == 1


async def test_who_takes_part_and_how_many_are_posted_and_shown(house: House) -> None:
    browser = await signed_in(house, "una")
    await browser.get("/plans/new")
    page = await browser.submit(
        "/plans/new", **PLAN, participants_planned="25", partners="World Bank (StAR)\ninterpol\nAMLO"
    )
    assert "25 planned" in page.text
    for words in ("World Bank (StAR)", "INTERPOL", "AMLO"):
        assert words in page.text
    await browser.get("/plans/new")
    page = await browser.submit("/plans/new", **PLAN, participants_planned="some", partners="nobody-known")
    assert browser.answer.status_code == 422
    broken = {attributes["name"] for tag, attributes in page.elements if "aria-invalid" in attributes}
    assert "participants_planned" in broken
    page = await browser.submit("/plans/new", participants_planned="25", partners="nobody-known")
    broken = {attributes["name"] for tag, attributes in page.elements if "aria-invalid" in attributes}
    assert broken == {"partners"}


async def test_the_form_asks_for_little_and_says_who_will_see_it(house: House) -> None:
    browser = await signed_in(house, "una")
    page = await browser.get("/plans/new")
    form = next(form for form in page.forms if form.action == "/plans/new")
    assert len(form.fields - {"token", "once"}) <= 14
    assert form.values["tlp"] == ["AMBER"]
    for words in ("Everybody, without signing in", "Every signed-in partner", "Only the people named on the plan"):
        assert words in page.text


async def test_a_plan_is_posted_once_however_often_the_button_is_pressed(house: House) -> None:
    browser = await signed_in(house, "una")
    await browser.get("/plans/new")
    first = browser.page
    title = f"Pressed twice {secrets.token_hex(4)}"
    await browser.submit("/plans/new", **PLAN | {"title": title, "when": "2028-01"})
    made = browser.path
    browser.page = first
    await browser.submit("/plans/new", **PLAN | {"title": title, "when": "2028-01"})
    assert browser.path == made
    plans = [each async for each in house.client("una").plans.list() if each.title == title]
    assert len(plans) == 1


async def test_after_posting_the_similar_plans_and_the_alert_are_shown(house: House) -> None:
    browser = await signed_in(house, "una")
    await browser.get("/plans/new")
    await browser.submit("/plans/new", **PLAN)
    mine = browser.path.rsplit("/", 1)[1]
    other = await signed_in(house, "ian")
    await other.get("/plans/new")
    page = await other.submit("/plans/new", **PLAN | {"title": "Forensics course for Vietnamese prosecutors"})
    assert "Posted." in page.text
    assert PLAN["title"] in page.text.split("Similar plans")[1]
    alert = await house.alert_of("cora", mine)
    assert alert.kind == "duplicate"


async def test_a_coordinator_decides_and_takes_it_back(house: House) -> None:
    plan = {
        **PLAN,
        "title": "Malware for judges",
        "themes": ["malware"],
        "audiences": ["judges"],
        "when": "5 - 6 February 2029",
    }
    ids = []
    for name in ("una", "ian"):
        browser = await signed_in(house, name)
        await browser.get("/plans/new")
        await browser.submit("/plans/new", **plan | {"where": "Nairobi, Kenya", "countries": "Kenya"})
        ids.append(browser.path.rsplit("/", 1)[1])
    alert = await house.alert_of("cora", ids[0])
    browser = await signed_in(house, "cora")
    page = await browser.get(f"/alerts/{alert.id}")
    assert alert.sentence in page.text
    assert "What speaks for and against" in page.text
    assert "(over 99 %)" in page.text
    action = f"/alerts/{alert.id}/decisions"
    page = await browser.submit(action, {"verdict": "link"}, reason="One <i>training</i>")
    assert browser.path == f"/alerts/{alert.id}"
    assert "decided" in page.text
    assert "&lt;i&gt;" in browser.answer.text
    assert not [form for form in page.forms if form.action == action]
    una = house.client("una")
    own = [(await una.plans.get(each)).activity for each in ids]
    assert {tuple((await una.activities.get(str(each))).plans or ()) for each in own} == {tuple(sorted(ids))}
    reversal = next(form.action for form in page.forms if "reversal" in form.action)
    page = await browser.submit(reversal)
    assert "reversed" in page.text
    assert [(await una.activities.get(str(each))).plans for each in own] == [[each] for each in ids]


async def test_a_decision_that_is_refused_says_why_and_keeps_the_reason(house: House) -> None:
    plan = {**PLAN, "title": "Darknet for police", "themes": ["darknet"], "when": "2029-06-05 to 2029-06-06"}
    for name in ("una", "ian"):
        browser = await signed_in(house, name)
        await browser.get("/plans/new")
        await browser.submit("/plans/new", **plan)
    alert = await house.alert_of("cora", browser.path.rsplit("/", 1)[1])
    browser = await signed_in(house, "cora")
    await browser.get(f"/alerts/{alert.id}")
    action = f"/alerts/{alert.id}/decisions"
    page = await browser.submit(action, {"verdict": "snooze"}, reason="later, please", until="2001-01-01")
    assert browser.answer.status_code == 422
    assert "Not decided yet" in page.text
    form = next(form for form in page.forms if form.action == action)
    assert form.values["reason"] == ["later, please"]


async def test_an_invitation_is_used_up_by_the_button_alone(house: House) -> None:
    code = await house.invite(name="Nia", roles=["focal_point"], partners=["itu"])
    robot = house.browser()
    for _ in range(3):
        page = await robot.get(f"/join/{code}")
        assert "cvn_" not in page.text
    browser = house.browser()
    await browser.get(f"/join/{code}")
    page = await browser.submit(f"/join/{code}")
    key = next(word for word in page.text.split() if word.startswith("cvn_"))
    await house.known(key)
    assert "Nia" in (await browser.get("/")).text
    await browser.get("/plans/new")
    page = await browser.submit("/plans/new", **PLAN | {"title": "By an invited person", "when": "1 January 2030"})
    assert "By an invited person" in page.text
    page = await robot.submit(f"/join/{code}")
    assert "does not work" in page.text
    assert "cvn_" not in page.text


async def test_what_is_invented_is_marked_in_the_list_of_alerts(house: House) -> None:
    body = {"title": "Real course", "type": "training", "start": "2030-03-03", "end": "2030-03-05"}
    body |= {"venues": [{"city": "Quito", "country": "ECU"}], "audiences": ["judges"], "themes": ["malware"]}
    await house.client("ian").plans.post(body)
    plan = await house.client("una").plans.post(body | {"title": "Invented course", "illustrative": True})
    await house.alert_of("cora", plan.id)
    browser = await signed_in(house, "cora")
    page = await browser.get("/alerts")
    words = " ".join(page.text.split())
    assert "Invented course illustrative" in words
    assert "Real course illustrative" not in words


async def test_a_blind_alert_tells_whom_to_call_and_no_more(house: House) -> None:
    hidden = {"title": "Secret title", "type": "training", "start": "2031-03-03", "end": "2031-03-05", "tlp": "AMBER"}
    place = {"venues": [{"city": "Lima", "country": "PER"}], "audiences": ["judges"], "themes": ["ransomware"]}
    await house.client("ian").plans.post(hidden | place)
    plan = await house.client("una").plans.post(hidden | place | {"title": "Open title", "tlp": "GREEN"})
    alert = await house.alert_of("una", plan.id)
    assert alert.blind
    browser = await signed_in(house, "una")
    page = await browser.get(f"/alerts/{alert.id}")
    assert "the other partner's focal point" in page.text
    assert "Open title" in page.text
    assert "Secret title" not in browser.answer.text
    assert "INTERPOL" not in browser.answer.text
    assert not [form for form in page.forms if "decisions" in form.action]


async def test_plans_for_everybody_are_seen_without_signing_in(house: House) -> None:
    title = f"Open to all {secrets.token_hex(4)}"
    body = {"title": title, "type": "conference", "start": "2032"}
    await house.client("una").plans.post(body, tlp="CLEAR")
    await house.client("una").plans.post(body, title=f"Not {title}", tlp="GREEN")
    page = await house.browser().get("/plans")
    assert title in page.text
    assert f"Not {title}" not in page.text


STRICT = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
}


async def test_a_form_of_ours_that_another_site_sends_does_nothing(house: House) -> None:
    """With our own token in it and our cookies: the browser says where it was sent from."""
    browser = await signed_in(house, "una")
    await browser.get("/plans/new")
    form = next(form for form in browser.page.forms if form.action == "/plans/new")
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 422)):
        answer = await browser._http.post("/plans/new", data=form.values, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == status, site


async def test_every_page_is_strict_and_has_no_script(house: House) -> None:
    browser = await signed_in(house, "cora")
    for path in ("/", "/plans", "/plans/new", "/alerts", "/alerts?status=all", "/join/x", "/nonsense", "/plans/plan_x"):
        page = await browser.get(path)
        policy = browser.answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        for name, value in STRICT.items():
            assert browser.answer.headers[name] == value, (path, name)
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"script", "style", "iframe", "img"}, path
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
        assert not [attributes for _, attributes in page.elements if "style" in attributes]
    assert (await browser.get("/static/convene.css")) is not None
    assert browser.answer.headers["content-type"].startswith("text/css")
    assert browser.answer.headers["x-content-type-options"] == "nosniff"


async def test_every_field_has_a_label(house: House) -> None:
    browser = await signed_in(house, "cora")
    for path in ("/plans/new", "/alerts"):
        page = await browser.get(path)
        labelled = {attributes["for"] for tag, attributes in page.elements if tag == "label"}
        for tag, attributes in page.elements:
            if tag in {"input", "select", "textarea"} and attributes.get("type") != "hidden":
                assert attributes["id"] in labelled, (path, attributes)
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))


async def test_a_revoked_key_is_signed_out(house: House) -> None:
    await house.join("otto", roles=["reader"])
    browser = await signed_in(house, "otto")
    keys = [each async for each in house.client("otto").keys.list()]
    await house.client("otto").keys.revoke(keys[0].id)

    async def refused() -> bool:
        await browser.get("/alerts")
        return browser.answer.status_code == 401

    await until(refused)
    assert "Sign in" in (await browser.get("/")).text
