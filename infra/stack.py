"""`convene stack`: Convene distributed, on one machine and without Docker.

Apache Kafka and PostgreSQL natively, one process per service, two replicas of activities and of notifications, the
gateway in front. Children are supervised: one that dies is reported and started again; all end with this process.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import httpx

from infra.cli.output import REFUSED, Failure, aside, hint, json_line, table
from infra.cli.session import DEMO_KEYS, SERVING
from infra.data import DataFolder
from infra.embedded import random_key
from infra.environment import REPLICAS, environment_of, owner_environment
from infra.native.kafka import KafkaCluster
from infra.native.ports import free_ports
from infra.native.postgres import Access, PostgresServer
from infra.processes import Child, Supervisor
from infra.routes import SERVICES
from infra.server import listen
from infra.serving import CLOCK_OFFSET, GATEWAY
from infra.up import CLOCK_START, announce, clock_start, load, tell
from shared.auth import new_api_key

START_SECONDS = 120.0


def run_stack(data: DataFolder, host: str, port: int, *, demo: bool, brokers: int, as_json: bool) -> None:
    """Run until a signal. Raises AddressInUse, NativeError where Kafka or PostgreSQL cannot be had, Failure where nothing
    starts."""
    with data.lock():
        listen(host, port).close()  # said now, and not by the gateway's log minutes later
        data.clock(clock_start())
        told = _Progress(quiet=as_json)
        kafka = KafkaCluster(data.file("kafka"), brokers=brokers)
        postgres = PostgresServer(data.file("postgres"))
        stop, environment = _Stop(), dict[str, str]()
        supervisor = Supervisor(data.file("logs"), lambda: environment | _clock(data))
        try:
            told("PostgreSQL and Apache Kafka (its jars are fetched once)")
            _both(postgres.start, lambda: kafka.start(progress=told.fetched))
            told("databases and their schemas")
            access = _databases(postgres)
            told_all = _environment(data, access, kafka, host, port)
            for service, each in access.items():
                environment |= told_all | owner_environment(service, each.owner)
            supervisor.once("the migration", "migrate", "all")
            environment.clear()  # of the owners' access: services run as roles that own nothing
            environment |= told_all
            told("services")
            _add_children(supervisor, environment, host, port)
            supervisor.start()
            url = f"http://{host}:{port}"
            _wait_ready(url, supervisor, stop)
            announce(data, url, "stack")
            if not as_json and not stop.asked:
                _status(supervisor, postgres, kafka)
            _serve(data, url, supervisor, stop, demo=demo, as_json=as_json)
        finally:
            data.file(SERVING).unlink(missing_ok=True)
            told("ending")
            supervisor.stop()
            kafka.stop()
            postgres.stop()


def _both(first: Callable[[], None], second: Callable[[], None]) -> None:
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(first), pool.submit(second)]:
            done.result()


class _Stop:
    """Set by SIGINT or SIGTERM from here on."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


class _Progress:
    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def __call__(self, what: str) -> None:
        if not self._quiet:
            aside().print(f"[dim]stack:[/dim] {what} ...")

    def fetched(self, _what: str, done: int, total: int) -> None:
        if not self._quiet and (done == total or done % 10 == 0):
            aside().print(f"[dim]stack:[/dim]   {done} of {total} jars")


def _databases(postgres: PostgresServer) -> dict[str, Access]:
    present = postgres.databases()
    return {
        service: postgres.service_access(service) if service in present else postgres.create_service_database(service)
        for service in SERVICES
    }


