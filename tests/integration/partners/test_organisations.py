"""Organisations: everybody reads them, administrators write them, an identifier has one holder."""

import asyncio

from tests.integration.partners.harness import House, pointers

GFCE = {"name": "Global Forum on Cyber Expertise", "acronym": "GFCE", "type": "30", "country": "NLD"}
PATH = "/api/v1/organisations"


async def test_everybody_reads_what_an_administrator_registered(house: House) -> None:
    made = await house.call(
        "POST", PATH, GFCE | {"countries": ["KEN"], "aliases": [{"text": "FMEC", "language": "fr"}]}
    )
    assert made.status_code == 201
    by_id = await house.call("GET", made.headers["location"], key=None)
    by_slug = await house.call("GET", f"{PATH}/gfce", key=None)
    assert by_id.json() == by_slug.json() == made.json()
    assert made.json()["slug"] == "gfce"
    assert made.json()["identifiers"] == []
    assert (
        await house.call("GET", by_slug.url.path, key=None, if_none_match=by_slug.headers["etag"])
    ).status_code == 304
    name, data, _ = (await house.outbox())[-1]
    assert (name, data["slug"], data["version"], data["countries"]) == ("organisation.registered", "gfce", 1, ["KEN"])


async def test_the_list_is_filtered_and_paged(house: House) -> None:
    for number in range(5):
        await house.made(PATH, {"name": f"Ministry {number}", "type": "10", "country": "THA", "countries": ["LAO"]})
    await house.made(PATH, GFCE)
    seen, path = [], f"{PATH}?country=LAO&limit=2"
    while path:
        page = await house.call("GET", path, key=None)
        seen += [each["slug"] for each in page.json()["data"]]
        link = page.headers.get("link", "")
        assert bool(link) == bool(page.json()["next_cursor"])
        path = link.split(">")[0].removeprefix("<")
    assert seen == [f"ministry-{number}" for number in range(5)]

    async def slugs(query: str) -> list[str]:
        return [each["slug"] for each in (await house.call("GET", f"{PATH}?{query}", key=None)).json()["data"]]

    assert await slugs("type=30,40") == ["gfce", "unodc"]
    assert await slugs("q=CYBER%20exp") == ["gfce"]
    assert await slugs("q=%25") == []
    assert await slugs("country=AUT&type=40") == ["unodc"]
    assert await slugs("status=inactive") == []


async def test_only_administrators_write(house: House) -> None:
    _, reader = await house.joined()
    assert (await house.call("POST", PATH, GFCE, key=None)).status_code == 401
    assert (await house.call("POST", PATH, GFCE, key="cvn_" + "x" * 43)).status_code == 401
    assert (await house.call("POST", PATH, GFCE, key=reader)).status_code == 403
    unodc = await house.call("GET", f"{PATH}/unodc")
    denied = await house.call("PATCH", f"{PATH}/unodc", {"name": "X"}, key=reader, if_match=unodc.headers["etag"])
    assert denied.status_code == 403


async def test_an_identifier_has_one_holder_among_the_living(house: House) -> None:
    body = GFCE | {"identifiers": [{"scheme": "XI-ROR", "value": "a1"}, {"scheme": "XM-DAC", "value": "41128"}]}
    taken = await house.call("POST", PATH, body)
    assert (taken.status_code, pointers(taken)) == (409, ["#/identifiers/1"])
    unodc = await house.call("GET", f"{PATH}/unodc")
    patch = {"status": "inactive"}
    assert (await house.call("PATCH", f"{PATH}/unodc", patch, if_match=unodc.headers["etag"])).status_code == 200
    assert (await house.call("POST", PATH, body)).status_code == 201
    back = await house.call("PATCH", f"{PATH}/unodc", {"status": "active"}, if_match='"2-x"')
    assert (back.status_code, pointers(back)) == (409, ["#/identifiers/0"])


async def test_of_two_that_claim_an_identifier_at_once_one_gets_it(house: House) -> None:
    bodies = [
        {"name": f"Claimant {number}", "type": "22", "identifiers": [{"scheme": "GB-COH", "value": "77"}]}
        for number in range(6)
    ]
    answers = await asyncio.gather(*(house.call("POST", PATH, body) for body in bodies))
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409, 409, 409]


async def test_a_patch_changes_what_it_names_and_null_removes(house: House) -> None:
    before = (await house.call("GET", f"{PATH}/unodc")).json()
    patch = {"acronym": None, "programmes": [{"code": "GPML", "name": "Global Programme against Money-Laundering"}]}
    after = await house.call("PATCH", f"{PATH}/unodc", patch, if_match='"1-x"')
    assert after.status_code == 200
    changed = {
        "acronym": None,
        "programmes": patch["programmes"],
        "version": 2,
        "updated_at": after.json()["updated_at"],
    }
    assert after.json() == before | changed
    same = await house.call("PATCH", f"{PATH}/unodc", patch, if_match=after.headers["etag"])
    assert same.headers["etag"] == after.headers["etag"]
    assert [name for name, _, _ in await house.outbox() if name.startswith("organisation")] == [
        "organisation.registered",
        "organisation.amended",
    ]


