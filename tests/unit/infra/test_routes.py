"""The one path table, held against the paths that the services really have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute

from infra.routes import ROUTES, SERVICES, is_stream, nginx_configuration, openapi_path, owner_of
from infra.services import build, settings_of


def paths_of(routes: list[BaseRoute]) -> Iterator[str]:
    for route in routes:
        path = getattr(route, "path", None)
        if path is not None:
            yield path
        yield from paths_of(list(getattr(route, "routes", None) or ()))


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, tmp_path) -> tuple[str, FastAPI]:
    settings = settings_of(
        request.param,
        database_url=f"sqlite+aiosqlite:///{tmp_path}/x.db",
        bus_url="memory://",
        migrate_at_start=True,
        data_dir=tmp_path,
    )
    return request.param, build(request.param, settings)


def test_every_path_of_a_service_is_sent_to_it(service: tuple[str, FastAPI]) -> None:
    name, app = service
    paths = {path for path in app.openapi()["paths"] if path.startswith("/api")}
    assert len(paths) > 3
    for path in paths:
        assert owner_of(re.sub(r"\{[^}]+\}", "x", path)) == name, path


async def test_every_service_tells_its_openapi_document_to_everybody(service: tuple[str, FastAPI]) -> None:
    name, app = service
    assert owner_of(openapi_path(name)) == name
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://convene.test") as client:
        answer = await client.get(openapi_path(name))
        assert (await client.post(openapi_path(name))).status_code == 405
    assert answer.status_code == 200
    assert answer.json() == app.openapi()
    committed = Path(__file__).parents[3] / "services" / name / "contracts" / "openapi.json"
    assert answer.json()["paths"].keys() == json.loads(committed.read_text(encoding="utf-8"))["paths"].keys()


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/api/v1/plans", "activities"),
        ("/api/v1/plans/plan_1/history", "activities"),
        ("/api/v1/plans:check", "activities"),
        ("/api/v1/activities/deadletters", "activities"),
        ("/api/v1/plansx", "pages"),
        ("/api/v2/plans", "pages"),
        ("/api", "pages"),
        ("/apiary", "dashboard"),
        ("/api/v1/invitations:redeem", "partners"),
        ("/api/v1/partners/deadletters/x:retry", "partners"),
        ("/api/v1/stream", "notifications"),
        ("/api/v1/notifications/deadletters", "notifications"),
        ("/problems/invalid", "pages"),
        ("/", "dashboard"),
        ("/join/code", "dashboard"),
        ("/plans/new", "dashboard"),
    ],
)
def test_a_prefix_ends_where_a_name_ends(path: str, owner: str) -> None:
    assert owner_of(path) == owner


def test_the_generated_gateway_sends_each_path_where_the_table_says() -> None:
    upstreams = {owner: [f"{owner}:8000"] for owner in set(ROUTES.values())}
    text = nginx_configuration(upstreams)
    patterns = re.findall(r"location ~ (\S+) \{\s+proxy_pass http://(\w+);", text)
    for path in (*ROUTES, "/api/v1/plans:check", "/api/v1/alerts/x/decisions", "/apiary", "/api/v1/plansx", "/x"):
        # nginx takes the first expression that fits, and the prefix `/` where none does
        found = next((owner for pattern, owner in patterns if re.search(pattern, path)), "dashboard")
        assert found == owner_of(path), path


def test_the_generated_gateway_does_not_hold_streams_back() -> None:
    text = nginx_configuration({owner: ["x:1"] for owner in set(ROUTES.values())})
    blocks = {block.split("(")[0].split("^")[-1]: block for block in text.split("location ")[1:]}
    assert "proxy_buffering off" in blocks["/api/v1/stream"]
    assert is_stream("/api/v1/stream")
    assert "proxy_buffering off" not in blocks["/api/v1/plans"]
