"""The pages ask the API on behalf of their visitors: limits by address hold for each of them, not for all together."""

import asyncio

import httpx
import pytest
from starlette.requests import Request

from dashboard.app import build
from dashboard.settings import DashboardSettings
from infra.environment import COMPOSE_PROXIES
from infra.services import settings_of
from shared.limits import client_address, networks


class Api:
    """Answers with nothing in it; keeps whom each request came from, as a service reads it."""

    def __init__(self, proxies: str | None = None) -> None:
        self.proxies = (
            networks(proxies)
            if proxies
            else settings_of("activities", database_url="sqlite+aiosqlite://").rates.proxies
        )
        self.seen: set[str] = set()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        forwarded = request.headers.get("x-forwarded-for", "").encode()
        scope = {
            "type": "http",
            "client": ("127.0.0.1", 1),
            "headers": [(b"x-forwarded-for", forwarded)] if forwarded else [],
        }
        self.seen.add(client_address(Request(scope).scope, self.proxies))
        return httpx.Response(200, json={"data": [], "next_cursor": None, "vocabularies": {}})


async def visit(api: Api, address: str, path: str, **headers: str) -> None:
    settings = DashboardSettings(session_key="A" * 43, api_url="http://api")  # pyright: ignore[reportCallIssue, reportArgumentType]
    app = build(settings, transport=httpx.MockTransport(api))
    transport = httpx.ASGITransport(app, client=(address, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://convene") as http:
        assert (await http.get(path, headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/plans", "/plans.ics"])
async def test_each_visitor_is_one_and_nobody_is_whom_they_say(path: str) -> None:
    """A header that a visitor made up stands left of what our own proxies have seen."""
    api = Api()
    await asyncio.gather(
        visit(api, "203.0.113.1", path),
        visit(api, "203.0.113.2", path, **{"X-Forwarded-For": "198.51.100.9"}),
        visit(api, "10.1.2.3", path, **{"X-Forwarded-For": "198.51.100.9"}),
        visit(api, "127.0.0.1", path, **{"X-Forwarded-For": "198.51.100.9, 203.0.113.4"}),
    )
    assert api.seen == {"203.0.113.1", "203.0.113.2", "10.1.2.3", "203.0.113.4"}


async def test_the_gateway_of_compose_is_believed() -> None:
    api = Api(COMPOSE_PROXIES)
    await visit(api, "172.18.0.5", "/plans", **{"X-Forwarded-For": "198.51.100.9, 203.0.113.4, 172.18.0.1"})
    assert api.seen == {"203.0.113.4"}
