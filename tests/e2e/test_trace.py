"""One trace from the POST to the stream; and neither traces nor logs nor the log of events tell what is nobody's business."""

import os
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest
from convene import AsyncConvene
from opentelemetry import trace

from infra.native.ports import free_ports
from shared import telemetry
from tests.support.collector import Collector, collecting
from tests.support.outside import Listening, join, training, until
from tests.support.processes import Launcher

TITLE, TEXT, NAME, EMAIL, CODE = (f"canary{word}{secrets.token_hex(4)}" for word in ("ti", "te", "na", "em", "co"))
CANARIES = (TITLE, TEXT, NAME, EMAIL, CODE)


@pytest.fixture
def collector():
    with collecting() as found:
        yield found


async def test_one_trace_from_post_to_stream_without_anything_that_people_typed(
    launcher: Launcher, tmp_path: Path, collector: Collector
) -> None:
    port, data = free_ports(1)[0], tmp_path / "data"
    url = f"http://127.0.0.1:{port}"
    running = launcher.start(
        "up", "--data", str(data), "--port", str(port), url=url, log=tmp_path / "up.log",
        environment={
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "CONVENE_LOG_FORMAT": "json",
            "CONVENE_LOG_LEVEL": "DEBUG",
        },
    )  # fmt: skip
    await running.ready()
    admin = (data / "admin.key").read_text().strip()
    email = f"{EMAIL}@convene.invalid"
    keys = [
        await join(url, admin, f"{NAME} {slug}", roles=["focal_point"], partners=[slug], email=f"{slug}.{email}")
        for slug in ("unodc", "interpol")
    ]
    cora = await join(url, admin, f"{NAME} cora", roles=["coordinator"], scope={"regions": ["001"]}, email=email)
    traces = [secrets.token_hex(16) for _ in keys]
    async with Listening(url, cora) as stream:
        plans = [await _post(url, key, trace_id) for key, trace_id in zip(keys, traces, strict=True)]
        await stream.until(lambda: stream.of("alert.opened", *plans), "the alert")
    await _everything_that_may_go_wrong(url, admin, keys[0])

    posted = {"POST /api/v1/plans", "relay activities.v1", "activities.matching plan.posted"}
    posted |= {"notifications.feed plan.posted", "stream plan.posted"}
    opened = {"notifications.feed alert.opened", "stream alert.opened"}

    async def told() -> bool:
        for trace_id in traces:
            assert posted <= {span.name for span in collector.of(trace_id)}
        # whichever of the two was matched second has opened the alert, in its own post's trace
        assert any(opened <= {span.name for span in collector.of(trace_id)} for trace_id in traces)
        return True

    await until(told, "the traces")
    for trace_id in traces:
        _hangs_together(collector, trace_id)
    assert running.terminate() == 0
    assert set(collector.requests) == {"/v1/traces"}

    exported = b"".join(collector.bodies)
    assert b"activities.matching" in exported
    logged = running.log.read_bytes()
    assert logged
    for canary in (*CANARIES, *keys, admin):
        assert canary.encode() not in exported, f"{canary} is in a span"
        assert canary.encode() not in logged, f"{canary} is in a log line"
    _people_are_known_to_partners_alone(data)


async def _post(url: str, key: str, trace_id: str) -> str:
    plan = training(7, title=f"Digital forensics {TITLE}", description=TEXT, source_text=TEXT)
    headers = {"Authorization": f"Bearer {key}", "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        answer = await client.post("/api/v1/plans", json=plan, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def _everything_that_may_go_wrong(url: str, admin: str, key: str) -> None:
    """Each answer is a refusal, and each names or quotes something that must not be written down."""
    bearer = {"Authorization": f"Bearer {key}"}
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/v1/plans", {"json": training(8, title=TITLE, venues=[{"country": TEXT}]), "headers": bearer}),
        ("POST", "/api/v1/plans", {"json": training(8, **{NAME: TITLE}), "headers": bearer}),
        ("POST", "/api/v1/plans", {"content": f'{{"title": "{TITLE}', "headers": bearer}),
        ("GET", "/api/v1/plans", {"params": {"country": TEXT}, "headers": bearer}),
        ("GET", "/api/v1/plans", {"params": {TITLE: TEXT}, "headers": bearer}),
        ("GET", "/api/v1/stream", {"params": {"types": TEXT}, "headers": bearer}),
        ("GET", "/api/v1/me", {"headers": {"Authorization": f"Bearer cvn_{CODE}"}}),
        ("POST", "/api/v1/invitations:redeem", {"json": {"code": CODE}}),
        ("POST", "/api/v1/people", {"json": {"name": NAME, "email": EMAIL, "roles": [TEXT]}, "headers": bearer}),
        (
            "POST",
            "/api/v1/invitations",
            {
                "json": {"name": NAME, "email": EMAIL, "roles": ["focal_point"]},
                "headers": {"Authorization": f"Bearer {admin}"},
            },
        ),
        ("POST", "/join", {"data": {"code": CODE}}),
    ]
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        for method, path, more in asked:
            answer = await client.request(method, path, **more)
            assert 400 <= answer.status_code < 500, f"{method} {path}: {answer.status_code} {answer.text}"


def _hangs_together(collector: Collector, trace_id: str) -> None:
    """Every span but the POST's has its parent in the same trace: a viewer shows one tree."""
    spans = collector.of(trace_id)
    ids = {span.id for span in spans}
    orphans = {span.name for span in spans if span.parent not in ids}
    assert orphans == {"POST /api/v1/plans"}


def _people_are_known_to_partners_alone(data: Path) -> None:
    """No other file of the installation holds a person's name or address: not the event log, not a read model."""
    looked_at = [each for each in data.rglob("*") if each.is_file() and not each.name.startswith("partners.db")]
    assert {"log.db", "activities.db", "notifications.db"} <= {each.name for each in looked_at}
    for path in looked_at:
        content = path.read_bytes()
        assert NAME.encode() not in content, path.name
        assert EMAIL.encode() not in content, path.name
    assert any(NAME.encode() in each.read_bytes() for each in data.glob("partners.db*"))


async def test_nothing_is_exported_unless_it_is_asked_for(launcher: Launcher, tmp_path: Path) -> None:
    """Not even to the standard's default address, nor by the variables that the SDK reads by itself."""
    with collecting() as collector:
        port = free_ports(1)[0]
        running = launcher.start(
            "up", "--data", str(tmp_path / "data"), "--port", str(port),
            url=f"http://127.0.0.1:{port}", log=tmp_path / "up.log",
            environment={
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces",
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{collector.url}/v1/metrics",
                "OTEL_BSP_SCHEDULE_DELAY": "50",
            },
        )  # fmt: skip
        await running.ready()
        async with AsyncConvene(running.url) as client:
            await client.vocabularies()
        assert running.terminate() == 0
        assert collector.requests == []


def test_without_an_endpoint_there_is_nothing_that_could_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "set_tracer_provider", lambda provider: None)
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    provider = telemetry.setup("test", None)
    assert provider._active_span_processor._span_processors == ()
    assert not telemetry.exported()
