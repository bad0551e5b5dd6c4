"""Whether services that run elsewhere are ready: what stands in front of them asks each of their replicas."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from infra.front import Probe

PREFIX = "CONVENE_UPSTREAM_"
_SECONDS = 5.0


def upstreams_of(environment: Mapping[str, str], owners: Iterable[str]) -> dict[str, list[str]]:
    """`CONVENE_UPSTREAM_ACTIVITIES=http://a:8001,http://b:8001`, for each of `owners`: owner -> base URLs.

    Raises ValueError where one of them is not set.
    """
    found: dict[str, list[str]] = {}
    for owner in owners:
        text = environment.get(PREFIX + owner.upper(), "")
        urls = [each.strip().rstrip("/") for each in text.split(",") if each.strip()]
        if not urls:
            raise ValueError(f"{PREFIX}{owner.upper()} is not set: where does {owner} answer?")
        found[owner] = urls
    return found


def probes_of(upstreams: Mapping[str, Sequence[str]], client: httpx.AsyncClient) -> dict[str, Probe]:
    """For each service a probe of all its replicas: ready where one of them is, with what that one says of itself."""
    return {service: _probe(urls, client) for service, urls in upstreams.items()}


def _probe(urls: Sequence[str], client: httpx.AsyncClient) -> Probe:
    async def ask() -> tuple[bool, Mapping[str, Any]]:
        answers = await asyncio.gather(*(_readiness(url, client) for url in urls))
        ready = [checks for ok, checks in answers if ok]
        replicas = {url: ok for url, (ok, _) in zip(urls, answers, strict=True)}
        return bool(ready), {"replicas": replicas, "checks": (ready or [answers[0][1]])[0]}

    return ask


async def _readiness(url: str, client: httpx.AsyncClient) -> tuple[bool, Mapping[str, Any]]:
    try:
        response = await client.get(f"{url}/readyz", timeout=_SECONDS)
        said = response.json()
    except (httpx.HTTPError, ValueError) as error:
        return False, {"gateway": type(error).__name__}
    return response.status_code == 200, said.get("checks", {}) if isinstance(said, dict) else {}
