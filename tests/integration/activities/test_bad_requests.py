"""Requests that cannot be followed: credentials, headers, addresses, parameters, decisions. Nothing is written."""

import base64
import json
from typing import Any

import pytest

from tests.integration.activities.scene import RITA, Scene
from tests.support.activities import CORA, IVAN, NORA, training

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"Content-Type": "application/json"}


def _token(**header: Any) -> str:
    parts = [json.dumps(each).encode() for each in ({"alg": "Ed25519", "typ": "at+jwt", **header}, {"sub": NORA.id})]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + ".AAAA"


CREDENTIALS = {
    "no key of ours": "Bearer cvn_nobody",
    "empty": "Bearer ",
    "another scheme": "Basic bm9yYTpzZWNyZXQ=",
    "no token": "Bearer a.b.c",
    "a token of an unknown key": "Bearer " + _token(kid="kid_1"),
    "a token without a key": "Bearer " + _token(),
    "a token whose key is NUL": "Bearer " + _token(kid="\x00"),
    "a token whose key is a surrogate": "Bearer " + _token(kid="\ud800"),
    "a token whose key is a number": "Bearer " + _token(kid=7),
    "a token of no algorithm": "Bearer " + _token(alg="none", kid="kid_1"),
}


@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS)
async def test_wrong_credentials_are_refused_where_none_are_needed_too(on_both: Scene, credential: str) -> None:
    headers = {"Authorization": credential}
    for method, path in (("POST", "/plans"), ("GET", "/plans"), ("GET", "/alerts"), ("GET", "/vocabularies")):
        if path == "/vocabularies":
            continue
        answer = await on_both.send(
            method, path, None, headers=headers, **({"json": training()} if method == "POST" else {})
        )
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "token is needed" in answer.json()["detail"]


async def test_without_credentials_nothing_is_written(scene: Scene) -> None:
    plan, alert = scene.mine["id"], scene.alert["id"]
    for method, path in (
        ("POST", "/plans"), ("POST", "/plans:check"), ("PATCH", f"/plans/{plan}"), ("POST", f"/plans/{plan}:cancel"),
        ("GET", "/alerts"), ("GET", f"/alerts/{alert}"), ("POST", f"/alerts/{alert}/decisions"),
        ("POST", "/decisions/dec_1/reversal"), ("GET", "/decisions/dec_1"),
    ):  # fmt: skip
        body = {} if method == "GET" else {"json": training()}
        await scene.refused(401, "", method, path, None, **body)


async def test_a_reader_posts_nothing_and_a_focal_point_decides_nothing(scene: Scene) -> None:
    await scene.refused(403, "", "POST", "/plans", RITA, json=training())
    await scene.refused(403, "#/on_behalf_of", "POST", "/plans", json=training(on_behalf_of="interpol"))
    await scene.refused(403, "", "POST", f"/alerts/{scene.alert['id']}/decisions", json={"verdict": "link"},
                        headers={"Idempotency-Key": "a"})  # fmt: skip


async def test_a_coordinator_says_for_whom(scene: Scene) -> None:
    await scene.refused(422, "#/organisation", "POST", "/plans", CORA, json=training())
    await scene.refused(422, "#/on_behalf_of", "POST", "/plans", CORA, json=training(on_behalf_of="nobody"))


async def test_a_key_used_with_another_body(on_both: Scene) -> None:
    headers = {"Idempotency-Key": "a plan of mine"}
    # elsewhere, or it would be a side of the scene's alert
    once = training(title="Once", start="2031-05-01", end="2031-05-02", venues=[{"country": "FJI"}])
    first = await on_both.send("POST", "/plans", json=once, headers=headers)
    await on_both.service.settled()
    before = await on_both.rows()
    again = await on_both.send("POST", "/plans", json=once, headers=headers)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    assert again.headers["location"] == first.headers["location"]
    assert await on_both.rows() == before
    await on_both.refused(422, "Idempotency-Key", "POST", "/plans", json=training(title="Twice"), headers=headers)
    other = await on_both.send("POST", "/plans", IVAN, json=once, headers=headers)
    assert other.json()["id"] != first.json()["id"]
    await on_both.service.settled()


