"""An OpenID provider from outside: where its pages are and which keys it signs with, fetched rarely.

Never more than two requests a minute leave for it, whatever is sent to us: an unknown `kid` asks for the keys again at most
every 30 seconds. What was fetched last stays good while the provider is down. https only (http to this very machine, for
tests), no redirects, no proxy from the environment, a bound on size and time. Source: OpenID Connect Discovery 1.0, RFC 8414.
"""

import asyncio
import ipaddress
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import structlog

from services.partners.signin.idtokens import ALGORITHMS, LONGEST
from shared.clock import Clock
from shared.tokens import BadToken, key_id

log = structlog.get_logger(__name__)

AGAIN = 30.0
"""Seconds between two requests for the keys."""
PER_MINUTE = 2
FRESH = 24 * 3600.0
"""Seconds after which addresses and keys are asked for again, where that works."""
PATIENCE = 5.0
LARGEST = 256_000
MOST_KEYS = 100


class ProviderDown(Exception):
    """Nothing is known of the provider, and it does not answer (or was asked too recently)."""


class _NotFetched(Exception):
    """The text is for logs."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What discovery tells that we use."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Provider:
    """One provider, by its issuer.

    staff      it gives its people their addresses itself, and need not call them verified
    transport  for tests; without one it goes over the network
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        clock: Clock,
        *,
        staff: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        check_address(issuer)
        self.issuer, self.client_id, self.staff = issuer, client_id, staff
        self._clock, self._transport = clock, transport
        self._lock = asyncio.Lock()
        self._sent: deque[float] = deque(maxlen=PER_MINUTE)
        self._addresses: Addresses | None = None
        self._keys: dict[str, dict[str, Any]] = {}
        self._addresses_until = self._keys_until = self._keys_not_before = float("-inf")

    async def addresses(self) -> Addresses:
        """Where to send people. Raises ProviderDown."""
        if self._addresses is None or self._addresses_until <= self._clock.monotonic():
            async with self._lock:
                await self._discover()
        if self._addresses is None:
            raise ProviderDown
        return self._addresses

    async def key_for(self, id_token: str) -> Mapping[str, Any]:
        """The public key that the token says it is signed with. Raises BadToken, or ProviderDown."""
        if len(id_token) > LONGEST:
            raise BadToken("too long")
        kid = key_id(id_token, longest=256)
        if kid not in self._keys or self._keys_until <= self._clock.monotonic():
            async with self._lock:
                await self._fetch_keys(kid)
        if kid in self._keys:
            return self._keys[kid]
        if not self._keys:
            raise ProviderDown
        raise BadToken("unknown key id")

    async def _fetch_keys(self, kid: str) -> None:
        now = self._clock.monotonic()
        if (kid in self._keys and now < self._keys_until) or now < self._keys_not_before:
            return
        await self._discover()
        if self._addresses is None:
            return
        try:
            found = await self._fetch(self._addresses.jwks_uri)
        except _NotFetched as error:
            log.warning("provider.keys_not_fetched", error=str(error))
        else:
            if keys := _usable(found):
                self._keys, self._keys_until = keys, now + FRESH
        self._keys_not_before = now + AGAIN

    async def _discover(self) -> None:
        """Ask for the addresses where that is due; keep those there are where it fails."""
        now = self._clock.monotonic()
        if now < self._addresses_until:
            return
        try:
            found = await self._fetch(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != self.issuer:
                raise _NotFetched("it calls itself by another name")
            wanted = {name: found.get(name) for name in Addresses.__slots__}
            for address in wanted.values():
                check_address(address, local=is_local(self.issuer))
            self._addresses = Addresses(**cast("dict[str, str]", wanted))
            self._addresses_until = now + FRESH
        except (_NotFetched, ValueError) as error:
            self._addresses_until = now + AGAIN
            log.warning("provider.not_discovered", error=str(error)[:200])

    async def _fetch(self, url: str) -> dict[str, Any]:
        """A JSON object. Raises _NotFetched, also where this would be the third request within a minute."""
        now = self._clock.monotonic()
        if len(self._sent) == PER_MINUTE and now < self._sent[0] + 60:
            raise _NotFetched("asked too often")
        self._sent.append(now)
        try:
            async with asyncio.timeout(PATIENCE), self._client() as http, http.stream("GET", url) as answer:
                if answer.status_code != 200:
                    raise _NotFetched(f"answered {answer.status_code}")
                body = b""
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > LARGEST:
                        raise _NotFetched("answered too much")
            found = json.loads(body)
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            raise _NotFetched(type(error).__name__) from error
        if not isinstance(found, dict):
            raise _NotFetched("answered no JSON object")
        return cast("dict[str, Any]", found)

    def _client(self) -> httpx.AsyncClient:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        return httpx.AsyncClient(transport=self._transport, trust_env=False, timeout=PATIENCE, headers=headers)


def _usable(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """kid -> public JWK, of those that may sign and that we verify with."""
    keys = found.get("keys")
    usable: dict[str, dict[str, Any]] = {}
    for each in cast("list[Any]", keys)[:MOST_KEYS] if isinstance(keys, list) else []:
        if not isinstance(each, dict):
            continue
        key = cast("dict[str, Any]", each)
        if isinstance(key.get("kid"), str) and key.get("kty") in ALGORITHMS.values() and key.get("use", "sig") == "sig":
            usable[key["kid"]] = key
    return usable


def is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_address(url: Any, *, local: bool = True) -> None:
    """Raises ValueError for what is not https, or (where `local` allows it) http to this very machine."""
    parts = urlsplit(url if isinstance(url, str) else "")
    good = parts.scheme == "https" or (local and parts.scheme == "http" and is_local(url))
    if not good or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise ValueError("an OpenID provider's address is https, without a user or a fragment")
