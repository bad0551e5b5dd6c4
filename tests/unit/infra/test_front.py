"""Dispatch by path, the health of the whole, and a page for every kind of problem."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from infra.front import ADVICE, Front, Probe
from infra.routes import DASHBOARD, SERVICES
from shared.problem import KINDS


def named(name: str) -> Starlette:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{name} {request.method} {request.url.path}")

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


def probe(ready: bool) -> Probe:
    async def ask() -> tuple[bool, Mapping[str, Any]]:
        return ready, {"checks": {"database": "ok"}}

    return ask


def client(front: Front) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://test")


@pytest.fixture
def front() -> Front:
    return Front({name: named(name) for name in (*SERVICES, DASHBOARD)}, {name: probe(True) for name in SERVICES})


async def test_each_path_reaches_its_owner(front: Front) -> None:
    async with client(front) as http:
        for path, owner in [("/api/v1/plans/x", "activities"), ("/api/v1/me", "partners"), ("/join/c", DASHBOARD)]:
            assert (await http.post(path)).text == f"{owner} POST {path}"


async def test_an_unknown_api_path_is_a_problem_not_a_page(front: Front) -> None:
    async with client(front) as http:
        for method in ("GET", "POST"):
            answer = await http.request(method, "/api/v1/nonsense")
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
            assert answer.json()["type"] == "/problems/not-found"


async def test_every_problem_has_its_page(front: Front) -> None:
    assert set(ADVICE) == set(KINDS)
    async with client(front) as http:
        overview = (await http.get("/problems")).text
        for kind, (status, title) in KINDS.items():
            page = await http.get(f"/problems/{kind}")
            assert page.status_code == 200
            assert title in page.text
            assert str(status) in page.text
            assert f"/problems/{kind}" in overview
        assert (await http.get("/problems/<script>")).status_code == 404
        assert "<script>" not in (await http.get("/problems/<script>")).text


async def test_the_whole_is_ready_when_every_service_is(front: Front) -> None:
    async with client(front) as http:
        assert (await http.get("/readyz")).json()["ready"] is True
        assert (await http.get("/livez")).json()["status"] == "ok"
    halting = Front({}, {"activities": probe(True), "partners": probe(False)})
    async with client(halting) as http:
        answer = await http.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["services"]["partners"]["ready"] is False
        assert (await http.get("/livez")).status_code == 200
