"""Convene distributed, one real process per replica, each of which a test may kill, pause and start again."""

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path

from infra.embedded import random_key
from infra.environment import environment_of, owner_environment
from infra.native.kafka import KafkaCluster
from infra.native.ports import free_ports
from infra.native.postgres import ExternalPostgres
from infra.routes import ACTIVITIES, DASHBOARD, NOTIFICATIONS, PARTNERS, SERVICES
from infra.serving import GATEWAY
from shared.auth import new_api_key
from tests.support.processes import Launcher, Running
from tests.support.roles import owner_of, service_database

REPLICAS = ("activities-1", "activities-2", "notifications-1", "notifications-2", "partners")


class Distributed:
    """`url` is the gateway. Replicas are named `activities-1`; a name that is not there yet is a further replica,
    which the gateway does not know and which is asked directly."""

    def __init__(self, launcher: Launcher, folder: Path, kafka: KafkaCluster, postgres: ExternalPostgres) -> None:
        self.launcher, self.folder, self.kafka = launcher, folder, kafka
        self.admin = new_api_key()
        self._postgres = postgres
        self._databases = {service: f"e2e_{service}_{secrets.token_hex(4)}" for service in SERVICES}
        self.database = {service: service_database(postgres, name) for service, name in self._databases.items()}
        ports = free_ports(len(REPLICAS) + 1)
        self._ports = dict(zip((*REPLICAS, GATEWAY), ports, strict=True))
        self.processes: dict[str, Running] = {}
        self._secrets = {
            "PARTNERS_BOOTSTRAP_KEY": self.admin,
            "NOTIFICATIONS_CURSOR_KEY": random_key(),
            "AUDIT_KEY": random_key(),
        }

    @property
    def url(self) -> str:
        return self.url_of(GATEWAY)

    def url_of(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    async def start(self) -> None:
        for service in SERVICES:
            code, said = self.launcher.run(
                "migrate",
                service,
                log=self.folder / "migrate.log",
                environment=self._environment(service) | owner_environment(service, owner_of(self.database[service])),
            )
            assert code == 0, said
        await self.begin(*REPLICAS)
        upstreams = {
            f"CONVENE_UPSTREAM_{service.upper()}": ",".join(
                self.url_of(name) for name in REPLICAS if name.split("-")[0] == service
            )
            for service in SERVICES
        }
        nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
        self._launch(GATEWAY, GATEWAY, {**upstreams, f"CONVENE_UPSTREAM_{DASHBOARD.upper()}": nobody})
        await self.processes[GATEWAY].ready()

    async def begin(self, *names: str) -> None:
        """Start these replicas and wait until they serve."""
        for name in names:
            self._ports.setdefault(name, free_ports(1)[0])
            service = name.split("-")[0]
            self._launch(name, service, self._environment(service))
        await asyncio.gather(*(self.processes[name].ready() for name in names))

    def kill(self, name: str) -> None:
        self.processes.pop(name).kill()

    def stop(self) -> None:
        for process in self.processes.values():
            if process.code is None:
                process.kill()
        for name in self._databases.values():
            self._postgres.drop_database(name)

    def tails(self, names: Sequence[str] | None = None) -> str:
        return "\n".join(f"== {name}\n{self.processes[name].tail(15)}" for name in names or self.processes)

    def _launch(self, name: str, process: str, environment: dict[str, str]) -> None:
        url = self.url_of(name)
        self.processes[name] = self.launcher.start(
            "serve", process, "--port", str(self._ports[name]),
            url=url, log=self.folder / f"{name}.log", environment=environment,
        )  # fmt: skip

    def _environment(self, service: str) -> dict[str, str]:
        return environment_of(
            service,
            database_url=lambda name: self.database[name],
            bus_url=f"kafka://{self.kafka.bootstrap}",
            api_url=self.url,
            secrets=self._secrets,
        )


__all__ = ["ACTIVITIES", "NOTIFICATIONS", "PARTNERS", "Distributed"]
