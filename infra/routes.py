"""The one path table: which service owns which path.

The embedded app dispatches by it, the proxy of `convene stack` forwards by it, and the compose gateway's configuration
is written from it, so a new path is added here and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Final

ACTIVITIES, PARTNERS, NOTIFICATIONS = "activities", "partners", "notifications"
DASHBOARD = "dashboard"
PAGES: Final = "pages"
"""What the front answers by itself: health of the whole, and the pages that explain problems."""

SERVICES: Final = (ACTIVITIES, PARTNERS, NOTIFICATIONS)

ROUTES: Final[Mapping[str, str]] = {
    "/api/v1/plans": ACTIVITIES,
    "/api/v1/plans.ics": ACTIVITIES,
    "/api/v1/alerts": ACTIVITIES,
    "/api/v1/decisions": ACTIVITIES,
    "/api/v1/activities": ACTIVITIES,
    "/api/v1/weights": ACTIVITIES,
    "/api/v1/vocabularies": ACTIVITIES,
    "/api/v1/audit/activities": ACTIVITIES,
    "/api/v1/audit/partners": PARTNERS,
    "/api/v1/audit/notifications": NOTIFICATIONS,
    "/api/v1/held/activities": ACTIVITIES,
    "/api/v1/held/partners": PARTNERS,
    "/api/v1/held/notifications": NOTIFICATIONS,
    "/api/v1/organisations": PARTNERS,
    "/api/v1/people": PARTNERS,
    "/api/v1/me": PARTNERS,
    "/api/v1/invitations": PARTNERS,
    "/api/v1/keys": PARTNERS,
    "/api/v1/tokens": PARTNERS,
    "/api/v1/sign-in": PARTNERS,
    "/api/v1/sessions": PARTNERS,
    "/api/v1/signing-keys": PARTNERS,
    "/api/v1/partners": PARTNERS,
    "/api/v1/stream": NOTIFICATIONS,
    "/api/v1/stream-tickets": NOTIFICATIONS,
    "/api/v1/events": NOTIFICATIONS,
    "/api/v1/inbox": NOTIFICATIONS,
    "/api/v1/notifications": NOTIFICATIONS,
    "/api": PAGES,  # anything else below /api is nobody's: a 404 that is a problem, not a web page
    "/problems": PAGES,
    "/livez": PAGES,
    "/readyz": PAGES,
    "/": DASHBOARD,
}
"""Path prefix -> owner. `/api/v1/<service>/deadletters` lies below the service's own prefix."""

STREAMS: Final = ("/api/v1/stream",)
"""Paths that answer for as long as the caller listens: never buffered, never timed out."""

_BY_LENGTH: Final = sorted(ROUTES, key=len, reverse=True)


def owner_of(path: str) -> str:
    """Who answers `path`. A prefix ends at `/`, or at the `:` of an action (`/api/v1/plans:check`)."""
    for prefix in _BY_LENGTH:
        if path == prefix or prefix == "/" or (path.startswith(prefix) and path[len(prefix)] in "/:"):
            return ROUTES[prefix]
    return DASHBOARD


def openapi_path(service: str) -> str:
    """Where a service tells its OpenAPI document: below its own prefix, so that every front finds it."""
    return f"/api/v1/{service}/openapi.json"


def is_stream(path: str) -> bool:
    return path in STREAMS


def nginx_configuration(
    upstreams: Mapping[str, Sequence[str]], *, port: int = 8000, body_limit: str = "20m", resolver: str | None = None
) -> str:
    """The gateway's configuration: `upstreams` names `host:port` of each owner (`pages` may be one of the others).

    Streams are passed on as they come; a request that has reached a server is not sent again to another one. With
    `resolver` (a name server) names are looked up again and again, so that replicas may come and go (nginx >= 1.27.3).
    """
    blocks: list[str] = []
    dynamic = " resolve" if resolver else ""
    for owner, servers in upstreams.items():
        lines = "".join(f"        server {server}{dynamic};\n" for server in servers)
        if resolver:
            lines = f"        zone {owner} 64k;\n" + lines
        blocks.append(f"    upstream {owner} {{\n{lines}        keepalive 16;\n    }}\n")
    locations: list[str] = []
    for prefix, owner in ROUTES.items():
        target = f"            proxy_pass http://{owner};\n"
        if prefix in STREAMS:
            target += (
                "            proxy_buffering off;\n"
                "            proxy_cache off;\n"
                "            proxy_read_timeout 1h;\n"
                "            gzip off;\n"
            )
        # the same boundaries as `owner_of`: the path itself, what lies below it, and its actions
        pattern = "/" if prefix == "/" else "~ ^" + prefix.replace(".", r"\.") + "(?:[/:]|$)"
        locations.append(f"        location {pattern} {{\n{target}        }}\n")
    locations = _most_specific_first(locations)
    return (
        "# Generated from infra/routes.py (`convene gateway-config`): change the table there.\n"
        "events { worker_connections 4096; }\n"
        "http {\n"
        + (f"    resolver {resolver} valid=5s ipv6=off;\n" if resolver else "")
        # the services log for themselves, and addresses of pages hold invitation codes
        + "    access_log off;\n"
        "    server_tokens off;\n" + "".join(blocks) + "    server {\n"
        f"        listen {port};\n"
        f"        client_max_body_size {body_limit};\n"
        "        proxy_http_version 1.1;\n"
        '        proxy_set_header Connection "";\n'
        "        proxy_set_header Host $http_host;\n"
        "        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
        "        proxy_set_header X-Forwarded-Proto $scheme;\n"
        "        proxy_next_upstream error;\n"
        "        proxy_next_upstream_tries 2;\n" + "".join(locations) + "    }\n}\n"
    )


def _most_specific_first(locations: list[str]) -> list[str]:
    # nginx takes the first pattern that fits, so the longest go first
    return sorted(locations, key=lambda block: -len(block.split("{")[0]))
