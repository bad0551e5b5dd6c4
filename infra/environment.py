"""What each process of a distributed Convene is told: the one table behind `convene stack` and docker-compose.yml.

Settings only, as in any installation: each name is that of a field of the process's settings class.
"""

from collections.abc import Callable, Mapping
from typing import Final

from infra.routes import ACTIVITIES, DASHBOARD, NOTIFICATIONS, PAGES, PARTNERS, SERVICES, nginx_configuration

REPLICAS: Final[Mapping[str, int]] = {ACTIVITIES: 2, PARTNERS: 1, NOTIFICATIONS: 2, DASHBOARD: 1}
"""Process -> how many. Partners can have more, too; its load does not ask for it."""

SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    ACTIVITIES: ("AUDIT_KEY",),
    PARTNERS: ("PARTNERS_BOOTSTRAP_KEY", "AUDIT_KEY"),
    NOTIFICATIONS: ("NOTIFICATIONS_CURSOR_KEY", "AUDIT_KEY"),
    DASHBOARD: ("DASHBOARD_SESSION_KEY",),
}
"""Process -> secrets that all of its replicas share (besides the password in its database's URL)."""

COMPOSE_PROXIES: Final = "127.0.0.0/8, ::1, 172.16.0.0/12, 192.168.0.0/16"
"""Where the gateway's container answers from: Docker draws its networks from these two."""


def environment_of(
    process: str,
    *,
    database_url: Callable[[str], str],
    bus_url: str,
    api_url: str,
    secrets: Mapping[str, str],
    upstreams: Mapping[str, str] | None = None,
    proxies: str = "",
) -> dict[str, str]:
    """The environment of one process: a service or the dashboard. KeyError where a secret of its is not given.

    database_url  service -> its own database
    api_url       where the gateway answers: the dashboard is a client like any other
    upstreams     service -> where it answers, when the gateway is nginx: the health of the whole is then asked by the
                  dashboard's process
    proxies       networks whose X-Forwarded-For the services believe, where that is not this machine alone
    """
    found = {"CONVENE_LOG_FORMAT": "json", **{name: secrets[name] for name in SECRETS[process]}}
    if process in SERVICES:
        found |= {f"{process.upper()}_DATABASE_URL": database_url(process), "BUS_URL": bus_url}
        found |= {"TRUSTED_PROXIES": proxies} if proxies else {}
    if process == DASHBOARD:
        found |= {"CONVENE_API_URL": api_url}
        found |= {f"CONVENE_UPSTREAM_{service.upper()}": url for service, url in (upstreams or {}).items()}
    return found


def owner_environment(service: str, owner_url: str) -> dict[str, str]:
    """What `convene migrate` is told besides, and no service: its database as the owner of the tables."""
    return {f"{service.upper()}_DATABASE_OWNER_URL": owner_url}


def compose_gateway() -> str:
    """infra/compose/nginx.conf: the containers by their names, looked up again as they come and go."""
    upstreams = {process: [f"{process}:8000"] for process in REPLICAS}
    # the dashboard's process has health and the problem pages beside it
    upstreams[PAGES] = upstreams[DASHBOARD]
    return nginx_configuration(upstreams, resolver="127.0.0.11")
