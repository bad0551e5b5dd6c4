"""The proxy in front of `convene stack`: one address for all services, round robin over their replicas.

A request goes to another replica only when the first cannot have begun it: on a refused connection, or before the
answer for methods without effect. Streams pass as they come, in both directions; nothing is buffered.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import structlog
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.front import Front
from infra.readiness import probes_of
from infra.routes import DASHBOARD, is_stream
from shared.problem import MEDIA_TYPE, Problem

log = structlog.get_logger(__name__)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Gateway:
    """An ASGI application over `upstreams` (owner -> base URLs of its replicas)."""

    def __init__(
        self, upstreams: Mapping[str, Sequence[str]], *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.closing = asyncio.Event()
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(60, connect=5, pool=5),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30),
            trust_env=False,
        )
        owners: dict[str, ASGIApp] = {
            owner: Proxy(owner, urls, self._client, self.closing) for owner, urls in upstreams.items()
        }
        services = {owner: urls for owner, urls in upstreams.items() if owner != DASHBOARD}
        self._front = Front(owners, probes_of(services, self._client), self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._front(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        yield
        self.closing.set()
        await self._client.aclose()


class Proxy:
    """One owner's replicas."""

    def __init__(self, owner: str, urls: Sequence[str], client: httpx.AsyncClient, closing: asyncio.Event) -> None:
        self._owner, self._urls, self._client, self._closing = owner, list(urls), client, closing
        self._turn = itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(scope, receive)
        first = next(self._turn)
        response: httpx.Response | None = None
        for attempt in range(2):
            url = self._urls[(first + attempt) % len(self._urls)]
            try:
                response = await self._client.send(self._request(url, scope, body), stream=True)
                break
            except httpx.TransportError as error:
                unsent = isinstance(error, _NOT_SENT) or (scope["method"] in SAFE and not body.begun)
                log.warning("gateway.upstream", owner=self._owner, url=url, error=type(error).__name__)
                if attempt or not unsent:
                    break
        if response is None:
            await self._unavailable(scope, receive, send)
            return
        try:
            await self._pass_on(scope, receive, send, response)
        finally:
            await response.aclose()

    def _request(self, base: str, scope: Scope, body: "_Body") -> httpx.Request:
        dropped = _HOP_BY_HOP | _named_by_connection(scope["headers"]) | {b"x-forwarded-for", b"x-forwarded-proto"}
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in dropped]
        client = scope.get("client")
        before = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
        forwarded = ", ".join([*before, client[0] if client else "unknown"])
        headers += [(b"X-Forwarded-For", forwarded.encode("latin-1")), (b"X-Forwarded-Proto", scope["scheme"].encode())]
        path = scope.get("raw_path") or scope["path"].encode()
        target = httpx.URL(base).copy_with(
            raw_path=path + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        )
        timeout: dict[str, Any] = {
            "connect": 5,
            "pool": 5,
            "write": 60,
            "read": None if is_stream(scope["path"]) else 60,
        }
        return httpx.Request(
            scope["method"],
            target,
            headers=headers,
            content=body.chunks() if body.expected else None,
            extensions={"timeout": timeout},
        )

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, response: httpx.Response) -> None:
        dropped = _HOP_BY_HOP | _named_by_connection(response.headers.raw)
        headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in dropped]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        pump = asyncio.create_task(self._pump(send, response))
        others = [asyncio.create_task(_gone(receive))]
        if is_stream(scope["path"]):
            others.append(asyncio.create_task(self._close(pump)))
        try:
            await asyncio.wait([pump, others[0]], return_when=asyncio.FIRST_COMPLETED)
            failed = pump.exception() if pump.done() and not pump.cancelled() else None
            if failed is not None and not is_stream(scope["path"]):
                raise failed  # the server cuts the connection: the client must not take half an answer for a whole one
            if pump.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            for task in (pump, *others):
                task.cancel()
            await asyncio.gather(pump, *others, return_exceptions=True)

    async def _pump(self, send: Send, response: httpx.Response) -> None:
        async for chunk in response.aiter_raw():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def _close(self, pump: "asyncio.Task[None]") -> None:
        await self._closing.wait()
        pump.cancel()

    async def _unavailable(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = Problem("unavailable", f"{self._owner} does not answer at the moment; try again.")
        response = JSONResponse(problem.as_json(), status_code=503, headers={"Retry-After": "2"}, media_type=MEDIA_TYPE)
        with suppress(Exception):
            await response(scope, receive, send)


class _Body:
    """The request's body, read as the upstream takes it. `begun` tells whether a part of it may be gone."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        names = {name.lower(): value for name, value in scope["headers"]}
        self.expected = b"transfer-encoding" in names or names.get(b"content-length", b"0") != b"0"
        self.begun = False
        self._receive = receive

    async def chunks(self) -> AsyncIterator[bytes]:
        self.begun = True
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise httpx.WriteError("the client went away")
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _named_by_connection(headers: Sequence[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """The headers that `Connection` names belong to this hop, too (RFC 9110, 7.6.1)."""
    return frozenset(
        part.strip().lower() for name, value in headers if name.lower() == b"connection" for part in value.split(b",")
    )
