"""Every operation of every service's OpenAPI, called with what the schema allows and with what it forbids: no 5xx, and
every answer is one that the document promises (status, media type, headers, schema). Drawn by schemathesis, the same
cases in every run."""

import asyncio
import base64
import secrets
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, NamedTuple

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup, ServerError
from schemathesis.openapi.checks import JsonSchemaError, UndefinedContentType

from infra.native.postgres import ExternalPostgres
from services.activities.app import build as build_activities
from services.activities.orm import known as known_to_activities
from services.activities.settings import ActivitiesSettings
from services.notifications.app import build as build_notifications
from services.notifications.orm import known as known_to_notifications
from services.notifications.settings import NotificationsSettings
from services.partners.app import build as build_partners
from services.partners.settings import PartnersSettings
from shared.bus.memory import MemoryBus
from tests.support.activities import CORA, INTERPOL, IVAN, NORA, PEOPLE, SLUGS, UNODC, training
from tests.support.notifications import alert_fact, plan_fact, publish
from tests.support.people import introduce, person
from tests.support.roles import service_database
from tests.support.schema import migrate_database

ADMIN_KEY = "cvn_" + "a-key-for-fuzzing-0123456789-0123456789"
ADA = person("ada", roles=["administrator", "coordinator", "focal_point"], partners=[NORA.partners[0]], regions=["001"])
ENDLESS = {"/api/v1/stream"}
PLANS = {"/api/v1/plans", "/api/v1/plans:check"}
DERANDOMIZED = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

load_all_checks()
PROMISES = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]


def app_of(service: str, database_url: str = "sqlite+aiosqlite:////nowhere") -> FastAPI:
    common: dict[str, Any] = {
        "database_url": database_url,
        "migrate_at_start": database_url.startswith("sqlite"),
        "lease_ttl": 3.0,
    }
    if service == "partners":
        return build_partners(PartnersSettings(**common, bootstrap_key=ADMIN_KEY), bus=MemoryBus())
    if service == "notifications":
        key = base64.urlsafe_b64encode(bytes(32)).decode()
        return build_notifications(NotificationsSettings(**common, cursor_key=key), bus=MemoryBus())
    return build_activities(ActivitiesSettings(**common), bus=MemoryBus())


class Target(NamedTuple):
    """A running service, how to call it from a thread, who is signed in, and ids that are there."""

    call: Callable[[dict[str, Any]], httpx.Response]
    headers: dict[str, str]
    ids: list[str]


def operations() -> Iterator[Any]:
    for service in ("activities", "partners", "notifications"):
        schema = schemathesis.openapi.from_dict(app_of(service).openapi())
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path not in ENDLESS:
                yield pytest.param(service, operation, id=f"{service} {operation.method.upper()} {operation.path}")


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in a thread of its own, because what draws the cases is not asynchronous."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


DATABASES = {"nobody": "sqlite", "somebody": "postgresql"}
"""Who gets further meets the stricter database: PostgreSQL minds what SQLite takes."""


