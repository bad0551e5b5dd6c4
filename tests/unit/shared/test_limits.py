"""How many requests are answered, to whom, and what is not asked before one is refused."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from shared.clock import FixedClock
from shared.limits import Buckets, LimitRates, Rates, client_address, networks
from shared.registry import Holder, Proof
from shared.visibility import Principal

PEOPLE = {"Bearer a1": "per_a", "Bearer a2": "per_a", "Bearer b": "per_b"}


class Service:
    """Knows three credentials of two people; counts how often it is asked."""

    def __init__(self, **rates: Any) -> None:
        self.clock = FixedClock(datetime(2027, 1, 1, tzinfo=UTC))
        self.asked = 0
        self.known = dict(PEOPLE)
        chosen = {"holder": 60, "public": 60, "failures": 60, "proxies": networks("127.0.0.1, 10.0.0.0/8"), **rates}
        self.edge = LimitRates(self._answer, Rates(**chosen), self.clock)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.edge), base_url="http://test")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        shown = Request(scope).headers.get("authorization")
        status = 422 if scope["method"] == "POST" and shown is None else 200
        if shown in self.known:
            scope["state"]["holder"] = Holder(Principal(person=self.known[shown]), Proof("key_1"))
        elif shown:
            status = 401
        await JSONResponse({}, status_code=status)(scope, receive, send)

    async def get(
        self, shown: str | None = None, path: str = "/api/v1/plans", method: str = "GET", via: str = ""
    ) -> int:
        headers = ({"Authorization": shown} if shown else {}) | ({"X-Forwarded-For": via} if via else {})
        self.last = await self.http.request(method, path, headers=headers)
        return self.last.status_code


def test_a_bucket_holds_a_minutes_worth_and_fills_evenly() -> None:
    clock = FixedClock(datetime(2027, 1, 1, tzinfo=UTC))
    buckets = Buckets.per_minute(60, clock)
    clock.advance(1_000)  # it was full before, and is no fuller
    for _ in range(60):
        assert buckets.wait("one") == 0
        buckets.take("one")
    assert buckets.wait("one") == pytest.approx(1.0)
    assert buckets.wait("another") == 0
    clock.advance(0.5)
    assert buckets.wait("one") == pytest.approx(0.5)
    clock.advance(0.5)
    assert buckets.wait("one") == 0


def test_the_table_is_bounded_and_forgets_the_harmless_first() -> None:
    clock = FixedClock(datetime(2027, 1, 1, tzinfo=UTC))
    buckets = Buckets(clock, burst=3, every=60.0, room=50)
    for _ in range(3):
        buckets.take("guessed at")
    for number in range(10_000):
        buckets.take(number)
        assert len(buckets) <= 50
    assert buckets.wait("guessed at") == 60.0
    clock.advance(60)
    assert buckets.wait("guessed at") == 0.0
    buckets.take("guessed at")
    assert buckets.wait("guessed at") == 60.0
    buckets.give_back("guessed at")
    assert buckets.wait("guessed at") == 0.0


async def test_a_person_is_one_whatever_they_show() -> None:
    service = Service(holder=6)
    statuses = [await service.get(shown) for shown in ["Bearer a1", "Bearer a2"] * 5]
    assert statuses == [200] * 6 + [429] * 4
    assert service.asked == 6
    assert service.last.json()["type"] == "/problems/too-many-requests"
    assert service.last.headers["retry-after"] == "10"
    assert await service.get("Bearer b") == 200
    assert await service.get() == 200
    service.clock.advance(10)
    assert [await service.get("Bearer a2"), await service.get("Bearer a1")] == [200, 429]


async def test_refused_before_the_body_is_read() -> None:
    service = Service(public=1)
    assert await service.get() == 200
    sent: list[Any] = []

    async def never() -> Any:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/plans",
        "headers": [],
        "query_string": b"",
        "client": ("127.0.0.1", 1),
    }
    await service.edge(scope, never, send)
    assert sent[0]["status"] == 429
    assert service.asked == 1


async def test_the_public_is_counted_by_address_as_our_proxies_saw_it() -> None:
    service = Service(public=2)
    assert [await service.get(via="192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert await service.get(via="192.0.2.2") == 200
    # what a client says of itself stands further left, and changes nothing
    assert await service.get(via="198.51.100.9, 192.0.2.1, 10.1.2.3") == 429
    assert await service.get(path="/livez") == 200


def test_the_address_of_a_client_is_what_our_own_proxies_saw() -> None:
    ours = networks("127.0.0.1/32, 10.0.0.0/8")
    for peer, forwarded, client in (
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # no proxy of ours is taken for the client
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "unknown", "unknown"),
    ):
        headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
        assert client_address({"type": "http", "client": (peer, 1), "headers": headers}, ours) == client


@pytest.mark.parametrize("guess", ["Bearer wrong-{}", "POST"])
async def test_who_guesses_is_stopped_and_nobody_beside_them(guess: str) -> None:
    service = Service(failures=5)
    assert await service.get("Bearer b", via="192.0.2.1") == 200

    async def once(number: int, via: str = "192.0.2.1") -> int:
        if guess == "POST":
            return await service.get(method="POST", via=via)
        return await service.get(guess.format(number), via=via)

    answers = [await once(number) for number in range(8)]
    assert answers == [422 if guess == "POST" else 401] * 5 + [429] * 3
    assert await once(9, via="192.0.2.2") != 429
    assert await service.get("Bearer b", via="192.0.2.1") == 200  # who is known here, behind the same address
    assert await service.get(via="192.0.2.1") == 200  # reading what is public is no guess


async def test_a_credential_that_fell_is_a_guess_again() -> None:
    service = Service(failures=2)
    assert await service.get("Bearer b") == 200
    del service.known["Bearer b"]
    assert [await service.get("Bearer b") for _ in range(4)] == [401, 401, 429, 429]