def _environment(
    data: DataFolder, access: Mapping[str, Access], kafka: KafkaCluster, host: str, port: int
) -> dict[str, str]:
    """What the children are told: only settings, as in any distributed installation."""
    secrets = {
        "PARTNERS_BOOTSTRAP_KEY": data.secret(data.admin_key.name, new_api_key),
        "NOTIFICATIONS_CURSOR_KEY": data.secret("cursor.key", random_key),
        "AUDIT_KEY": data.secret("audit.key", random_key),
        "DASHBOARD_SESSION_KEY": data.secret("session.key", random_key),
    }
    found = {**os.environ, "CONVENE_DATA": str(data.path)}
    for process in REPLICAS:
        found |= environment_of(
            process,
            database_url=lambda name: access[name].runtime,
            bus_url=f"kafka://{kafka.bootstrap}",
            api_url=f"http://{host}:{port}",
            secrets=secrets,
        )
    return found


def _clock(data: DataFolder) -> dict[str, str]:
    """The demo's clock as a shift: a start would be read anew, and later, by each child."""
    if data.clock_start is None:
        return {}
    return {CLOCK_START: data.clock_start.isoformat(), CLOCK_OFFSET: str(data.clock_offset)}


def _add_children(supervisor: Supervisor, environment: dict[str, str], host: str, port: int) -> None:
    ports = iter(free_ports(sum(REPLICAS.values())))
    for service, replicas in REPLICAS.items():
        urls: list[str] = []
        for number in range(1, replicas + 1):
            name = f"{service}-{number}" if replicas > 1 else service
            child_port = next(ports)
            urls.append(f"http://127.0.0.1:{child_port}")
            supervisor.add(Child(name, ("serve", service, "--port", str(child_port)), urls[-1]))
        environment[f"CONVENE_UPSTREAM_{service.upper()}"] = ",".join(urls)
    supervisor.add(Child(GATEWAY, ("serve", GATEWAY, "--host", host, "--port", str(port)), f"http://{host}:{port}"))


def _wait_ready(url: str, supervisor: Supervisor, stop: _Stop) -> None:
    deadline = time.monotonic() + START_SECONDS
    said: Any = "nothing answered"
    while time.monotonic() < deadline and not stop.asked:
        supervisor.look(hint)
        try:
            response = httpx.get(f"{url}/readyz", timeout=5, trust_env=False)
            if response.status_code == 200 and all(
                all(each["replicas"].values()) for each in response.json()["services"].values()
            ):
                return
            said = response.text[:500]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            said = type(error).__name__
        if supervisor.hopeless:
            break
        time.sleep(0.3)
    if not stop.asked:
        raise Failure(f"the stack is not ready ({said}); see {supervisor.logs}", REFUSED)


def _serve(data: DataFolder, url: str, supervisor: Supervisor, stop: _Stop, *, demo: bool, as_json: bool) -> None:
    def on_the_way() -> bool:
        supervisor.look(hint)
        return not stop.asked

    if demo and on_the_way():
        _beside(load(data, url, as_json), on_the_way)
    elif on_the_way():
        tell(data, url, as_json)
    if as_json and stop.asked:
        json_line({"stopped": True})
    while on_the_way():
        time.sleep(0.3)


def _beside(work: Any, on_the_way: Callable[[], bool]) -> None:
    """Run a coroutine while the children are watched; given up when a signal comes."""

    async def both() -> None:
        task = asyncio.ensure_future(work)
        while not task.done():
            if not on_the_way():
                task.cancel()
            await asyncio.wait([task], timeout=0.3)
        if not task.cancelled():
            task.result()

    asyncio.run(both())


def _status(supervisor: Supervisor, postgres: PostgresServer, kafka: KafkaCluster) -> None:
    rows = [
        ("PostgreSQL", postgres.pid, f"127.0.0.1:{postgres.port}", postgres.log_file),
        *(
            (f"Kafka {number}", kafka.pid(number), f"127.0.0.1:{kafka.port(number)}", kafka.log_file(number))
            for number in kafka.brokers
        ),
        *((child.name, child.pid, child.url, supervisor.log_of(child)) for child in supervisor.children),
    ]
    table(("part", "pid", "address", "log"), rows)


__all__ = ["DEMO_KEYS", "run_stack"]
