"""What a bench runs on: a fresh Apache Kafka and PostgreSQL of its own, and servers as separate processes."""

import asyncio
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from infra.native.kafka import KafkaCluster
from infra.native.ports import free_ports
from infra.native.postgres import PostgresServer
from infra.native.process import GuardedProcess
from infra.processes import COMMAND
from infra.services import migrations_of
from shared.db import Database
from shared.migrations import role_in, upgrade

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120.0


class Stage:
    """Everything lies in one temporary folder and ends with the block, or with this process, however it ends.

    PostgreSQL syncs each commit (its default), Kafka is one broker, everything speaks over loopback.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def __enter__(self) -> "Stage":
        self.folder = Path(tempfile.mkdtemp(prefix="convene-bench-"))
        self.kafka = KafkaCluster(self.folder / "kafka")
        self.postgres = PostgresServer(self.folder / "postgres")
        self._servers: list[GuardedProcess] = []
        self._say("starting PostgreSQL and Apache Kafka")
        try:
            with ThreadPoolExecutor(2) as pool:
                for done in [pool.submit(self.postgres.start), pool.submit(self.kafka.start)]:
                    done.result()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in reversed(self._servers):
            server.stop()
        self.kafka.stop()
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def bus_url(self) -> str:
        return f"kafka://{self.kafka.bootstrap}"

    async def database(self, name: str, service: str | None = None) -> str:
        """The URL of a new database on PostgreSQL; with the service's schema, as the role that the service runs as."""
        if service is None:
            return await asyncio.to_thread(self.postgres.create_database, name)
        access = await asyncio.to_thread(self.postgres.create_service_database, name)
        await migrate(access.owner, service, runtime=role_in(access.runtime))
        return access.runtime

    async def service(self, service: str, name: str, environment: Mapping[str, str]) -> str:
        """`convene serve`, one process; the URL it answers at, once it is ready."""
        (port,) = free_ports(1)
        return await self._serve(name, [*COMMAND, "serve", service, "--port", str(port)], environment, port)

    async def embedded(self, data: Path) -> str:
        """`convene up`: all services in one process on SQLite."""
        (port,) = free_ports(1)
        return await self._serve("embedded", [*COMMAND, "up", "--data", str(data), "--port", str(port)], {}, port)

    async def bare(self, module: str, name: str, *arguments: str) -> str:
        """A bare reference of `bench/reference`, under the same uvicorn settings."""
        (port,) = free_ports(1)
        return await self._serve(
            name, [sys.executable, "-m", f"bench.reference.{module}", "--port", str(port), *arguments], {}, port
        )

    def cpu(self, *names: str) -> float:
        """Seconds of processor time that these servers have used so far. NaN where the system does not tell."""
        return sum(_cpu_of(server.pid) for server in self._servers if server.name in names)

    def cpu_of_all(self, prefix: str) -> float:
        """The same of all whose names begin so."""
        return self.cpu(*(server.name for server in self._servers if server.name.startswith(prefix)))

    async def _serve(self, name: str, command: list[str], environment: Mapping[str, str], port: int) -> str:
        server = GuardedProcess(self.folder, name)
        quiet = {
            "CONVENE_LOG_LEVEL": "WARNING",
            "CONVENE_LOG_FORMAT": "json",
            "PYTHONPATH": str(ROOT),
            "ACTIVITIES_POSTS_PER_HOUR": "1000000",
            "ACTIVITIES_REQUESTS_PER_MINUTE": "1000000",
            "NOTIFICATIONS_REQUESTS_PER_MINUTE": "1000000",
        }
        server.start(command, environment={**os.environ, **quiet, **environment})
        self._servers.append(server)
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while True:
                try:
                    answer = await client.get(f"{url}/readyz")
                    # ready for requests comes before connected to the log; a stream opens with the latter
                    if answer.status_code == 200 and '"waiting"' not in answer.text:
                        return url
                except httpx.HTTPError:
                    pass
                if not server.running or time.monotonic() > deadline:
                    raise RuntimeError(f"{name} is not ready:\n{server.log_tail()}")
                await asyncio.sleep(0.1)


def _cpu_of(pid: int | None) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def migrate(url: str, service: str, *, runtime: str | None = None) -> None:
    """Bring a database of either kind to the service's schema."""
    db = Database(url)
    try:
        await upgrade(db, migrations_of(service), runtime=runtime)
    finally:
        await db.dispose()


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 300.0) -> None:
    """Look again and again. TimeoutError where it does not come true."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.05)
