"""The proxy: what it passes on, what it keeps to itself, and when it may ask another replica."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from infra.gateway import Gateway
from infra.readiness import upstreams_of
from infra.routes import DASHBOARD, SERVICES

UPSTREAMS = {
    "activities": ["http://a1", "http://a2"],
    "partners": ["http://p"],
    "notifications": ["http://n"],
    "dashboard": ["http://d"],
}


def unread(response: httpx.Response) -> httpx.Response:
    """As a transport gives it: with its body still to come."""
    return httpx.Response(response.status_code, headers=response.headers.raw, stream=httpx.ByteStream(response.content))


class Replicas(httpx.AsyncBaseTransport):
    """Answers for every upstream; `faults` maps a host to the exception that it raises."""

    def __init__(self, faults: dict[str, Exception] | None = None, response: httpx.Response | None = None) -> None:
        self.faults, self.response = faults or {}, response
        self.requests: list[httpx.Request] = []
        self.read_first: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host in self.read_first:
            await request.aread()
        if request.url.host in self.faults:
            raise self.faults[request.url.host]
        await request.aread()
        if self.response is None:
            return unread(httpx.Response(200, text=f"{request.url.host} {request.content.decode()}"))
        return unread(self.response) if self.response.is_stream_consumed else self.response

    @property
    def hosts(self) -> list[str]:
        return [request.url.host for request in self.requests]


def client(replicas: Replicas) -> httpx.AsyncClient:
    gateway = Gateway(UPSTREAMS, transport=replicas)
    return httpx.AsyncClient(transport=httpx.ASGITransport(gateway, client=("9.9.9.9", 1)), base_url="http://convene")


async def test_replicas_take_turns() -> None:
    replicas = Replicas()
    async with client(replicas) as http:
        answers = {(await http.get("/api/v1/plans")).text.strip() for _ in range(4)}
    assert answers == {"a1", "a2"}
    assert replicas.hosts.count("a1") == 2


async def test_paths_queries_bodies_and_hosts_arrive_as_sent() -> None:
    replicas = Replicas()
    async with client(replicas) as http:
        await http.post(
            "/api/v1/plans:check?country=KEN&x=%2F", content=b'{"a":1}', headers={"X-Forwarded-For": "1.1.1.1"}
        )
    (request,) = replicas.requests
    assert request.url.raw_path == b"/api/v1/plans:check?country=KEN&x=%2F"
    assert request.content == b'{"a":1}'
    assert request.headers["host"] == "convene"
    assert request.headers["x-forwarded-for"] == "1.1.1.1, 9.9.9.9"
    assert request.headers["content-length"] == "7"


async def test_headers_of_one_hop_stay_on_it() -> None:
    hop = {"Connection": "close, X-Inner", "X-Inner": "1", "Keep-Alive": "x", "X-Kept": "1", "ETag": '"1"'}
    replicas = Replicas(response=httpx.Response(200, headers=hop, text="x"))
    async with client(replicas) as http:
        answer = await http.get("/api/v1/plans", headers={"Connection": "X-Mine", "X-Mine": "1", "TE": "trailers"})
    assert not {"x-inner", "keep-alive", "connection"} & set(answer.headers)
    assert (answer.headers["x-kept"], answer.headers["etag"]) == ("1", '"1"')
    assert not {"x-mine", "te"} & set(replicas.requests[0].headers)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
async def test_a_dead_replica_is_passed_over(method: str) -> None:
    replicas = Replicas({"a1": httpx.ConnectError("refused")})
    async with client(replicas) as http:
        for _ in range(2):
            answer = await http.request(method, "/api/v1/plans", content=b"{}")
            assert answer.text == "a2 {}"


@pytest.mark.parametrize(("method", "tried"), [("GET", ["a1", "a2"]), ("POST", ["a1"])])
async def test_what_may_have_had_an_effect_is_not_sent_twice(method: str, tried: list[str]) -> None:
    replicas = Replicas({"a1": httpx.ReadError("died")})
    replicas.read_first = {"a1"} if method == "POST" else set()
    async with client(replicas) as http:
        answer = await http.request(method, "/api/v1/plans", content=b"{}" if method == "POST" else None)
    assert replicas.hosts == tried
    assert answer.status_code == (200 if method == "GET" else 503)


async def test_nobody_there_is_a_problem_that_says_when_to_come_back() -> None:
    replicas = Replicas({"p": httpx.ConnectError("refused")})
    async with client(replicas) as http:
        answer = await http.get("/api/v1/me")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["type"] == "/problems/unavailable"


async def test_ready_while_one_replica_of_each_is() -> None:
    ready = httpx.Response(200, json={"ready": True, "checks": {"database": "ok"}})
    async with client(Replicas({"a1": httpx.ConnectError("x")}, ready)) as http:
        answer = (await http.get("/readyz")).json()
    assert answer["ready"] is True
    assert answer["services"]["activities"]["replicas"] == {"http://a1": False, "http://a2": True}
    async with client(Replicas({"p": httpx.ConnectError("x")}, ready)) as http:
        assert (await http.get("/readyz")).status_code == 503


class Endless(httpx.AsyncByteStream):
    """A stream that gives a chunk when the test says so, and tells whether it was closed."""

    def __init__(self) -> None:
        self.chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield await self.chunks.get()

    async def aclose(self) -> None:
        self.closed.set()


class Browser:
    """One open stream, by hand: httpx's own transport would wait for its end."""

    def __init__(self, gateway: Gateway) -> None:
        self.leave = asyncio.Event()
        self.got: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/v1/stream",
            "raw_path": b"/api/v1/stream",
            "query_string": b"",
            "headers": [],
            "scheme": "http",
            "client": None,
        }
        self.task = asyncio.create_task(gateway(scope, self._receive, self.got.put))  # type: ignore[arg-type]

    async def _receive(self) -> dict[str, Any]:
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def next(self) -> Any:
        return (await asyncio.wait_for(self.got.get(), 10)).get("body")


async def test_stream_chunks_pass_one_by_one_until_the_client_leaves() -> None:
    stream = Endless()
    browser = Browser(Gateway(UPSTREAMS, transport=Replicas(response=httpx.Response(200, stream=stream))))
    assert await browser.next() is None  # the head goes out before the first event
    for text in (b"id: 1\n\n", b"id: 2\n\n"):
        stream.chunks.put_nowait(text)
        assert await browser.next() == text
    browser.leave.set()
    await asyncio.wait_for(browser.task, 10)
    assert stream.closed.is_set()


async def test_streams_end_as_soon_as_the_gateway_closes() -> None:
    stream = Endless()
    gateway = Gateway(UPSTREAMS, transport=Replicas(response=httpx.Response(200, stream=stream)))
    browser = Browser(gateway)
    await browser.next()
    gateway.closing.set()
    assert await browser.next() == b""
    await asyncio.wait_for(browser.task, 10)
    assert stream.closed.is_set()


def test_every_owner_must_have_an_address() -> None:
    full = {f"CONVENE_UPSTREAM_{owner.upper()}": ", ".join(urls) for owner, urls in UPSTREAMS.items()}
    assert upstreams_of(full, (*SERVICES, DASHBOARD)) == UPSTREAMS
    with pytest.raises(ValueError, match="CONVENE_UPSTREAM_PARTNERS"):
        upstreams_of({name: value for name, value in full.items() if "PARTNERS" not in name}, SERVICES)
