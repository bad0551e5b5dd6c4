"""Dead letters over HTTP: seen without their content, tried again by the very same way, harmless when repeated."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from shared.auth import Authenticator, hash_api_key
from shared.bus.parking import dead_letter_topic
from shared.bus.port import Outgoing, Topic
from shared.cloudevent import Event, event_type, to_outgoing
from shared.deadletters import Source, deadletter_router, letter_id, place_of
from shared.registry import project
from shared.service import Runtime
from shared.web import make_app
from tests.integration.shared.toy import NOW, Toy, event, kernel, known, until

PATH = "/api/v1/toys/deadletters"
ADMIN, READER = "cvn_admin", "cvn_reader"


@dataclass
class Service:
    toy: Toy
    runtime: Runtime
    http: httpx.AsyncClient

    async def call(self, method: str, path: str = "", key: str | None = ADMIN) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return await self.http.request(method, PATH + path, headers=headers)

    async def letters(self, query: str = "") -> list[dict[str, Any]]:
        answer = await self.call("GET", query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def progress(self, name: str) -> int:
        return getattr(self.runtime.dispatchers[self.toy.consumer].progress, name)


@pytest.fixture
async def service(toy: Toy) -> AsyncIterator[Service]:
    async def prepare() -> None:
        async with toy.db.write() as session:
            for person, key, role in (("per_a", ADMIN, "administrator"), ("per_r", READER, "reader")):
                for name, data in (
                    ("person.added", {"id": person, "partners": [], "roles": [role], "active": True}),
                    ("api_key.issued", {"id": key, "hash": hash_api_key(key), "person": person, "scopes": []}),
                ):
                    about = Event("e", "/p", event_type(name), data["id"], 1, NOW, data)  # type: ignore[arg-type]
                    await project(session, known, about)

    runtime = Runtime("toys", toy.db, kernel, toy.bus, toy.clock, (toy.topic,), prepare)
    runtime.subscribe(toy.subscription)
    app = make_app("toys", "", runtime.lifespan, max_body_bytes=1000)
    app.state.authenticator = Authenticator(toy.db, known, toy.clock)
    app.include_router(deadletter_router(runtime, "toys"))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            made = Service(toy, runtime, http)
            await until(lambda: runtime._connected.is_set())  # pyright: ignore[reportPrivateUsage]
            yield made


async def test_a_parked_message_is_shown_without_its_content_and_applied_after_the_fix(service: Service) -> None:
    toy = service.toy
    toy.failing["poison"] = lambda: ValueError("canary")
    await toy.publish(event("a", 1), event("poison", 1), event("b", 1))
    await until(lambda: service.progress("applied") == 2 and service.progress("parked") == 1)
    (letter,) = await service.letters()
    assert (letter["consumer"], letter["subject"], letter["sequence"]) == (toy.consumer, "poison", 1)
    assert (letter["type"], letter["attempts"], letter["settled"]) == ("org.convene.toy.made.v1", 5, False)
    assert letter["error"].startswith("ValueError at ")
    assert "canary" not in repr(letter)
    one = await service.call("GET", f"/{letter['id']}")
    assert one.json() == letter

    again = await service.call("POST", f"/{letter['id']}:retry")
    assert (again.status_code, again.json()["error"]) == (409, "ValueError")
    assert "canary" not in again.text
    toy.failing.clear()
    fixed = await service.call("POST", f"/{letter['id']}:retry")
    assert (fixed.status_code, fixed.json()["outcome"]) == (200, "applied")
    repeated = await service.call("POST", f"/{letter['id']}:retry")
    assert repeated.json()["outcome"] == "settled"
    assert await toy.effects() == {"a": (1, 1), "b": (1, 1), "poison": (1, 1)}
    assert await service.letters() == []
    assert [each["settled"] for each in await service.letters("?status=settled")] == [True]
    async with toy.db.read() as session:
        notes = [(row.actor, row.subject, row.detail["outcome"]) for row in await session.execute(select(kernel.audit))]
    assert notes == [("per_a", "poison", "applied"), ("per_a", "poison", "settled")]


async def test_a_late_retry_of_old_state_changes_nothing(service: Service) -> None:
    toy = service.toy
    toy.failing["a"] = ValueError
    await toy.publish(event("a", 1))
    await until(lambda: service.progress("parked") == 1)
    (letter,) = await service.letters()
    toy.failing.clear()
    await toy.publish(event("a", 2))
    await until(lambda: service.progress("applied") == 1)
    assert await service.letters() == []  # newer state is there: nobody needs to look at it
    late = await service.call("POST", f"/{letter['id']}:retry")
    assert late.json()["outcome"] == "settled"
    assert await toy.effects() == {"a": (2, 1)}


async def test_the_list_is_paged_and_filtered(service: Service) -> None:
    toy = service.toy
    subjects = [f"s{number}" for number in range(7)]
    for subject in subjects:
        toy.failing[subject] = ValueError
    await toy.publish(*(event(subject, 1) for subject in subjects))
    await until(lambda: service.progress("parked") == 7)
    found, path = [], "?limit=3"
    while path:
        page = await service.call("GET", path)
        found += [each["subject"] for each in page.json()["data"]]
        cursor = page.json()["next_cursor"]
        assert ("link" in page.headers) == bool(cursor)
        path = f"?limit=3&cursor={cursor}" if cursor else ""
    assert sorted(found) == subjects
    assert await service.letters("?consumer=toy.other") == []
    for query in ("?status=lost", "?limit=0", "?cursor=%21", "?colour=red"):
        assert (await service.call("GET", query)).status_code == 400


async def test_what_is_no_event_is_shown_and_fails_by_name(service: Service) -> None:
    await service.toy.bus.publish([Outgoing(service.toy.topic, "k", b"\xff", (("ce_id", b"x"),))])
    await until(lambda: service.progress("parked") == 1)
    (letter,) = await service.letters("?status=all")
    assert (letter["event"], letter["subject"], letter["settled"]) == (None, None, False)
    again = await service.call("POST", f"/{letter['id']}:retry")
    assert (again.status_code, again.json()["error"]) == (409, "MalformedEvent")


async def test_a_database_that_is_away_is_not_a_failure_of_the_letter(service: Service) -> None:
    service.toy.failing["a"] = ValueError
    await service.toy.publish(event("a", 1))
    await until(lambda: service.progress("parked") == 1)
    (letter,) = await service.letters()
    service.toy.failing["a"] = ConnectionRefusedError
    again = await service.call("POST", f"/{letter['id']}:retry")
    assert (again.status_code, again.headers["retry-after"]) == (503, "2")


async def test_only_administrators_look(service: Service) -> None:
    letter = letter_id(service.toy.dead_letters, 0, 0)
    for method, path in (("GET", ""), ("GET", f"/{letter}"), ("POST", f"/{letter}:retry")):
        assert (await service.call(method, path, key=None)).status_code == 401
        assert (await service.call(method, path, key=READER)).status_code == 403


async def test_an_unknown_letter_is_a_404(service: Service) -> None:
    dlq = service.toy.dead_letters
    for letter in (
        letter_id(dlq, 0, 0),
        letter_id(dlq, 3, 0),
        letter_id(service.toy.topic, 0, 0),
        letter_id("x", 0, 0),
        "x",
        "\u00e9",
    ):
        assert (await service.call("GET", f"/{letter}")).status_code == 404, letter
        assert (await service.call("POST", f"/{letter}:retry")).status_code == 404


async def test_a_reader_that_is_no_subscription_has_its_letters_here_too(service: Service) -> None:
    tried: list[int] = []

    async def apply(delivered: Any) -> bool:
        tried.append(delivered.offset)
        return True

    async def done(_: Any, found: Event) -> bool:
        return found.sequence in tried

    source = Source("toy.feed", (service.toy.topic,), apply, lambda _: True, done)
    dlq = dead_letter_topic(service.toy.topic, "toy.feed")
    await service.toy.bus.create_topics([Topic(dlq, 1)])
    await service.toy.bus.publish([to_outgoing(dlq, event("a", number)) for number in range(3)])
    app = service.http._transport.app  # type: ignore[attr-defined]
    app.include_router(deadletter_router(service.runtime, "feeds", others=[source]))
    headers = {"authorization": f"Bearer {ADMIN}"}
    listed = (await service.http.get("/api/v1/feeds/deadletters", headers=headers)).json()["data"]
    assert [each["sequence"] for each in listed] == [0, 1, 2]
    answer = await service.http.post(f"/api/v1/feeds/deadletters/{listed[1]['id']}:retry", headers=headers)
    assert (answer.json()["outcome"], tried) == ("applied", [1])
    listed = (await service.http.get("/api/v1/feeds/deadletters", headers=headers)).json()["data"]
    assert [each["sequence"] for each in listed] == [0, 2]


def test_a_letters_id_is_one_segment_of_a_path_and_comes_back() -> None:
    for place in (("partners.v1.dlq.activities.registry", 0, 0), ("t", 5, 10**12)):
        assert place_of(letter_id(*place)) == place
        assert letter_id(*place).replace("-", "").replace("_", "").isalnum()
    for wrong in ("", "x", letter_id("t", 0, 0) + "=", letter_id("t", 0, -1), "A" * 5):
        assert place_of(wrong) is None