@pytest.fixture(scope="module")
def targets(
    loop: asyncio.AbstractEventLoop, tmp_path_factory: pytest.TempPathFactory, postgres: ExternalPostgres
) -> Iterator[dict[tuple[str, str], Target]]:
    folder, stack, made = tmp_path_factory.mktemp("fuzz"), AsyncExitStack(), list[str]()

    def wait(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    async def database(service: str, kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite+aiosqlite:///{folder}/{service}.db"
        made.append(f"convene_fuzz_{service}_{secrets.token_hex(4)}")
        url = await asyncio.to_thread(service_database, postgres, made[-1])
        await migrate_database(url, service)
        return url

    async def start(service: str, kind: str) -> Target:
        app = app_of(service, await database(service, kind))
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://convene.test"))
        headers, ids = ADA.headers, list[str]()
        if service == "partners":
            headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
            for path in ("organisations", "people"):
                listed = (await client.get(f"/api/v1/{path}", headers=headers)).json()["data"]
                ids += [each["id"] for each in listed[:3]]
        else:
            known = known_to_activities if service == "activities" else known_to_notifications
            await introduce(app.state.runtime.db, known, [*PEOPLE, ADA], SLUGS)
        if service == "activities":
            plans = [
                (await client.post("/api/v1/plans", json=training(), headers=who.headers)).json() for who in (ADA, IVAN)
            ]
            ids += [value for plan in plans for value in (plan["id"], plan["activity"])]
            while not (alerts := (await client.get("/api/v1/alerts", headers=CORA.headers)).json()["data"]):
                await asyncio.sleep(0.1)
            ids += [alert["id"] for alert in alerts]
        if service == "notifications":
            plans = [plan_fact("plan_1", owner=UNODC), plan_fact("plan_2", owner=INTERPOL)]
            await publish(app.state.runtime.bus, *plans, alert_fact("alrt_1", plans))
            while (await client.get("/api/v1/inbox/alrt_1", headers=headers)).status_code != 200:
                await asyncio.sleep(0.1)
            ids += ["alrt_1", "plan_1"]
        return Target(lambda request: wait(client.request(**request)), headers, ids)

    services = ("activities", "partners", "notifications")
    yield {(service, who): wait(start(service, kind)) for service in services for who, kind in DATABASES.items()}
    wait(stack.aclose())
    for name in made:
        postgres.drop_database(name)


def near_valid(data: st.DataObject, case: Any, ids: list[str]) -> None:
    """Half of the cases get further than the first check: ids that are there, the version that is current, a plan of
    which a few fields alone are drawn."""
    for name in case.path_parameters or ():
        if ids and data.draw(st.booleans()):
            case.path_parameters[name] = data.draw(st.sampled_from(ids))
    if "If-Match" in (case.headers or {}) and data.draw(st.booleans()):
        case.headers["If-Match"] = '"1"'
    if case.operation.path in PLANS and isinstance(case.body, dict) and data.draw(st.booleans()):
        drawn = sorted(case.body)
        kept = data.draw(st.lists(st.sampled_from(drawn), max_size=3, unique=True)) if drawn else []
        case.body = training() | {name: case.body[name] for name in kept}


@pytest.mark.parametrize("identity", list(DATABASES))
@pytest.mark.parametrize(("service", "operation"), list(operations()))
def test_the_answers_are_those_that_the_document_promises(
    targets: dict[tuple[str, str], Target], service: str, operation: Any, identity: str
) -> None:
    target = targets[service, identity]
    cases = [operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)]

    @DERANDOMIZED
    @given(case=st.one_of(cases), data=st.data())
    def check(case: Any, data: st.DataObject) -> None:
        near_valid(data, case, target.ids)
        request = case.as_transport_kwargs(base_url="http://convene.test")
        request = {name: value for name, value in request.items() if value is not None and name != "cookies"}
        if isinstance(request.get("data"), bytes):
            request["content"] = request.pop("data")
        signed = target.headers if identity == "somebody" else {}
        request["headers"] = {**dict(request["headers"]), **signed}
        case.validate_response(target.call(request), checks=PROMISES)

    check()


PROBLEM = b'{"type": "/problems/internal", "title": "t", "status": 500, "detail": "d"}'


@pytest.mark.parametrize(
    ("status", "media_type", "body", "failure"),
    [
        (500, "application/problem+json", PROBLEM, ServerError),
        (418, "application/problem+json", b"{}", JsonSchemaError),
        (200, "text/html", b"<p>", UndefinedContentType),
        (200, "application/json", b'{"id": "plan_1"}', JsonSchemaError),
    ],
    ids=["a crash", "an error that is no problem", "another media type", "fields that are missing"],
)
def test_an_answer_that_the_document_does_not_promise_is_seen(
    status: int, media_type: str, body: bytes, failure: type[Exception]
) -> None:
    """Without this one, nobody knows what the test above is worth."""
    schema = schemathesis.openapi.from_dict(app_of("activities").openapi())
    operation = schema["/api/v1/plans/{plan_id}"]["GET"]

    @settings(DERANDOMIZED, max_examples=1)
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        request = httpx.Request("GET", "http://convene.test/api/v1/plans/plan_1")
        answer = httpx.Response(status, content=body, headers={"Content-Type": media_type}, request=request)
        answer.elapsed = timedelta(0)
        with pytest.raises(FailureGroup) as caught:
            case.validate_response(answer, checks=PROMISES)
        assert failure in {type(each) for each in caught.value.exceptions}

    check()
