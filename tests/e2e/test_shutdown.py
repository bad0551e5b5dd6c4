"""Asked to end, a process ends: streams first, then what is in hand, nothing acknowledged lost, exit code 0."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from convene import AsyncConvene

from infra.native.ports import free_ports
from tests.support.outside import join, training, until
from tests.support.processes import Launcher, Running

PATIENCE = 15.0
"""Seconds to end in: generous, since the machine may be busy; what hangs, hangs for longer than that."""


@pytest.fixture
async def runner(launcher: Launcher, tmp_path: Path) -> AsyncIterator[Running]:
    started = _up(launcher, tmp_path)
    await started.ready()
    yield started
    if started.code is None:
        started.kill()


def _up(launcher: Launcher, folder: Path, *options: str, port: int | None = None) -> Running:
    port = port or free_ports(1)[0]
    return launcher.start(
        "up", "--data", str(folder / "data"), "--port", str(port), *options,
        url=f"http://127.0.0.1:{port}", log=folder / "up.log",
    )  # fmt: skip


async def test_streams_end_and_nothing_acknowledged_is_lost(
    launcher: Launcher, tmp_path: Path, runner: Running
) -> None:
    admin = (tmp_path / "data" / "admin.key").read_text().strip()
    key = await join(runner.url, admin, "nora", roles=["focal_point"], partners=["unodc"])
    acknowledged: list[str] = []
    streams = [asyncio.create_task(_listen(runner.url, key, path)) for path in ("stream", "stream?types=plan.posted")]
    clients = [asyncio.create_task(_post(runner.url, key, 100 * n, acknowledged)) for n in range(4)]
    await until(lambda: _at_least(acknowledged, 5), "posts acknowledged")

    runner.signal(signal.SIGTERM)
    code = await asyncio.to_thread(runner.wait, PATIENCE)

    heard = await asyncio.gather(*streams)  # raises where a stream was cut in the middle
    await asyncio.gather(*clients)
    assert code == 0, runner.tail()
    assert all(b"event: plan.posted" in each for each in heard)
    assert all(each.endswith(b"\n\n") for each in heard)
    assert "Traceback" not in runner.log.read_text()
    again = _up(launcher, tmp_path)
    await again.ready()
    async with AsyncConvene(again.url, key) as client:
        stored = {each.id async for each in client.plans.list(limit=200)}
    assert set(acknowledged) <= stored
    assert again.terminate(PATIENCE) == 0


async def _listen(url: str, key: str, path: str) -> bytes:
    heard = b""
    async with (
        httpx.AsyncClient(timeout=httpx.Timeout(10, read=60)) as client,
        client.stream("GET", f"{url}/api/v1/{path}", headers={"Authorization": f"Bearer {key}"}) as answer,
    ):
        async for chunk in answer.aiter_bytes():
            heard += chunk
    return heard


async def _post(url: str, key: str, first: int, acknowledged: list[str]) -> None:
    """One plan after the other until the server is gone."""
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        for number in range(first, first + 100):
            try:
                answer = await client.post("/api/v1/plans", json=training(number))
            except httpx.TransportError:
                return
            if answer.status_code == 503:  # it has begun to end
                continue
            assert answer.status_code == 201, answer.text
            acknowledged.append(answer.json()["id"])


async def _at_least(found: list[str], number: int) -> bool:
    return len(found) >= number


async def test_a_second_process_on_the_same_folder_is_refused(
    launcher: Launcher, tmp_path: Path, runner: Running
) -> None:
    code, said = launcher.run(
        "up", "--data", str(tmp_path / "data"), "--port", str(free_ports(1)[0]), log=tmp_path / "second.log"
    )
    assert code not in {0, None}
    assert re.search(rf"in use by process {runner.pid}\b", " ".join(said.split()))
    assert await runner.ready()  # the first one is none the worse for it


async def test_a_folder_is_free_again_after_a_crash(launcher: Launcher, tmp_path: Path, runner: Running) -> None:
    runner.kill()
    again = _up(launcher, tmp_path)
    assert await again.ready()
    assert again.terminate(PATIENCE) == 0


async def test_it_ends_while_the_demo_is_being_loaded(launcher: Launcher, tmp_path: Path) -> None:
    loading = _up(launcher, tmp_path, "--demo")
    await loading.ready()
    keys = tmp_path / "data" / "demo-keys.json"
    await until(lambda: asyncio.to_thread(keys.exists), "the demo's first person")
    assert loading.terminate(PATIENCE) == 0, loading.tail()
    assert "Traceback" not in loading.log.read_text()


@pytest.mark.parametrize("service", ["activities", "partners", "notifications"])
async def test_a_service_ends_while_its_broker_is_away(launcher: Launcher, tmp_path: Path, service: str) -> None:
    """And it serves meanwhile: the log's absence delays events, never requests."""
    port, nobody = free_ports(2)
    environment = {
        f"{service.upper()}_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/{service}.db",
        "BUS_URL": f"kafka://127.0.0.1:{nobody}",
        "CONVENE_DATA": str(tmp_path),
        "NOTIFICATIONS_CURSOR_KEY": "A" * 43,
    }
    code, said = launcher.run("migrate", service, log=tmp_path / "migrate.log", environment=environment)
    assert code == 0, said
    process = launcher.start(
        "serve", service, "--port", str(port),
        url=f"http://127.0.0.1:{port}", log=tmp_path / "serve.log", environment=environment,
    )  # fmt: skip
    said = await process.ready()
    assert said["checks"]["bus"] == "waiting"
    if service == "notifications":
        stream = asyncio.create_task(_listen(process.url, "", "stream"))
        await asyncio.sleep(0.5)
        with suppress(httpx.HTTPStatusError):
            assert process.terminate(PATIENCE) == 0, process.tail()
        stream.cancel()
        return
    assert process.terminate(PATIENCE) == 0, process.tail()
