"""How many requests are answered: token buckets, counted in this process alone (three replicas answer three times as many).

Asked before the body is read and before the database is: by the credential as it was presented, and by its holder once this
process has met it, so that ten keys or a hundred tokens of one person are one person. What nobody is behind goes by the
client's address, and so do failures: whoever guesses keys, tickets or codes is stopped long before a guess is worth it.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.clock import Clock
from shared.problem import Problem
from shared.refusal import problem_response
from shared.registry import Holder

MOST = 20_000
"""Buckets kept; beyond, those that were not asked for longest are full again."""

Networks = Sequence[IPv4Network | IPv6Network]


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a minute; a bucket holds a minute's worth.

    holder    of one person or service, with whatever credentials
    public    of one client address, without any
    failures  of one client address: wrong credentials, and refused posts of nobody's (a code redeemed, a sign-in)
    proxies   whose X-Forwarded-For is believed
    """

    holder: int
    public: int
    failures: int
    proxies: Networks = ()


class Buckets:
    """One token bucket for each name: `per_minute` tokens at most, refilled evenly."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._size, self._clock = float(per_minute), clock
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str) -> float:
        """Seconds until there is a token; 0 where there is one now."""
        return max(0.0, (1 - self._tokens(name)) * 60 / self._size)

    def take(self, name: str) -> None:
        """One token, even one that is not there yet."""
        self._kept[name] = (self._tokens(name) - 1, self._clock.monotonic())
        self._kept.move_to_end(name)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def _tokens(self, name: str) -> float:
        tokens, at = self._kept.get(name, (self._size, 0.0))
        return min(self._size, tokens + (self._clock.monotonic() - at) * self._size / 60)


class LimitRates:
    """429 with `Retry-After` for requests to the API beyond the rates."""

    def __init__(self, app: ASGIApp, rates: Rates, clock: Clock) -> None:
        self._app, self._rates = app, rates
        self._holders, self._public = Buckets(rates.holder, clock), Buckets(rates.public, clock)
        self._failures = Buckets(rates.failures, clock)
        self._met: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        address, shown = client_address(scope, self._rates.proxies), _presented(scope)
        holder = self._met.get(shown) if shown else None
        buckets, name = (self._holders, holder or shown) if shown else (self._public, address)
        guesses = not holder and (shown or scope["method"] == "POST")
        wait = max(buckets.wait(name), self._failures.wait(address) if guesses else 0.0)
        if wait:
            await _refused(wait)(scope, receive, send)
            return
        buckets.take(name)
        state = scope.setdefault("state", {})

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._learn(shown, holder, state.get("holder"))
                if _failed(message["status"], shown, scope["method"]):
                    self._failures.take(address)
            await send(message)

        await self._app(scope, receive, watch)

    def _learn(self, shown: str | None, met: str | None, found: Holder | None) -> None:
        if not shown:
            return
        if not found:
            self._met.pop(shown, None)  # it does not hold any more, or was not asked for
            return
        if found.principal.id != met:
            self._holders.take(found.principal.id)  # what was counted for the credential alone
        self._met[shown] = found.principal.id
        self._met.move_to_end(shown)
        if len(self._met) > MOST:
            self._met.popitem(last=False)


def client_address(scope: Scope, proxies: Networks) -> str:
    """Who is at the other end: the last one in `X-Forwarded-For` whom a proxy of ours has seen, else the peer."""
    client = scope.get("client")
    address = str(client[0]) if client else "unknown"
    before = [each.strip() for line in Headers(scope=scope).getlist("x-forwarded-for") for each in line.split(",")]
    while before and _within(address, proxies):
        address = before.pop()[:100]
    return address


def networks(text: str) -> Networks:
    """`10.0.0.0/8, ::1`. Raises ValueError."""
    return [ip_network(each.strip()) for each in text.split(",") if each.strip()]


def _within(address: str, proxies: Networks) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in proxies)


def _presented(scope: Scope) -> str | None:
    """A name for the credential: never the credential."""
    shown = Headers(scope=scope).get("authorization")
    if shown is None and b"ticket=" in scope["query_string"]:
        shown = scope["query_string"].decode("latin-1")
    return "shown:" + hashlib.sha256(shown.encode("latin-1")).hexdigest() if shown else None


def _failed(status: int, shown: str | None, method: str) -> bool:
    if shown:
        return status == 401
    return method == "POST" and 400 <= status < 500 and status not in (401, 413)


def _refused(wait: float) -> ASGIApp:
    seconds = math.ceil(wait)
    return problem_response(
        Problem(
            "too-many-requests",
            f"Too many requests in too short a time; come again in {seconds} s.",
            headers={"Retry-After": str(seconds), "Connection": "close"},
        )
    )
