"""Stream tickets, and which pages of other sites may use what: what a browser's dashboard of somebody else rests on."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from services.notifications.orm import known, stream_ticket
from shared.bus.memory import MemoryBus
from shared.cors import METHODS
from shared.db import insert
from shared.reader import SERVICE
from shared.tokens import generate_key, public_part, sign
from tests.support.notifications import (
    INTERPOL,
    NORA,
    PEOPLE,
    UNODC,
    Reader,
    Service,
    opened,
    plan_fact,
    publish,
    running,
    served,
    shown,
)
from tests.support.people import Person, person

PAGE, OTHER_PAGE = "https://dashboard.example.org", "https://elsewhere.example.net"
PAGED = person("paged", [UNODC])
PAGED.origins = (PAGE,)
ELSEWHERE = person("elsewhere", [INTERPOL])
ELSEWHERE.origins = (OTHER_PAGE,)
POSTER = person("only-posts", [UNODC])
POSTER.scopes = ("post",)
TICKETS, STREAM = "/api/v1/stream-tickets", "/api/v1/stream"


@pytest.fixture
async def service(database_url: str, bus: MemoryBus) -> AsyncGenerator[Service]:
    everybody = (*PEOPLE, PAGED, ELSEWHERE, POSTER)
    async with running(database_url, bus=bus, people=everybody, recheck_seconds=0.1, heartbeat_seconds=0.2) as one:
        yield one


@pytest.fixture
async def url(service: Service) -> AsyncGenerator[str]:
    async with served(service.app) as base:
        yield base


async def ticket(service: Service, who: Person = NORA, **headers: str) -> str:
    answer = await service.client.post(TICKETS, headers={**who.headers, **headers})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()["ticket"]


async def refusal(url: str, text: str) -> tuple[int, dict[str, Any]]:
    async with opened(url, ticket=text) as answer:
        if answer.status_code == 200:
            return 200, {}  # a stream, which does not end
        body = json.loads(await answer.aread())
        return answer.status_code, {name: value for name, value in body.items() if name != "trace_id"}


async def test_a_ticket_opens_one_stream_of_its_maker_on_any_replica(
    service: Service, url: str, bus: MemoryBus, database_url: str
) -> None:
    text = await ticket(service)
    async with (
        running(database_url, bus=bus, migrate=False) as second,
        served(second.app) as elsewhere,
        opened(elsewhere, ticket=text) as answer,
    ):
        assert answer.status_code == 200
        await publish(bus, plan_fact("plan_theirs", tlp="AMBER", owner=INTERPOL))
        await publish(bus, plan_fact("plan_mine", tlp="AMBER"))
        async with asyncio.timeout(20):
            message = await anext(Reader().follow(answer))
        assert shown(message.content) == "plan.posted plan_mine"
        assert (await refusal(url, text))[0] == 401  # used, although on another replica
    async with service.db.read(SERVICE) as session:
        assert (await session.execute(select(stream_ticket))).all() == []


async def test_of_many_that_come_at_once_with_one_ticket_one_gets_in(service: Service, url: str) -> None:
    text = await ticket(service)
    together = asyncio.Barrier(8)

    async def come() -> int:
        await together.wait()
        async with opened(url, ticket=text) as answer:
            return answer.status_code

    assert sorted(await asyncio.gather(*(come() for _ in range(8)))) == [200, *[401] * 7]


async def test_used_expired_and_unknown_tickets_answer_alike(service: Service, url: str) -> None:
    used, expired = await ticket(service), await ticket(service)
    async with opened(url, ticket=used) as answer:
        assert answer.status_code == 200
    async with service.db.write(SERVICE) as session:
        row = (await session.execute(select(stream_ticket))).one()
        assert timedelta(seconds=20) < row.expires_at - datetime.now(UTC) <= timedelta(seconds=30)
        await session.execute(update(stream_ticket).values(expires_at=datetime.now(UTC)))
    answers = [
        await refusal(url, text)
        for text in (used, expired, "tkt_" + "A" * 43, "", "\ud800x".encode("utf-8", "replace").decode())
    ]
    assert answers[0][0] == 401
    assert all(each == answers[0] for each in answers)
    await ticket(service)  # the next one takes away what has expired
    async with service.db.read(SERVICE) as session:
        assert len((await session.execute(select(stream_ticket))).all()) == 1


async def test_the_key_is_in_no_ticket_row(service: Service) -> None:
    text = await ticket(service)
    async with service.db.read(SERVICE) as session:
        row = str((await session.execute(select(stream_ticket))).one())
    assert text not in row
    assert NORA.key not in row


async def test_who_may_not_read_gets_no_ticket_and_nobody_else_either(service: Service) -> None:
    assert (await service.client.post(TICKETS)).status_code == 401
    assert (await service.client.post(TICKETS, headers=POSTER.headers)).status_code == 403
    both = await service.client.get(STREAM, params={"ticket": await ticket(service)}, headers=NORA.headers)
    assert (both.status_code, both.json()["errors"][0]["pointer"]) == (400, "?ticket")


async def ends(answer: httpx.Response) -> str:
    async with asyncio.timeout(10):
        return "".join([message.event async for message in Reader().follow(answer)])


async def test_a_stream_by_ticket_ends_with_the_key_behind_it(service: Service, url: str) -> None:
    unused = await ticket(service)
    async with opened(url, ticket=await ticket(service)) as answer:
        async with service.db.write(SERVICE) as session:
            await session.execute(update(known.api_key).where(known.api_key.c.person == NORA.id).values(revoked=True))
        assert await ends(answer) == "stream.ended"
    assert (await refusal(url, unused))[0] == 401  # what the key made before is worth nothing either


async def with_token(service: Service, api_key: str | None) -> Person:
    jwk = generate_key("kid_1")
    now = datetime.now(UTC)
    async with service.db.write(SERVICE) as session:
        values = {"id": "kid_1", "version": 1, "jwk": public_part(jwk), "not_before": now, "not_after": None}
        await session.execute(insert(session, known.signing_key).values(values))
    text, _ = sign(jwk, PAGED.id, frozenset({"read"}), now, api_key=api_key)
    return Person(PAGED.id, text, PAGED.partners, PAGED.roles)


@pytest.mark.parametrize(
    "away",
    [
        pytest.param(lambda now: update(known.signing_key).values(not_after=now), id="signing key retired"),
        pytest.param(
            lambda now: update(known.person).where(known.person.c.id == PAGED.id).values(not_before=now + timedelta(1)),
            id="tokens of before refused",
        ),
        pytest.param(
            lambda _: update(known.api_key).where(known.api_key.c.person == PAGED.id).values(revoked=True),
            id="key revoked that asked for the token",
        ),
    ],
)
async def test_a_stream_by_the_ticket_of_a_token_ends_with_the_token(service: Service, url: str, away: Any) -> None:
    holder = await with_token(service, f"key_{PAGED.id[4:]}")
    async with opened(url, ticket=await ticket(service, holder)) as answer:
        assert answer.status_code == 200
        async with service.db.write(SERVICE) as session:
            await session.execute(away(datetime.now(UTC)))
        assert await ends(answer) == "stream.ended"


# -- pages of other sites


def cors(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def asked(
    service: Service, origin: str, who: Person | None = None, path: str = "/api/v1/events"
) -> httpx.Response:
    return await service.client.get(path, headers={"Origin": origin, **(who.headers if who else {})})


async def preflight(service: Service, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,idempotency-key",
    }
    return await service.client.request("OPTIONS", TICKETS, headers=headers)


async def test_no_page_is_told_anything_where_no_key_names_an_origin(database_url: str, bus: MemoryBus) -> None:
    async with running(database_url, bus=bus) as service:
        for answer in (
            await preflight(service, PAGE),
            await asked(service, PAGE),
            await asked(service, PAGE, NORA),
            await asked(service, PAGE, Person("", "cvn_wrong", (), ())),
        ):
            assert cors(answer) == {}
            assert "origin" not in answer.headers.get("vary", "").lower()
        assert (await preflight(service, PAGE)).status_code == 405


async def test_a_key_serves_the_pages_it_names_and_no_others(service: Service) -> None:
    mine = await asked(service, PAGE, PAGED)
    assert mine.status_code == 200
    assert cors(mine)["access-control-allow-origin"] == PAGE
    assert "access-control-allow-credentials" not in mine.headers
    assert "etag" in cors(mine)["access-control-expose-headers"].lower()
    assert "origin" in mine.headers["vary"].lower()
    for origin in (OTHER_PAGE, "https://evil.example", PAGE + ".evil.example", "null", PAGE.upper()):
        answer = await asked(service, origin, PAGED)
        assert (answer.status_code, cors(answer)) == (403, {}), origin
    assert (await service.get("/api/v1/events", PAGED)).status_code == 200  # what is not a page names no origin
    # a key that names none is for no page: what it is answered a browser keeps to itself
    assert (await asked(service, PAGE, NORA)).status_code == 200
    assert cors(await asked(service, PAGE, NORA)) == {}
    assert cors(await asked(service, PAGE)) == {}


async def test_a_page_may_read_why_it_was_refused(service: Service) -> None:
    wrong = await asked(service, PAGE, Person("", "cvn_wrong", (), ()))
    assert (wrong.status_code, cors(wrong)["access-control-allow-origin"]) == (401, PAGE)
    assert cors(await asked(service, "https://evil.example", Person("", "cvn_wrong", (), ()))) == {}


async def test_preflights_are_answered_to_pages_that_a_live_key_names(service: Service) -> None:
    answer = await preflight(service, PAGE)
    assert answer.status_code == 204
    assert cors(answer)["access-control-allow-origin"] == PAGE
    assert cors(answer)["access-control-allow-methods"] == METHODS
    assert "authorization" in cors(answer)["access-control-allow-headers"].lower()
    assert (await preflight(service, "https://evil.example")).status_code == 405


async def test_a_revoked_key_names_no_page_any_more(database_url: str, bus: MemoryBus) -> None:
    async with running(database_url, bus=bus, people=[PAGED]) as service:
        async with service.db.write(SERVICE) as session:
            await session.execute(update(known.api_key).values(revoked=True))
        assert (await preflight(service, PAGE)).status_code == 405


async def test_the_token_and_the_ticket_of_a_key_are_for_its_pages(service: Service, url: str) -> None:
    token = await with_token(service, f"key_{PAGED.id[4:]}")
    assert cors(await asked(service, PAGE, token))["access-control-allow-origin"] == PAGE
    assert (await asked(service, OTHER_PAGE, token)).status_code == 403
    async with httpx.AsyncClient() as client:
        for origin, status in ((PAGE, 200), (OTHER_PAGE, 403)):
            params = {"ticket": await ticket(service, token)}
            async with client.stream("GET", url + STREAM, params=params, headers={"Origin": origin}) as answer:
                assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (
                    status,
                    PAGE if status == 200 else None,
                )