@pytest.mark.parametrize("key", ["k" * 201, "", "a\tb"])
async def test_a_key_that_is_none(scene: Scene, key: str) -> None:
    await scene.refused(400, "Idempotency-Key", "POST", "/plans", json=training(), headers={"Idempotency-Key": key})


@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_changes_name_the_version_they_change(on_both: Scene, method: str) -> None:
    path = f"/plans/{on_both.mine['id']}" + (":cancel" if method == "POST" else "")
    body = {"json": {"level": "advanced"}} if method == "PATCH" else {}
    await on_both.refused(428, "If-Match", method, path, **body)
    for tag in ('"7-0123"', '"0"', '"abc"', "*", '"99999999999999999999"', "\xb2"):
        await on_both.refused(412, "If-Match", method, path, headers={"If-Match": tag.encode("latin-1")}, **body)


async def test_somebody_elses_plan_and_one_that_is_not_there(on_both: Scene) -> None:
    current = {"If-Match": f'"{on_both.mine["version"]}"'}
    for who, plan, status in ((IVAN, on_both.mine, 403), (NORA, on_both.red, 404), (NORA, {"id": "plan_1"}, 404)):
        for method, tail in (("PATCH", ""), ("POST", ":confirm"), ("POST", ":claim")):
            body = {"json": {"level": "advanced"}} if method == "PATCH" else {}
            await on_both.refused(status, "", method, f"/plans/{plan['id']}{tail}", who, headers=current, **body)


DECISIONS: list[tuple[str, dict[str, Any], str]] = [
    ("no verdict", {}, "#/verdict"),
    ("no such verdict", {"verdict": "perhaps"}, "#/verdict"),
    ("a plan that is no side", {"verdict": "link", "plans": ["<mine>", "plan_1"]}, "#/plans/1"),
    ("one plan linked", {"verdict": "link", "plans": ["<mine>"]}, "#/plans"),
    ("all apart from the rest", {"verdict": "distinct", "plans": ["<mine>", "<twin>"]}, "#/plans"),
    ("one plan asked to move", {"verdict": "ask_to_move", "plans": ["<mine>"]}, "#/plans"),
    ("snoozed for ever", {"verdict": "snooze"}, "#/until"),
    ("snoozed into the past", {"verdict": "snooze", "until": "2020-01-01T00:00:00Z"}, "#/until"),
    ("before time began", {"verdict": "snooze", "until": "0001-01-01T00:00:00+14:00"}, "#/until"),
    ("after time ends", {"verdict": "snooze", "until": "9999-12-31T23:59:59-14:00"}, "#/until"),
    ("no time zone", {"verdict": "snooze", "until": "2090-01-01T00:00:00"}, "#/until"),
    ("no time", {"verdict": "snooze", "until": "soon"}, "#/until"),
    ("until with a link", {"verdict": "link", "until": "2090-01-01T00:00:00Z"}, "#/until"),
    ("too long a reason", {"verdict": "link", "reason": "x" * 2001}, "#/reason"),
    ("an unknown field", {"verdict": "link", "colour": 1}, "#/colour"),
]


@pytest.mark.parametrize(("body", "pointer"), [each[1:] for each in DECISIONS], ids=[each[0] for each in DECISIONS])
async def test_a_decision_that_is_wrong_is_named(on_both: Scene, body: dict[str, Any], pointer: str) -> None:
    text = json.dumps(body).replace("<mine>", on_both.mine["id"]).replace("<twin>", on_both.twin["id"])
    headers = {"Idempotency-Key": "decision", **JSON}
    path = f"/alerts/{on_both.alert['id']}/decisions"
    await on_both.refused(422, pointer, "POST", path, CORA, content=text, headers=headers)


