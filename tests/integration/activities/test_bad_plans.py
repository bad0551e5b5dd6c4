"""Plans that cannot be taken: the problem names the field or the limit, and nothing is written."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from services.activities.orm import known
from tests.integration.activities.scene import Scene
from tests.support.activities import NORA, WANDA, training
from tests.support.people import introduce, person

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"Content-Type": "application/json"}


FIELDS: list[tuple[str, dict[str, Any], str, str]] = [
    ("a country nobody knows", {"venues": [{"country": "Lybia"}]}, "#/venues/0/country", "Libya"),
    ("a country nobody knows, second", {"beneficiary_countries": ["KEN", "Keniya"]}, "#/beneficiary_countries/1", "Kenya"),
    ("a region nobody knows", {"beneficiary_regions": ["999"]}, "#/beneficiary_regions/0", "M49"),
    ("no such type", {"type": "party"}, "#/type", "training"),
    ("no such status", {"status": "maybe"}, "#/status", "tentative"),
    ("no such audience", {"audiences": ["judges", "police"]}, "#/audiences/1", "police"),
    ("no such theme", {"themes": ["everything"]}, "#/themes/0", "vocabularies"),
    ("no such level", {"level": "expert"}, "#/level", "advanced"),
    ("no such mode", {"mode": "by_post"}, "#/mode", "hybrid"),
    ("no such label", {"tlp": "PURPLE"}, "#/tlp", "AMBER+STRICT"),
    ("no such role", {"partners": [{"name": "X", "role": "boss"}]}, "#/partners/0/role", "implementer"),
    ("no such funding status", {"funders": [{"name": "X", "status": "?"}]}, "#/funders/0/status", "?"),
    ("end before start", {"start": "2027-04-27", "end": "2027-04-25"}, "#/end", "before the start"),
    ("an end alone", {"start": None, "end": "2027-04-25"}, "#/start", "no start"),
    ("no date at all", {"start": "tomorrow", "end": None}, "#/start", "2017-04-25"),
    ("a day that never was", {"start": "2027-02-30", "end": None}, "#/start", "2027-02-30"),
    ("finer than the date", {"start": "2027-05", "end": None, "precision": "day"}, "#/precision", "month"),
    ("no such precision", {"precision": "decade"}, "#/precision", "quarter"),
    ("a title of 10 kB", {"title": "x" * 10_240}, "#/title", "500"),
    ("an empty title", {"title": ""}, "#/title", "1"),
    ("a blank title", {"title": " \n "}, "#/title", "title"),
    ("a title that is a number", {"title": 7}, "#/title", "string"),
    ("no title", {"title": None}, "#/title", "string"),
    ("an unknown field", {"colour": "red"}, "#/colour", "not permitted"),
    ("an unknown field inside", {"venues": [{"town": "Kandy"}]}, "#/venues/0/town", "not permitted"),
    ("a field of the answer", {"owner": "org_1"}, "#/owner", "not permitted"),
    ("not a list", {"venues": "Colombo"}, "#/venues", "list"),
    ("not a number", {"participants_planned": "many"}, "#/participants_planned", "integer"),
    ("fewer than none", {"participants_planned": -1}, "#/participants_planned", "0"),
    ("too many venues", {"venues": [{"city": str(n)} for n in range(21)]}, "#/venues", "20"),
    ("too many codes", {"mandates": ["m"] * 101}, "#/mandates", "100"),
    ("too long a text", {"description": "x" * 20_001}, "#/description", "20000"),
    ("a debt", {"funders": [{"name": "X", "amount": "-5"}]}, "#/funders/0/amount", "12500.00"),
    ("not an amount", {"funders": [{"name": "X", "amount": "a lot"}]}, "#/funders/0/amount", "12500.00"),
    ("not a finite amount", {"funders": [{"name": "X", "amount": "Infinity"}]}, "#/funders/0/amount", "12500.00"),
    ("an absurd amount", {"funders": [{"name": "X", "amount": "1e400"}]}, "#/funders/0/amount", "12500.00"),
    ("an amount of a billion digits", {"funders": [{"name": "X", "amount": "1e-999999999"}]}, "#/funders/0/amount", "12500.00"),
    ("yes as an amount", {"funders": [{"name": "X", "amount": True}]}, "#/funders/0/amount", ""),
    ("not a currency", {"funders": [{"name": "X", "currency": "usd"}]}, "#/funders/0/currency", "ISO 4217"),
    ("not a language", {"languages": ["en", "English!"]}, "#/languages/1", "BCP 47"),
    ("not a web address", {"url": "javascript:alert(1)"}, "#/url", "https://"),
    ("a partner without a name", {"partners": [{}]}, "#/partners/0", "organisation"),
    ("a funder without a name", {"funders": [{"amount": 5}]}, "#/funders/0", "organisation"),
    ("an unknown partner", {"partners": [{"organisation": "nobody"}]}, "#/partners/0/organisation", "registry"),
    ("an unknown funder", {"funders": [{"organisation": "nobody"}]}, "#/funders/0/organisation", "registry"),
    ("part of nothing", {"part_of": "plan_1"}, "#/part_of", "no such plan"),
    ("follow-up of nothing", {"follow_up_of": "plan_1"}, "#/follow_up_of", "no such plan"),
    ("named people for everybody", {"named_people": [NORA.id]}, "#/named_people", "RED"),
    ("unknown people", {"tlp": "RED", "named_people": [NORA.id, "per_1"]}, "#/named_people/1", "person"),
    ("an unknown trainer", {"trainers": [NORA.id, "per_1"]}, "#/trainers/1", "person"),
    ("somebody else's organisation", {"organisation": "interpol"}, "#/organisation", "not post"),
    ("an unknown organisation", {"organisation": "nobody"}, "#/organisation", "registry"),
    ("no confidence", {"provenance": {"confidence": "some"}}, "#/provenance/confidence", "medium"),
    ("a series without a name", {"series": {"edition": "2"}}, "#/series/name", "required"),
]  # fmt: skip


@pytest.mark.parametrize("path", ["/plans", "/plans:check"])
@pytest.mark.parametrize(
    ("changes", "pointer", "says"), [each[1:] for each in FIELDS], ids=[each[0] for each in FIELDS]
)
async def test_a_field_that_is_wrong_is_named(
    scene: Scene, path: str, changes: dict[str, Any], pointer: str, says: str
) -> None:
    problem = await scene.refused(422, pointer, "POST", path, json=training(**changes))
    assert says in " ".join(each["detail"] for each in problem["errors"])


async def test_everything_that_is_wrong_is_said_at_once(scene: Scene) -> None:
    body = training(type="party", venues=[{"country": "Lybia"}], start="2027-05-02", end="2027-05-01", url="x")
    problem = await scene.refused(422, "#/type", "POST", "/plans", json=body)
    assert {each["pointer"] for each in problem["errors"]} == {"#/type", "#/venues/0/country", "#/end", "#/url"}


async def test_a_status_that_no_plan_begins_with(scene: Scene) -> None:
    for status in ("completed", "postponed", "cancelled"):
        await scene.refused(409, "#/status", "POST", "/plans", json=training(status=status))


async def test_a_hidden_plan_is_refused_in_the_words_for_one_that_is_not_there(on_both: Scene) -> None:
    for name in ("part_of", "follow_up_of"):
        hidden, missing = [
            await on_both.refused(422, f"#/{name}", "POST", "/plans", json=training(**{name: plan}))
            for plan in (on_both.red["id"], "plan_" + "0" * 32)
        ]
        assert hidden["errors"] == missing["errors"]


BODIES: list[tuple[str, bytes, int, str]] = [
    ("broken", b'{"title": ', 400, "#"),
    ("not UTF-8", b'{"title": "\xff"}', 400, "#"),
    ("empty", b"", 422, "#"),
    ("a list", b"[]", 422, "#"),
    ("null", b"null", 422, "#"),
    ("not a number", b'{"title": "x", "participants_planned": NaN}', 400, "#"),
    ("a name twice", b'{"title": "x", "title": "y"}', 400, "#"),
    ("beyond 64 bits", b'{"title": "x", "participants_planned": 99999999999999999999}', 400, "#/participants_planned"),
    ("NUL", rb'{"title": "a\u0000b", "type": "training"}', 422, "#/title"),
    ("a lone surrogate", rb'{"title": "a\ud800b", "type": "training"}', 422, "#/title"),
    ("NUL in a name", rb'{"a\u0000": 1}', 422, "#"),
    ("NUL deep inside", rb'{"title": "x", "type": "training", "venues": [{"city": "\u0000"}]}', 422, "#/venues/0/city"),
    ("too deep", b'{"title": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, ""),
]


@pytest.mark.parametrize("path", ["/plans", "/plans:check"])
@pytest.mark.parametrize(("raw", "status", "pointer"), [each[1:] for each in BODIES], ids=[each[0] for each in BODIES])
async def test_a_body_that_cannot_be_read(scene: Scene, path: str, raw: bytes, status: int, pointer: str) -> None:
    await scene.refused(status, pointer, "POST", path, content=raw, headers=JSON)


async def test_a_body_of_ten_megabytes_is_refused_by_its_length_and_by_counting(scene: Scene) -> None:
    raw = json.dumps(training(description="x" * 10_000_000)).encode()

    async def streamed() -> AsyncGenerator[bytes]:
        for start in range(0, len(raw), 65536):
            yield raw[start : start + 65536]

    for content in (raw, streamed()):
        problem = await scene.refused(413, "#", "POST", "/plans", content=content, headers=JSON)
        assert problem["limit_bytes"] == 1_000_000
        assert "1000000" in problem["detail"]


async def test_what_is_not_json_is_not_understood(scene: Scene) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": media_type}
        await scene.refused(415, "Content-Type", "POST", "/plans", content=b"title=x", headers=headers)
    await scene.refused(415, "Content-Type", "POST", "/plans", content=b'{"title": "x"}')


PATCHES: list[tuple[str, Any, int, str]] = [
    ("an unknown field", {"colour": "red"}, 422, "#/colour"),
    ("an unknown field inside", {"series": {"name": "x", "no": 1}}, 422, "#/series/no"),
    ("the owner", {"owner": "org_1"}, 422, "#/owner"),
    ("the version", {"version": 9}, 422, "#/version"),
    ("for whom", {"on_behalf_of": "itu"}, 422, "#/on_behalf_of"),
    ("no title", {"title": None}, 422, "#/title"),
    ("no type", {"type": None}, 422, "#/type"),
    ("a country nobody knows", {"venues": [{"country": "Lybia"}]}, 422, "#/venues/0/country"),
    ("end before start", {"end": "2027-04-01"}, 422, "#/end"),
    ("a step that cannot follow", {"status": "completed"}, 409, "#/status"),
    ("back to a draft", {"status": "draft"}, 409, "#/status"),
    ("named people for everybody", {"named_people": [NORA.id]}, 422, "#/named_people"),
    ("a hidden plan", {"part_of": "<red>"}, 422, "#/part_of"),
    ("part of itself", {"part_of": "<mine>"}, 422, "#/part_of"),
    ("a follow-up of itself", {"follow_up_of": "<mine>"}, 422, "#/follow_up_of"),
    ("no object", ["title"], 422, "#"),
    ("a text", "title", 422, "#"),
]


@pytest.mark.parametrize(
    ("patch", "status", "pointer"), [each[1:] for each in PATCHES], ids=[each[0] for each in PATCHES]
)
async def test_a_patch_that_is_wrong_is_named(scene: Scene, patch: Any, status: int, pointer: str) -> None:
    text = json.dumps(patch).replace("<red>", scene.red["id"]).replace("<mine>", scene.mine["id"])
    headers = {"If-Match": f'"{scene.mine["version"]}"', "Content-Type": "application/merge-patch+json"}
    await scene.refused(status, pointer, "PATCH", f"/plans/{scene.mine['id']}", content=text, headers=headers)


async def test_a_cancelled_plan_stays_as_it_is(scene: Scene) -> None:
    current = {"If-Match": f'"{scene.cancelled["version"]}"'}
    path = f"/plans/{scene.cancelled['id']}"
    await scene.refused(409, "#/status", "PATCH", path, json={"title": "Again"}, headers=current)
    for verb in ("confirm", "complete", "postpone"):
        await scene.refused(409, "#/status", "POST", f"{path}:{verb}", headers=current)


async def test_a_stranger_to_every_organisation_is_asked_for_whom(scene: Scene) -> None:

    stranger = person("sten")
    await introduce(scene.service.db, known, [stranger], [])
    await scene.refused(422, "#/organisation", "POST", "/plans", stranger, json=training())


async def test_a_plan_too_large_for_one_event_is_refused_by_its_limit(on_both: Scene) -> None:
    """256 kB is what one event may hold, and a plan's event holds the plan."""
    body = training(outcomes=["x" * 2000] * 100, description="é" * 20_000, source_text="é" * 20_000)
    await on_both.refused(413, "#", "POST", "/plans", WANDA, json=body)