async def test_a_change_needs_the_version_that_it_is_made_to(house: House) -> None:
    missing = await house.call("PATCH", f"{PATH}/unodc", {"name": "X"})
    assert (missing.status_code, pointers(missing)) == (428, ["If-Match"])
    for tag in ('"7-x"', '"abc"'):
        stale = await house.call("PATCH", f"{PATH}/unodc", {"name": "X"}, if_match=tag)
        assert (stale.status_code, pointers(stale)) == (412, ["If-Match"])
    answers = await asyncio.gather(
        *(house.call("PATCH", f"{PATH}/unodc", {"name": f"Name {n}"}, if_match='"1-x"') for n in range(4))
    )
    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412]


async def test_no_organisation_is_above_itself(house: House) -> None:
    part = await house.made(PATH, GFCE | {"parent": "unodc"})
    assert part["parent"] == (await house.organisation("unodc"))["id"]
    circle = await house.call("PATCH", f"{PATH}/unodc", {"parent": "gfce"}, if_match='"1-x"')
    assert (circle.status_code, pointers(circle)) == (409, ["#/parent"])
    itself = await house.call("PATCH", f"{PATH}/unodc", {"parent": "unodc"}, if_match='"1-x"')
    assert (itself.status_code, pointers(itself)) == (409, ["#/parent"])
    unknown = await house.call("POST", PATH, {"name": "N", "type": "10", "parent": "nobody"})
    assert (unknown.status_code, pointers(unknown)) == (422, ["#/parent"])


async def test_bad_input_is_named(house: House) -> None:
    async def refused(change: dict[str, object]) -> list[str]:
        answer = await house.call("POST", PATH, {k: v for k, v in (GFCE | change).items() if v is not ...})
        assert answer.status_code == 422
        return pointers(answer)

    assert await refused({"country": "Kenia"}) == ["#/country"]
    assert await refused({"countries": ["KEN", "XXX"]}) == ["#/countries/1"]
    assert await refused({"type": "99"}) == ["#/type"]
    assert await refused({"status": "gone"}) == ["#/status"]
    assert await refused({"name": ...}) == ["#/name"]
    assert await refused({"name": "n" * 501}) == ["#/name"]
    assert await refused({"name": "\u200b\u200b"}) == ["#/name"]
    assert await refused({"owner": "me"}) == ["#/owner"]
    assert await refused({"slug": "Not A Slug"}) == ["#/slug"]
    assert await refused({"identifiers": [{"scheme": "dac", "value": "1"}]}) == ["#/identifiers/0/scheme"]
    assert await refused({"identifiers": [{"scheme": "XM-DAC", "value": "XM-DAC-41122"}]}) == ["#/identifiers/0/value"]
    assert await refused({"identifiers": [{"scheme": "XM-DAC", "value": "1"}] * 2}) == ["#/identifiers/1"]
    assert await refused({"aliases": [{"text": "a", "language": "klingon language"}]}) == ["#/aliases/0/language"]
    slug = await house.call("POST", PATH, GFCE | {"slug": "unodc"})
    assert (slug.status_code, pointers(slug)) == (409, ["#/slug"])
    nothing = await house.call("PATCH", f"{PATH}/unodc", {"name": None}, if_match='"1-x"')
    assert (nothing.status_code, pointers(nothing)) == (422, ["#/name"])
    for query, pointer in (
        ("country=Kenia", "?country"),
        ("typ=40", "?typ"),
        ("cursor=x", "?cursor"),
        ("limit=0", "?limit"),
    ):
        answer = await house.call("GET", f"{PATH}?{query}")
        assert (answer.status_code, pointers(answer)) == (400, [pointer])
    hint = await house.call("POST", PATH, GFCE | {"country": "Kenia"})
    assert "KEN" in hint.json()["errors"][0]["detail"]


async def test_what_is_no_json_of_ours_is_refused(house: House) -> None:
    for raw, status in (
        (b'{"name": ', 400),
        (b'{"name": "a\\u0000", "type": "40"}', 422),
        (b'{"name": "\\ud800", "type": "40"}', 422),
        (b"x" * 1_000_001, 413),
    ):
        answer = await house.call("POST", PATH, raw, content_type="application/json")
        assert answer.status_code == status, answer.text
        assert pointers(answer)
    text = await house.call("POST", PATH, b"name=x", content_type="text/plain")
    assert text.status_code == 415


async def test_a_repeat_with_one_key_registers_once(house: House) -> None:
    first = await house.call("POST", PATH, GFCE, idempotency_key="one")
    again = await house.call("POST", PATH, GFCE, idempotency_key="one")
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = await house.call("POST", PATH, GFCE | {"country": "BEL"}, idempotency_key="one")
    assert (other.status_code, pointers(other)) == (422, ["Idempotency-Key"])
    assert len([name for name, data, _ in await house.outbox() if data.get("acronym") == "GFCE"]) == 1