async def test_a_decision_needs_a_key_and_an_alert_that_is_there(scene: Scene) -> None:
    path, link = f"/alerts/{scene.alert['id']}/decisions", {"verdict": "link"}
    await scene.refused(400, "Idempotency-Key", "POST", path, CORA, json=link)
    await scene.refused(400, "Idempotency-Key", "POST", "/decisions/dec_1/reversal", CORA)
    key = {"Idempotency-Key": "b"}
    await scene.refused(404, "", "POST", "/alerts/alrt_1/decisions", CORA, json=link, headers=key)
    await scene.refused(404, "", "POST", "/decisions/dec_1/reversal", CORA, headers=key)
    await scene.refused(412, "If-Match", "POST", path, CORA, json=link, headers={**key, "If-Match": '"99"'})


QUERIES: list[tuple[str, str, str]] = [
    ("/plans", "colour=red", "?colour"),
    ("/plans", "limit=0", "?limit"),
    ("/plans", "limit=201", "?limit"),
    ("/plans", "limit=ten", "?limit"),
    ("/plans", "country=ZZZ", "?country"),
    ("/plans", "country=Kenya", "?country"),
    ("/plans", "region=999", "?region"),
    ("/plans", "theme=everything", "?theme"),
    ("/plans", "status=maybe", "?status"),
    ("/plans", "start.gte=never", "?start.gte"),
    ("/plans", "partner=%00", "?partner"),
    ("/plans", "cursor=nonsense!", "?cursor"),
    ("/alerts", "status=perhaps", "?status"),
    ("/alerts", "kind=overlapping", "?kind"),
    ("/alerts", "plan=%00", "?plan"),
    ("/alerts", f"plan={'x' * 81}", "?plan"),
    ("/activities", "country=KEN", "?country"),
    ("/vocabularies", "lang=en", "?lang"),
]


@pytest.mark.parametrize(("path", "query", "pointer"), QUERIES)
async def test_a_parameter_that_is_wrong_is_named(on_both: Scene, path: str, query: str, pointer: str) -> None:
    await on_both.refused(400, pointer, "GET", f"{path}?{query}")


@pytest.mark.parametrize("path", ["/plans", "/alerts", "/activities"])
@pytest.mark.parametrize("position", [[7], ["\x00"], ["\ud800"], [None], [], ["a", "b"], {"a": 1}, "x"])
async def test_a_cursor_that_we_never_gave(on_both: Scene, path: str, position: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")
    await on_both.refused(400, "?cursor", "GET", f"{path}?cursor={cursor}", CORA)


@pytest.mark.parametrize(
    "name", ["plan_1", "%00", "%ED%A0%80", "%FF", "x" * 3000, "..%2F..%2Fetc", "'; drop table plan"]
)
async def test_an_address_that_is_none(on_both: Scene, name: str) -> None:
    for path in (
        f"/plans/{name}",
        f"/plans/{name}/history",
        f"/alerts/{name}",
        f"/activities/{name}",
        f"/decisions/{name}",
    ):
        await on_both.refused(404, "", "GET", path, CORA)
    key = {"Idempotency-Key": "c", "If-Match": '"1"'}
    for path, body in (
        (f"/plans/{name}:cancel", {}), (f"/alerts/{name}/decisions", {"json": {"verdict": "link"}}), (f"/decisions/{name}/reversal", {}),
    ):  # fmt: skip
        await on_both.refused(404, "", "POST", path, CORA, headers=key, **body)
    await on_both.refused(404, "", "PATCH", f"/plans/{name}", json={"level": None}, headers=key)


async def test_a_method_or_a_verb_that_is_none(scene: Scene) -> None:
    answer = await scene.send("DELETE", f"/plans/{scene.mine['id']}")
    assert answer.status_code == 405
    assert answer.headers["content-type"].startswith("application/problem+json")
    await scene.refused(404, "", "POST", f"/plans/{scene.mine['id']}:explode", headers={"If-Match": '"1"'})
    await scene.refused(404, "", "GET", "/nothing")
